import type { Inflater } from '../../protocol/lab/compression.ts';
import { inflateGuarded } from '../../protocol/lab/compression.ts';
import { parseTolerantJson } from '../../protocol/lab/tolerant-json.ts';
import type { VitalFrame } from '../../protocol/lab/vital-frame.ts';
import { parseVitalFrame, VITAL_FLAGS } from '../../protocol/lab/vital-frame.ts';
import type { VitalMessage } from '../../protocol/lab/vital-message.ts';
import { vitalMessage, vitalTextMessage } from '../../protocol/lab/vital-message.ts';
import { parseMessagePack } from '../../protocol/lab/vital-payload.ts';
import { unwrapVital } from '../../protocol/lab/vital-wrapper.ts';
import type { SocketData } from '../ports.ts';

export type VitalRead = { message: VitalMessage; frame: VitalFrame | undefined } | { fault: string; code: number };

/** Reads one message, binary or text. Never throws; a fault has the number of VITAL's list. */
export function readVital(data: SocketData, inflater: Inflater, maxPayloadBytes: number): VitalRead {
  if (typeof data === 'string') return readText(data);
  const found = parseVitalFrame(data, maxPayloadBytes);
  if ('fault' in found) return found;
  const { frame } = found;
  if (frame.flags & VITAL_FLAGS.ENCRYPTED) return { fault: 'encrypted', code: 0x200 };
  const payload = plainPayload(frame, inflater);
  if (!payload) return { fault: 'the payload cannot be inflated', code: 0x103 };
  const value = payload.length === 0 ? {} : parseMessagePack(payload);
  if (value === undefined) return { fault: 'the payload is no MessagePack', code: 0x200 };
  const message = vitalMessage(frame.type, unwrapVital(value));
  return message ? { message, frame } : { fault: `fields of ${frame.type}`, code: 0x201 };
}

function readText(text: string): VitalRead {
  try {
    const message = vitalTextMessage(parseTolerantJson(text));
    return message ? { message, frame: undefined } : { fault: 'an unknown message', code: 0x104 };
  } catch {
    return { fault: 'no JSON', code: 0x200 };
  }
}

/** COMPRESSED exists since version 2. */
function plainPayload({ version, flags, payload }: VitalFrame, inflater: Inflater): Uint8Array | undefined {
  if (version === 1 || !(flags & VITAL_FLAGS.COMPRESSED)) return payload;
  try {
    return inflateGuarded(inflater, 'zlib', payload);
  } catch {
    return undefined;
  }
}
