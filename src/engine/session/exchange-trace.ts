import type { Clock } from '../../core/clock.ts';
import type { Exchange } from './session.ts';

const MAX_TEXT = 512;
/** Entries of late bytes in a row that are shown one by one; a device that floods must not push everything else out of the trace. */
const MAX_LATE_RUN = 32;

/** The newest exchanges, in a ring, and those who watch them. */
export class ExchangeTrace {
  readonly #clock: Clock;
  readonly #capacity: number;
  #ring: Exchange[] = [];
  #next = 0;
  #listeners = new Set<(exchange: Exchange) => void>();
  #lateRun = 0;
  #hiddenBytes = 0;

  constructor(clock: Clock, capacity: number) {
    this.#clock = clock;
    this.#capacity = Math.max(1, capacity);
  }

  add(
    direction: Exchange['direction'],
    text: string,
    bytes: number,
    at = this.#clock.nowNs(),
    roundTripMs?: number,
  ): void {
    if (direction === 'late') {
      if (++this.#lateRun > MAX_LATE_RUN) {
        this.#hiddenBytes += bytes;
        return;
      }
    } else if (this.#lateRun > 0) this.#endLateRun();
    const cut = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
    this.#push(
      roundTripMs === undefined
        ? { at, direction, text: cut, bytes }
        : { at, direction, text: cut, bytes, roundTripMs },
    );
  }

  /** Newest last. */
  list(limit = this.#capacity): Exchange[] {
    const ordered = [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)];
    return limit < ordered.length ? ordered.slice(ordered.length - Math.max(0, limit)) : ordered;
  }

  listen(listener: (exchange: Exchange) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #endLateRun(): void {
    const hidden = this.#hiddenBytes;
    this.#lateRun = 0;
    this.#hiddenBytes = 0;
    if (hidden > 0) this.add('note', `${hidden} more late bytes, not shown`, 0);
  }

  #push(exchange: Exchange): void {
    if (this.#ring.length < this.#capacity) this.#ring.push(exchange);
    else {
      this.#ring[this.#next] = exchange;
      this.#next = (this.#next + 1) % this.#capacity;
    }
    for (const listener of this.#listeners) listener(exchange);
  }
}

/** Bytes as readable text: control characters as `\n`, `\x07`; cut at what a trace shows. */
export function showBytes(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, MAX_TEXT + 1)).toString('latin1');
  return text.replace(/[^\x20-\x7e]/g, (character) => {
    if (character === '\n') return '\\n';
    if (character === '\r') return '\\r';
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}
