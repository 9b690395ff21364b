import type { BenchState } from '../../contract/bench-schema.ts';
import type { Client } from '../../contract/client.ts';
import { viewFrame } from '../../contract/frame-read.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { channelId } from '../../core/stream-info.ts';

/** The newest value of a channel. NaN: missing; ±Infinity: beyond the range. */
export interface LatestValue {
  value: number;
  timeNs: bigint;
}

export interface LatestValuesOptions {
  client: Client;
  clock: Clock;
  state: () => BenchState;
  onFault: (error: LabError) => void;
  /** How often the engine sends what changed. Default 30. */
  rateHz?: number | undefined;
  /** Nobody has asked for so long: the watch is closed; ms. Default 30 s. */
  idleMs?: number | undefined;
  /** How long the first question waits for the first values; ms. Default 1 s. */
  firstMs?: number | undefined;
}

/**
 * Newest values of all channels, for requests that ask once: one watch on the engine while anybody asks, none when nobody does.
 *
 *      off ──read()──▶ opening ──first values──▶ on ──nobody asked for idleMs──▶ off
 */
export class LatestValues implements Disposable {
  readonly #options: LatestValuesOptions;
  readonly #values = new Map<string, LatestValue>();
  readonly #stopFrames: () => void;
  #watch: { number: number; channels: string } | undefined;
  #opening: Promise<void> | undefined;
  #askedMs = 0;
  #timer: Disposable | undefined;
  #wake = (): void => {};
  #isDisposed = false;

  constructor(options: LatestValuesOptions) {
    this.#options = options;
    this.#stopFrames = options.client.onFrame((frame) => this.#take(frame));
  }

  /** Values of these channels that are known, by channel id. Throws link.closed. */
  async read(channels: readonly string[]): Promise<ReadonlyMap<string, LatestValue>> {
    this.#askedMs = this.#options.clock.monotonicMs();
    // An empty bench has no watch: the next question looks again.
    const known = this.#channels();
    if (known.length === 0) return new Map();
    this.#opening ??= this.#open(known);
    await this.#opening;
    await this.#follow();
    return new Map(
      channels.flatMap((channel) => {
        const value = this.#values.get(channel);
        return value ? [[channel, value] as const] : [];
      }),
    );
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#stopFrames();
    this.#close();
  }

  async #open(channels: readonly string[]): Promise<void> {
    const { client, clock, rateHz = 30, firstMs = 1000 } = this.#options;
    try {
      const { watch } = await client.call('stream.watch', {
        channels: [...channels],
        mode: { kind: 'latest', rateHz },
      });
      this.#watch = { number: watch, channels: channels.join('\n') };
      if (this.#isDisposed) return this.#close();
      await new Promise<void>((resolve) => {
        const timer = clock.after(firstMs, resolve);
        this.#wake = () => {
          timer[Symbol.dispose]();
          resolve();
        };
      });
      this.#rest();
    } catch (thrown) {
      this.#opening = undefined;
      throw LabError.from(thrown);
    }
  }

  /** Channels that came or went since the watch was opened. */
  async #follow(): Promise<void> {
    const channels = this.#channels();
    const watch = this.#watch;
    if (!watch || channels.length === 0 || watch.channels === channels.join('\n')) return;
    watch.channels = channels.join('\n');
    for (const known of [...this.#values.keys()]) if (!channels.includes(known)) this.#values.delete(known);
    await this.#options.client.call('watch.set', { watch: watch.number, channels });
  }

  #rest(): void {
    const { clock, idleMs = 30_000 } = this.#options;
    this.#timer = clock.after(idleMs, () => {
      if (clock.monotonicMs() - this.#askedMs >= idleMs) this.#close();
      else this.#rest();
    });
  }

  #close(): void {
    this.#timer?.[Symbol.dispose]();
    this.#opening = undefined;
    this.#values.clear();
    const watch = this.#watch;
    this.#watch = undefined;
    if (watch) this.#options.client.call('watch.close', { watch: watch.number }).catch(() => undefined);
  }

  #channels(): string[] {
    return this.#options
      .state()
      .channels.map(({ id }) => id)
      .slice(0, 500);
  }

  #take(buffer: ArrayBuffer): void {
    const number = this.#watch?.number;
    const frame = viewFrame(buffer);
    const { streams } = this.#options.state();
    let hasNews = false;
    for (const block of frame.blocks) {
      if (block.kind !== 'latest' || block.isReply || block.id !== number) continue;
      const info = streams.find(({ id }) => id === block.stream);
      if (!info) continue;
      block.channels.forEach((column, index) => {
        const name = info.columns[column]?.channel;
        if (name === undefined) return;
        this.#values.set(channelId(info.instrument, name), {
          value: block.values[index] ?? Number.NaN,
          timeNs: block.timeNs,
        });
        hasNews = true;
      });
    }
    if (hasNews) this.#wake();
  }
}
