import type { SimulatedOrder } from '../definition/definition-exchanges.ts';
import { ScpiError } from '../scpi/error-queue.ts';
import type { Accept } from '../wire/device-wire.ts';
import type { DialogueParts } from './dialogue-wire.ts';
import { orderMeant } from './order-meant.ts';

/** Firmware V2.0 sends this byte behind the answer of ISET1?. */
const SURPLUS = 'K';
/** Longest message; what is longer is noise. */
const MAX_BYTES = 64;
/** Messages have no end: one that is no question is over when nothing comes for so long. */
const GAP_MS = 15;

/** A Korad on its serial line: no terminators, answers of fixed length, the status as a raw byte, no errors. */
export function acceptKorad({ definition, clock, exchanges, gate, ledger }: DialogueParts): Accept {
  const answerTo = (message: string): string | undefined => {
    if (message === '*IDN?') return definition.simulation.identity;
    const question = exchanges.questions.find(({ text }) => text === message);
    if (!question) return undefined;
    const answer = question.answer();
    if (message === 'STATUS?') return String.fromCharCode(Number(answer));
    const number = Number(answer);
    const text = message.startsWith('V') ? number.toFixed(2).padStart(5, '0') : number.toFixed(3);
    return message.startsWith('ISET') ? text + SURPLUS : text;
  };

  return (wire) => {
    let pending = '';
    let gap: Disposable | undefined;
    const obey = (message: string): void => {
      ledger?.write(message, undefined, 'sent');
      const meant = orderMeant(exchanges.orders, message);
      if (meant) attempt(meant.order, meant.value);
    };
    const endMessage = (): void => {
      gap?.[Symbol.dispose]();
      gap = undefined;
      if (pending !== '') obey(pending);
      pending = '';
    };
    return {
      closed: () => gap?.[Symbol.dispose](),
      async receive(bytes) {
        await gate.whileHung();
        gap?.[Symbol.dispose]();
        pending = (pending + latin1.decode(bytes)).slice(-MAX_BYTES);
        for (let end = pending.indexOf('?'); end >= 0; end = pending.indexOf('?')) {
          const message = pending.slice(0, end + 1);
          pending = pending.slice(end + 1);
          const answer = answerTo(message);
          if (answer === undefined) continue;
          const reply = Uint8Array.from(answer, (character) => character.charCodeAt(0));
          const fate = await gate.deliver(wire, reply);
          ledger?.write(message, reply, fate);
        }
        if (pending !== '') gap = clock.after(GAP_MS, endMessage);
      },
    };
  };
}

const latin1 = new TextDecoder('latin1');

/** What it refuses it just does not do. */
function attempt(order: SimulatedOrder, value: string): void {
  try {
    order.obey(value);
  } catch (error) {
    if (!(error instanceof ScpiError)) throw error;
  }
}
