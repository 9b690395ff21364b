import type { DeviceWire } from './device-wire.ts';
import type { MessageDevice } from './message-device.ts';
import { MessageExchange } from './message-exchange.ts';
import { frameReplies, type ScpiPort } from './scpi-connection.ts';

const latin1 = new TextDecoder('latin1');

/** An SCPI instrument for message-based ways: the same parser, faults and ledger as over a socket. */
export function createScpiMessageDevice({ instrument, gate, ledger }: ScpiPort): MessageDevice {
  return {
    idn: instrument.idn,
    connect(cut) {
      return new MessageExchange({
        statusByte: () => instrument.status.byte(instrument.errors.size),
        serviceRequestEnable: () => instrument.status.serviceRequestEnable,
        fail: (code) => instrument.fail(code),
        async execute(bytes, respond) {
          await gate.whileHung();
          const message = latin1.decode(bytes);
          const replies = await instrument.execute(message);
          if (replies.length === 0) {
            ledger?.write(message, undefined, 'sent');
            return;
          }
          const answer = frameReplies(replies);
          const wire = holdingWire(respond, cut);
          const fate = await gate.deliver(wire, answer);
          wire.end();
          ledger?.write(message, answer, fate);
        },
      });
    },
  };
}

/** Gives pieces on as they come, the last one with END: only then is the last known. */
function holdingWire(
  respond: (bytes: Uint8Array, end: boolean) => void,
  cut: () => void,
): DeviceWire & { end(): void } {
  let held: Uint8Array | undefined;
  return {
    pendingBytes: 0,
    async send(bytes) {
      if (held) respond(held, false);
      held = bytes;
    },
    cut,
    end() {
      if (held) respond(held, true);
      held = undefined;
    },
  };
}
