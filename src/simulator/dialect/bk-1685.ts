import { ScpiError } from '../scpi/error-queue.ts';
import type { Accept } from '../wire/device-wire.ts';
import type { DialogueParts } from './dialogue-wire.ts';
import { orderMeant } from './order-meant.ts';

/** Longest message; what is longer is noise. */
const MAX_BYTES = 64;

/** A 1685B on its serial line: messages end by CR, questions are answered `DATA CR OK CR`, commands `OK CR`; what it does not know, nothing. */
export function acceptBk1685({ exchanges, gate, ledger }: DialogueParts): Accept {
  const answerTo = (message: string): string | undefined => {
    const question = exchanges.questions.find(({ text }) => text === message);
    if (question) return `${question.answer()}\rOK\r`;
    const meant = orderMeant(exchanges.orders, message);
    if (!meant) return undefined;
    try {
      meant.order.obey(meant.value);
    } catch (error) {
      // Out of range: it says OK and does nothing.
      if (!(error instanceof ScpiError)) throw error;
    }
    return 'OK\r';
  };

  return (wire) => {
    let pending = '';
    return {
      closed: () => {},
      async receive(bytes) {
        await gate.whileHung();
        pending += latin1.decode(bytes);
        const messages = pending.split('\r');
        pending = (messages.pop() ?? '').slice(-MAX_BYTES);
        for (const message of messages) {
          const answer = answerTo(message);
          if (answer === undefined) continue;
          const reply = Uint8Array.from(answer, (character) => character.charCodeAt(0));
          const fate = await gate.deliver(wire, reply);
          ledger?.write(message, reply, fate);
        }
      },
    };
  };
}

const latin1 = new TextDecoder('latin1');
