import type { FrameSkip } from '../../protocol/lab/labwire-frame.ts';
import type { StreamWish } from '../lab-server.ts';

/** What all who want one stream here wish of it, together: rows that one of them wants come for all. */
export class StreamWishes {
  readonly #wishes = new Set<StreamWish>();

  /** Counts until it is disposed. */
  add(wish: StreamWish): Disposable {
    // Of its own: the same wish may be made twice.
    const own = { ...wish };
    this.#wishes.add(own);
    return { [Symbol.dispose]: () => void this.#wishes.delete(own) };
  }

  get delivery(): 'stream' | 'latest' {
    const all = [...this.#wishes];
    return all.length > 0 && all.every(({ delivery }) => delivery === 'latest') ? 'latest' : 'stream';
  }

  /** ms; undefined: rows of any age are wanted. */
  get maxAgeMs(): number | undefined {
    const ages = [...this.#wishes].map(({ maxAgeMs }) => maxAgeMs ?? Number.POSITIVE_INFINITY);
    const longest = Math.max(0, ...ages);
    return longest > 0 && longest < Number.POSITIVE_INFINITY ? longest : undefined;
  }

  /** Whether rows left out for that are what was wished. */
  isWished(reason: FrameSkip['reason']): boolean {
    if (reason === 'conflated') return this.delivery === 'latest';
    return reason === 'expired' && this.maxAgeMs !== undefined;
  }
}
