import { LabError } from '../../../core/errors.ts';
import { parseIdentity } from '../../../protocol/idn.ts';
import type { Dialogue } from './dialogue.ts';
import { frameTransport, type ReplyFramer } from './framed-transport.ts';

/** `05.00`, `1.000`: VSET1?, VOUT1?, ISET1?, IOUT1?. */
const NUMBER_BYTES = 5;
/** Silence that ends an answer without a known length; at 9600 baud a byte takes 1 ms, the slowest devices pause less than that between bytes. */
const SILENCE_MS = 60;
/** Longest identity with its version and serial number (libsigrok allows 48). */
const MAX_TEXT = 200;

/**
 * Korad KA3005P and its clones: nothing has an end, questions have answers of known length, commands have none, errors do not exist
 * (libsigrok, korad-kaxxxxp/protocol.c). The raw byte of STATUS? becomes a decimal number: it may be a line feed.
 */
export const koradDialogue: Dialogue = {
  frame: (transport, clock) => frameTransport(transport, createKoradFramer(), clock),
  async identify({ session, resource, timeoutMs }) {
    const text = await session.query('*IDN?', { timeoutMs, priority: 'person' });
    if (/^[A-Z][\x20-\x7e]*\d/i.test(text)) return parseIdentity(text);
    throw new LabError(
      'instrument.mismatch',
      `${resource} answers *IDN? with “${text.slice(0, 60)}”, which no supply of this family does. It is not attached. Check the family chosen, and the baud rate.`,
      { resource, reply: text.slice(0, 200) },
    );
  },
};

/** What the answer being waited for looks like. */
type Awaited = 'number' | 'byte' | 'text';

/** Its state: what is waited for, and what of it is there. Public for tests. */
export function createKoradFramer(): ReplyFramer {
  let awaited: Awaited | undefined;
  let pending = '';
  /** Firmware V2.0 sends a byte too many after ISET1?: it belongs to nobody. */
  let mayHaveSurplus = false;

  const finish = (line: string): string => {
    awaited = undefined;
    return `${line}\n`;
  };

  return {
    sent(message) {
      awaited = awaitedAfter(message);
      pending = '';
      mayHaveSurplus = /^ISET\d\?$/i.test(message);
      return undefined;
    },
    push(text) {
      let rest = text;
      let out = '';
      if (awaited === 'byte' && rest !== '') {
        out += finish(String(rest.charCodeAt(0)));
        rest = rest.slice(1);
      } else if (awaited !== undefined) {
        pending += rest;
        rest = '';
        if (awaited === 'number' && pending.length >= NUMBER_BYTES) {
          rest = pending.slice(NUMBER_BYTES);
          out += finish(pending.slice(0, NUMBER_BYTES));
          pending = '';
        } else if (pending.length > MAX_TEXT) out += this.silence();
      }
      if (mayHaveSurplus && awaited === undefined && rest !== '') {
        mayHaveSurplus = false;
        rest = rest.slice(1);
      }
      return out + rest;
    },
    get silenceMs() {
      return pending === '' ? undefined : SILENCE_MS;
    },
    silence() {
      // Behind an identity some firmware sends a byte that is no text.
      const text = pending.replace(/[^\x20-\x7e]+$/, '');
      pending = '';
      return finish(text);
    },
  };
}

function awaitedAfter(message: string): Awaited | undefined {
  if (!message.endsWith('?')) return undefined;
  if (/^STATUS\?$/i.test(message)) return 'byte';
  return /^[VI](SET|OUT)\d\?$/i.test(message) ? 'number' : 'text';
}
