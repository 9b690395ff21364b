/** The newest value of a channel as sampled (before its scale): NaN = missing, ±Infinity = overload. */
export interface LatestValue {
  value: number;
  /** ns since 1970, engine time. */
  timeNs: bigint;
}

type Painter = (latest: LatestValue | undefined) => void;

/**
 * Newest values of all channels and the digits that show them. Values come in from the `latest` watch; digits are painted by the screen
 * loop, straight into the DOM, only where a value changed since the last frame. React is not on this path.
 */
export class LatestValues {
  readonly #values = new Map<string, LatestValue>();
  readonly #painters = new Map<string, Set<Painter>>();
  readonly #dirty = new Set<string>();

  set(channel: string, value: number, timeNs: bigint): void {
    const latest = this.#values.get(channel);
    if (latest) {
      latest.value = value;
      latest.timeNs = timeNs;
    } else this.#values.set(channel, { value, timeNs });
    this.#dirty.add(channel);
  }

  get(channel: string): LatestValue | undefined {
    return this.#values.get(channel);
  }

  /** Paints at once and whenever the value changed. Gives the function that stops it. */
  attach(channel: string, painter: Painter): () => void {
    const set = this.#painters.get(channel) ?? new Set();
    this.#painters.set(channel, set);
    set.add(painter);
    painter(this.#values.get(channel));
    return () => {
      set.delete(painter);
      if (set.size === 0) this.#painters.delete(channel);
    };
  }

  /** One frame: paints what changed. */
  paint(): void {
    for (const channel of this.#dirty) {
      const latest = this.#values.get(channel);
      for (const painter of this.#painters.get(channel) ?? []) painter(latest);
    }
    this.#dirty.clear();
  }

  /** Forgets channels that are gone. */
  keep(channels: ReadonlySet<string>): void {
    for (const channel of this.#values.keys()) {
      if (channels.has(channel)) continue;
      this.#values.delete(channel);
      for (const painter of this.#painters.get(channel) ?? []) painter(undefined);
    }
  }
}

export const latestValues = new LatestValues();
