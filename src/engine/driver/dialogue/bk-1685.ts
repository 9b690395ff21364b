import { createDeferred, type Deferred } from '../../../core/deferred.ts';
import { LabError } from '../../../core/errors.ts';
import type { Identity } from '../../../core/instrument.ts';
import type { Dialogue } from './dialogue.ts';
import { frameTransport, type ReplyFramer } from './framed-transport.ts';

/** A line longer than any answer is noise: it goes on as it is. */
const MAX_LINE = 200;

/**
 * B&K Precision 1685B, 1687B, 1688B (made by Manson): questions begin with G and are answered `DATA CR OK CR`, commands `OK CR`. A command counts as
 * taken when its OK has come. There is no *IDN?: the ratings that GMAX tells are those of one model (1685B User Manual, “Command set”).
 */
export const bk1685Dialogue: Dialogue = {
  frame: (transport, clock) => frameTransport(transport, createBk1685Framer(), clock),
  async identify({ session, resource, timeoutMs }) {
    const text = await session.query('GMAX', { timeoutMs, priority: 'person' });
    const [, volts, amps] = /^(\d{3})(\d{3})$/.exec(text.trim()) ?? [];
    if (volts !== undefined && amps !== undefined) return identityOf(Number(volts) / 10, Number(amps) / 10);
    throw new LabError(
      'instrument.mismatch',
      `${resource} answers GMAX with “${text.slice(0, 60)}”, which no supply of this family does. It is not attached. Check the family chosen, and the baud rate.`,
      { resource, reply: text.slice(0, 200) },
    );
  },
};

/** Ratings by model, in V and A. */
const RATINGS = [
  { model: '1685B', volts: 60, amps: 5 },
  { model: '1687B', volts: 36, amps: 10 },
  { model: '1688B', volts: 18, amps: 20 },
] as const;

function identityOf(volts: number, amps: number): Identity {
  const isNear = (is: number, rated: number): boolean => Math.abs(is - rated) <= rated * 0.1;
  const found = RATINGS.find((one) => isNear(volts, one.volts) && isNear(amps, one.amps));
  return { maker: 'B&K Precision', model: found?.model ?? `168x ${volts} V ${amps} A`, serial: '', firmware: '' };
}

interface Awaited {
  isQuestion: boolean;
  data: string[];
  taken: Deferred<void>;
}

/** Its state: what still has to be answered, oldest first. Public for tests. */
export function createBk1685Framer(): ReplyFramer {
  const awaited: Awaited[] = [];
  let line = '';

  const lineCame = (text: string): string => {
    const [first] = awaited;
    if (!first) return `${text}\r`;
    if (text !== 'OK') {
      // Nothing but OK follows a command.
      if (!first.isQuestion) return `${text}\r`;
      first.data.push(text);
      return '';
    }
    awaited.shift();
    first.taken.resolve();
    return first.isQuestion ? `${first.data.join(',') || 'OK'}\n` : '';
  };

  return {
    sent(message) {
      const isQuestion = /^G/i.test(message);
      const one: Awaited = { isQuestion, data: [], taken: createDeferred<void>() };
      awaited.push(one);
      return isQuestion ? undefined : one.taken.promise;
    },
    push(text) {
      let out = '';
      for (const character of text) {
        if (character === '\n') continue;
        if (character !== '\r') line += character;
        if (character !== '\r' && line.length <= MAX_LINE) continue;
        out += lineCame(line);
        line = '';
      }
      return out;
    },
    silenceMs: undefined,
    silence: () => '',
  };
}
