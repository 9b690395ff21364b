import { encodeFrame, FRAME_TYPE } from '../../protocol/lab/labwire-frame.ts';
import type { Flight } from './flow-window.ts';

/** Frames that go out as one message. */
export class FrameBatch {
  readonly #join: ((frames: readonly Uint8Array[]) => Uint8Array) | undefined;
  #frames: Uint8Array[] = [];
  #flights: Flight[] = [];
  #bytes = 0;

  constructor(join: ((frames: readonly Uint8Array[]) => Uint8Array) | undefined) {
    this.#join = join;
  }

  get canJoin(): boolean {
    return this.#join !== undefined;
  }

  get size(): number {
    return this.#frames.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(frame: Uint8Array, flight: Flight): void {
    this.#frames.push(frame);
    this.#flights.push(flight);
    this.#bytes += frame.length;
  }

  /** What was gathered, as one message; a single frame stays as it is. */
  take(): { data: Uint8Array; flights: Flight[] } | undefined {
    const [first] = this.#frames;
    if (!first) return undefined;
    const data = this.#frames.length === 1 || !this.#join ? first : this.#join(this.#frames);
    const flights = this.#flights;
    this.#frames = [];
    this.#flights = [];
    this.#bytes = 0;
    return { data, flights };
  }
}

/** A BATCH of `labwire.1`: whole frames, each padded to 8. */
export function joinLabwireFrames(frames: readonly Uint8Array[]): Uint8Array {
  const payload = new Uint8Array(frames.reduce((sum, { length }) => sum + ((length + 7) & ~7), 0));
  let at = 0;
  for (const frame of frames) {
    payload.set(frame, at);
    at += (frame.length + 7) & ~7;
  }
  return encodeFrame({
    type: FRAME_TYPE.batch,
    flags: 0,
    codec: 'raw',
    dtype: 'f32',
    handle: 0,
    channels: 0,
    seq: 0,
    t0Ns: 0n,
    dtS: 0,
    rows: frames.length,
    skipped: undefined,
    payload,
  });
}
