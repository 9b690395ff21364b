import { decodeTcp, isWholeRtu, rtuAnswerLength, type TcpFrame } from '../../../protocol/modbus.ts';

const NOTHING = new Uint8Array(0);

/** Cuts what comes over Modbus/TCP at its frames, whether a question waits or not: the stream stays in step. */
export class TcpCutter {
  #rest: Uint8Array = NOTHING;

  /** Gives each whole frame, valid during the call. False: what came is no Modbus/TCP, and nothing behind it can be told apart. */
  take(chunk: Uint8Array, onFrame: (frame: TcpFrame) => void): boolean {
    let bytes = joined(this.#rest, chunk);
    for (let frame = decodeTcp(bytes); frame; frame = decodeTcp(bytes)) {
      if (frame === 'malformed') return false;
      bytes = bytes.subarray(frame.length);
      onFrame(frame);
    }
    this.#rest = kept(bytes);
    return true;
  }
}

/** Cuts answers out of a serial line. A frame is whole when its length says so; what fits no length waits for silence, which only the caller sees. */
export class RtuCutter {
  #rest: Uint8Array = NOTHING;

  /** Bytes that are no whole frame yet. */
  get waiting(): number {
    return this.#rest.length;
  }

  /** Gives unit, function and data of each whole frame, valid during the call. */
  take(chunk: Uint8Array, onFrame: (unit: number, pdu: Uint8Array) => void): void {
    let bytes = joined(this.#rest, chunk);
    for (;;) {
      const length = rtuAnswerLength(bytes);
      if (length === undefined || length === 0 || bytes.length < length) break;
      const frame = bytes.subarray(0, length);
      if (!isWholeRtu(frame)) break;
      bytes = bytes.subarray(length);
      onFrame(frame[0] ?? 0, frame.subarray(1, -2));
    }
    this.#rest = kept(bytes);
  }

  drop(): void {
    this.#rest = NOTHING;
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** A chunk is only borrowed. */
function kept(bytes: Uint8Array): Uint8Array {
  return bytes.length > 0 ? Uint8Array.from(bytes) : NOTHING;
}
