interface Want {
  channels: readonly string[];
  rateHz: number;
}

/**
 * Rates that raw watches want of polled channels while they are open. They raise what a person asked for and never lower it, and they end with the watch:
 * nothing of them is kept with the bench.
 */
export class RateWants {
  readonly #wants = new Map<string, Want>();

  /** Highest rate wanted of a channel, Hz; 0: none. */
  of(channel: string): number {
    let highest = 0;
    for (const { channels, rateHz } of this.#wants.values())
      if (rateHz > highest && channels.includes(channel)) highest = rateHz;
    return highest;
  }

  /** Whether a raw watch of that number is known. */
  has(screen: number, watch: number): boolean {
    return this.#wants.has(keyOf(screen, watch));
  }

  /** A raw watch wants so much of these channels; what is absent is as it was. Gives the channels whose rate may have changed. */
  set(screen: number, watch: number, channels?: readonly string[], rateHz?: number): readonly string[] {
    const key = keyOf(screen, watch);
    const before = this.#wants.get(key);
    const next = { channels: channels ?? before?.channels ?? [], rateHz: rateHz ?? before?.rateHz ?? 0 };
    this.#wants.set(key, next);
    if (!before) return next.rateHz > 0 ? next.channels : [];
    if (before.rateHz === next.rateHz && before.channels === next.channels) return [];
    return [...before.channels, ...next.channels];
  }

  /** The watch has ended. Gives the channels whose rate may have changed. */
  drop(screen: number, watch: number): readonly string[] {
    const key = keyOf(screen, watch);
    const before = this.#wants.get(key);
    this.#wants.delete(key);
    return before && before.rateHz > 0 ? before.channels : [];
  }

  /** All watches of a screen that has gone. */
  dropScreen(screen: number): readonly string[] {
    const prefix = keyOf(screen, '');
    return [...this.#wants.keys()]
      .filter((key) => key.startsWith(prefix))
      .flatMap((key) => this.drop(screen, Number(key.slice(prefix.length))));
  }
}

function keyOf(screen: number, watch: number | string): string {
  return `${screen}/${watch}`;
}
