import type { BenchState } from '../../src/contract/bench-schema.ts';
import { CALLS, type CallParsed, CONTRACT_VERSION } from '../../src/contract/calls.ts';
import { type Client, connect, greet } from '../../src/contract/client.ts';
import { createMemoryLinks } from '../../src/contract/memory-link.ts';
import { type Handlers, serve } from '../../src/contract/serve.ts';
import { BATCH_FLAG, createBatch } from '../../src/core/batch.ts';
import type { Clock } from '../../src/core/clock.ts';
import { LabError } from '../../src/core/errors.ts';
import type { StreamInfo } from '../../src/core/stream-info.ts';
import { History } from '../../src/engine/history/history.ts';
import { WatchHub } from '../../src/engine/history/watch-hub.ts';

/** A signal: value at a time in s. */
export type Signal = (timeS: number) => number;

/** A stream of the synthetic engine. */
export interface SyntheticStream {
  info: StreamInfo;
  signals: Signal[];
}

/** The page's clock in the shape the engine wants. */
export const pageClock: Clock = {
  nowNs: () => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6)),
  monotonicMs: () => performance.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

/**
 * History, watches and contract of the real engine in the page, fed with signals instead of instruments: what the screen gets is what an
 * engine would send.
 */
export class SyntheticEngine {
  readonly history = new History();
  readonly bench: BenchState;
  readonly #rows = new Map<number, number>();
  readonly #anchors = new Map<number, { row: number; timeS: number }>();
  readonly #streams = new Map<number, SyntheticStream>();

  constructor(bench: BenchState) {
    this.bench = bench;
  }

  open(stream: SyntheticStream): void {
    this.#streams.set(stream.info.id, stream);
    this.#rows.set(stream.info.id, 0);
    this.history.streamOpened(stream.info);
  }

  /** Fills rows up to a time (s since 1970), counted from the first row; with `fromS` after a gap that ends there. */
  feed(id: number, toS: number, fromS?: number): void {
    const stream = this.#streams.get(id);
    if (!stream) return;
    const { rateHz, kind } = stream.info;
    const timed = kind === 'timed';
    let seq = this.#rows.get(id) ?? 0;
    const isAfterGap = fromS !== undefined && seq > 0;
    const lost = isAfterGap ? Math.round(rateHz) : 0;
    seq += lost;
    if (fromS !== undefined) this.#anchors.set(id, { row: seq, timeS: fromS });
    const anchor = this.#anchors.get(id) ?? { row: 0, timeS: 0 };
    const rows = Math.floor((toS - anchor.timeS) * rateHz) - (seq - anchor.row);
    for (let done = 0; done < rows; ) {
      const count = Math.min(8192, rows - done);
      const startS = anchor.timeS + (seq - anchor.row) / rateHz;
      const batch = createBatch({
        stream: id,
        rows: count,
        channels: stream.signals.length,
        flags: (timed ? BATCH_FLAG.timed | BATCH_FLAG.float64 : 0) | (isAfterGap && done === 0 ? BATCH_FLAG.gap : 0),
        seq,
        lost: done === 0 ? lost : 0,
        t0Ns: BigInt(Math.round(startS * 1e6)) * 1000n,
        arrivedNs: pageClock.nowNs(),
        dtS: timed ? 0 : 1 / rateHz,
        xOriginS: 0,
      });
      for (let row = 0; row < count; row++) {
        if (batch.times) batch.times[row] = row / rateHz;
        for (const [index, signal] of stream.signals.entries()) {
          const column = batch.columns[index];
          if (column) column[row] = signal(startS + row / rateHz);
        }
      }
      this.history.batch(batch);
      seq += count;
      done += count;
    }
    this.#rows.set(id, seq);
  }

  /** A screen's client on a memory link, greeted. `more`: answers to calls it has none for. */
  async connect(more: Partial<Handlers> = {}): Promise<Client> {
    const [screenEnd, engineEnd] = createMemoryLinks((callback) => setTimeout(callback, 0));
    let hub: WatchHub | undefined;
    const refuse = (name: string) => (): never => {
      throw new LabError('call.invalid', `The synthetic engine has no ${name}.`);
    };
    const handlers = {
      ...Object.fromEntries(Object.keys(CALLS).map((name) => [name, refuse(name)])),
      'engine.hello': () => ({
        contract: CONTRACT_VERSION,
        version: '0',
        engine: 'synthetic',
        startedNs: String(pageClock.nowNs() - 600_000_000_000n),
        nowNs: String(pageClock.nowNs()),
        dataFolder: '',
        host: 'node',
        rights: ['view'],
      }),
      'stream.watch': ({ channels, mode, after }: CallParsed<'stream.watch'>) => {
        const { watch, streams } = hubOf().watch(channels, mode, after);
        return { watch, streams };
      },
      'watch.set': ({ watch, channels, mode }: CallParsed<'watch.set'>) => ({
        streams: hubOf().set(watch, { channels, mode }).streams,
      }),
      'watch.close': ({ watch }: CallParsed<'watch.close'>) => {
        hubOf().close(watch);
        return {};
      },
      'watch.seen': ({ frame }: CallParsed<'watch.seen'>) => {
        hubOf().seen(frame);
        return {};
      },
      'history.read': ({ origin: _, fromNs, toNs, ...rest }: CallParsed<'history.read'>) => {
        const { streams, exact, nextNs } = hubOf().read({ ...rest, fromNs: BigInt(fromNs), toNs: BigInt(toNs) });
        return { streams, exact, nextNs: nextNs === null ? null : String(nextNs) };
      },
      'event.list': () => ({ events: this.bench.events }),
      'plot.set': () => ({}),
      'note.add': ({ text, t }: CallParsed<'note.add'>) => ({ id: 'note', t: t ?? '0', kind: 'note', text }),
      ...more,
    } as unknown as Handlers;
    const served = serve(engineEnd, handlers, {
      id: 1,
      rights: ['view', 'control', 'manage'],
      onFault: (error) => console.error(error.message),
    });
    const hubOf = (): WatchHub => {
      hub ??= new WatchHub({
        history: this.history,
        clock: pageClock,
        send: (frame) => served.screen.sendFrame(frame),
      });
      return hub;
    };
    const client = connect(screenEnd);
    await greet(client, 'synthetic');
    return client;
  }
}
