import type { DeviceWire } from './device-wire.ts';
import type { MessageDevice } from './message-device.ts';
import { MessageExchange } from './message-exchange.ts';
import { frameReplies, type ScpiPort } from './scpi-connection.ts';

const latin1 = new TextDecoder('latin1');

type Respond = (bytes: Uint8Array, end: boolean) => void;

/** An SCPI instrument for message-based ways: the same parser, faults and ledger as over a socket. */
export function createScpiMessageDevice({ instrument, gate, ledger }: ScpiPort): MessageDevice {
  return {
    idn: instrument.idn,
    connect(cut) {
      let wire = new MessageWire(cut);
      return new MessageExchange({
        statusByte: () => instrument.status.byte(instrument.errors.size),
        serviceRequestEnable: () => instrument.status.serviceRequestEnable,
        fail: (code) => instrument.fail(code),
        // What is late, held back or not begun by then stays with the wire of before, which nobody hears.
        clear: () => {
          wire = new MessageWire(cut);
        },
        async execute(bytes, respond) {
          const own = wire;
          await gate.whileHung();
          // A device clear empties the input of an instrument that hangs, too: what it had not begun it never does.
          if (own !== wire) return;
          const message = latin1.decode(bytes);
          const replies = await instrument.execute(message);
          if (replies.length === 0) {
            ledger?.write(message, undefined, 'sent');
            return;
          }
          const answer = frameReplies(replies);
          own.respond = respond;
          const fate = await gate.deliver(own, answer);
          ledger?.write(message, answer, fate);
        },
      });
    },
  };
}

/** A wire with message ends: pieces go on as they come, the last of a reply with END. Only when it has ended is the last known. */
class MessageWire implements DeviceWire {
  readonly pendingBytes = 0;
  readonly cut: () => void;
  respond: Respond = () => {};
  #held: Uint8Array | undefined;

  constructor(cut: () => void) {
    this.cut = cut;
  }

  async send(bytes: Uint8Array): Promise<void> {
    if (this.#held) this.respond(this.#held, false);
    this.#held = bytes;
  }

  replyEnds(): void {
    if (this.#held) this.respond(this.#held, true);
    this.#held = undefined;
  }
}
