import { reduceBench } from '../../src/contract/bench-reducer.ts';
import type { BenchState } from '../../src/contract/bench-schema.ts';
import type { WatchMode } from '../../src/contract/calls.ts';
import type { Client } from '../../src/contract/client.ts';
import type { StateEvent } from '../../src/contract/events.ts';
import { viewFrame } from '../../src/contract/frame-read.ts';
import type { Frame, FrameBlock } from '../../src/contract/frames.ts';

/** A screen with no picture: it follows the state by events and waits for what it expects. */
export class LabScreen implements Disposable {
  readonly client: Client;
  state: BenchState;
  readonly #checks = new Set<() => void>();
  readonly #listeners = new Set<(block: FrameBlock, frame: Frame) => void>();

  /** Takes frames and says nothing, as a page that stands still. */
  isFrozen = false;
  #frame = 0;

  /** `state`: as read after listening began; see `open`. */
  private constructor(client: Client, state: BenchState) {
    this.client = client;
    this.state = state;
    client.onFrame((bytes) => this.#take(bytes));
  }

  /** Over a client that has greeted. */
  static async open(client: Client): Promise<LabScreen> {
    const early: StateEvent[] = [];
    let screen: LabScreen | undefined;
    client.onState((change) => (screen ? screen.#apply(change) : early.push(change)));
    screen = new LabScreen(client, await client.call('bench.read', {}));
    for (const change of early) screen.#apply(change);
    return screen;
  }

  /** Goes on: what came meanwhile is in its ring now. */
  thaw(): void {
    this.isFrozen = false;
    if (this.#frame > 0) this.client.tell('watch.seen', { frame: this.#frame });
  }

  #apply(change: StateEvent): void {
    const next = reduceBench(this.state, change);
    if (next) this.#show(next);
    else {
      // Disposed meanwhile: nobody waits any more.
      void this.client.call('bench.read', {}).then(
        (read) => this.#show(read),
        () => {},
      );
    }
  }

  /** Resolves with the first state (the present one included) for which `find` gives something. */
  until<T>(what: string, find: (state: BenchState) => T | undefined | false, limitMs = 120_000): Promise<T> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const found = find(this.state);
        if (found === undefined || found === false) return;
        end();
        resolve(found);
      };
      const timer = setTimeout(() => {
        end();
        const { instruments, recording, events, notices, jobs } = this.state;
        const seen = {
          instruments: instruments.map(({ id, state, lastError }) => ({ id, state, lastError })),
          recording,
          jobs,
          notices,
          events: events.slice(-8).map(({ text }) => text),
        };
        reject(new Error(`Waited for ${what} in vain. The state is ${JSON.stringify(seen, undefined, 1)}`));
      }, limitMs);
      const end = (): void => {
        clearTimeout(timer);
        this.#checks.delete(check);
      };
      this.#checks.add(check);
      check();
    });
  }

  /** Attaches; gives the id once it is live. */
  async attach(resource: string): Promise<string> {
    const { instrument } = await this.client.call('instrument.open', { resource });
    await this.untilState(instrument, 'live');
    return instrument;
  }

  untilState(
    instrument: string,
    word: BenchState['instruments'][number]['state'],
  ): Promise<BenchState['instruments'][number]> {
    return this.until(`${instrument} ${word}`, ({ instruments }) =>
      instruments.find(({ id, state }) => id === instrument && state === word),
    );
  }

  /** Blocks of a watch go to the listener until it answers true; then the watch is closed. */
  async watch(
    channels: string[],
    mode: WatchMode,
    onBlock: (block: FrameBlock, frame: Frame) => boolean,
    limitMs = 120_000,
  ): Promise<void> {
    // Frames may come before the answer that names the watch.
    const early: [FrameBlock, Frame][] = [];
    let settle: (done: boolean) => void = () => {};
    const done = new Promise<boolean>((resolve) => {
      settle = resolve;
    });
    let id: number | undefined;
    const listener = (block: FrameBlock, frame: Frame): void => {
      if (id === undefined) early.push([block, frame]);
      else if (block.id === id && onBlock(block, frame)) settle(true);
    };
    this.#listeners.add(listener);
    const timer = setTimeout(() => settle(false), limitMs);
    try {
      const { watch } = await this.client.call('stream.watch', { channels, mode });
      id = watch;
      for (const [block, frame] of early) listener(block, frame);
      const isDone = await done;
      await this.client.call('watch.close', { watch });
      if (!isDone) throw new Error(`The watch of ${channels.join(', ')} did not show what was expected.`);
    } finally {
      clearTimeout(timer);
      this.#listeners.delete(listener);
    }
  }

  /** Resolves with the first latest value of a channel that `accept` takes. */
  async untilValue(channel: string, accept: (value: number) => boolean): Promise<number> {
    let found = Number.NaN;
    await this.watch([channel], { kind: 'latest', rateHz: 60 }, (block) => {
      if (block.kind !== 'latest') return false;
      found = block.values[0] ?? Number.NaN;
      return accept(found);
    });
    return found;
  }

  [Symbol.dispose](): void {
    this.client[Symbol.dispose]();
  }

  #show(state: BenchState): void {
    this.state = state;
    for (const check of [...this.#checks]) check();
  }

  #take(bytes: ArrayBuffer): void {
    const frame = viewFrame(bytes);
    this.#frame = Math.max(this.#frame, frame.number);
    if (frame.number > 0 && !this.isFrozen) this.client.tell('watch.seen', { frame: frame.number });
    for (const block of frame.blocks) {
      for (const listener of this.#listeners) listener(block, frame);
    }
  }
}
