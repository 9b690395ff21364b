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
