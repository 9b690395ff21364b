import type { FaultGate } from '../fault.ts';
import type { ExchangeNotes } from '../ledger.ts';
import type { Reply } from '../scpi/command.ts';
import type { ScpiInstrument } from '../scpi/instrument.ts';
import type { Accept, DeviceConnection, DeviceWire } from './device-wire.ts';
import { LineInput } from './line-input.ts';

const LF = 0x0a;
const latin1 = new TextDecoder('latin1');
const utf8 = new TextEncoder();

export interface ScpiPort {
  instrument: ScpiInstrument;
  gate: FaultGate;
  ledger: ExchangeNotes | undefined;
  /** LFs after a block: Rigol and Siglent send one, 488.2 asks for one too; default 1. */
  blockTerminators?: number;
}

/** SCPI over a byte stream: lines in (LF or CR LF), one line out per message that asked something. */
export function acceptScpi(port: ScpiPort): Accept {
  return (wire) => openScpiConnection(wire, port);
}

function openScpiConnection(wire: DeviceWire, { instrument, gate, ledger }: ScpiPort): DeviceConnection {
  const input = new LineInput();
  return {
    closed: () => {},
    async receive(bytes) {
      for (const line of input.push(bytes)) {
        await gate.whileHung();
        if (line === undefined) {
          instrument.fail(-363);
          continue;
        }
        const message = latin1.decode(line);
        const replies = await instrument.execute(message);
        if (replies.length === 0) {
          ledger?.write(message, undefined, 'sent');
          continue;
        }
        const answer = frameReplies(replies);
        // Before the optional call: without a ledger its arguments are not evaluated.
        const fate = await gate.deliver(wire, answer);
        ledger?.write(message, answer, fate);
      }
    },
  };
}

/** IEEE 488.2 8.4: the answers of one message joined by ';', ended by LF. */
export function frameReplies(replies: readonly Reply[]): Uint8Array {
  const parts = replies.map((reply) => (typeof reply === 'string' ? utf8.encode(reply) : reply));
  const size = parts.reduce((sum, part) => sum + part.length + 1, 0);
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const [index, part] of parts.entries()) {
    bytes.set(part, at);
    at += part.length;
    bytes[at++] = index + 1 < parts.length ? 0x3b : LF;
  }
  return bytes;
}
