import type { ChannelState } from '../../contract/instrument-schema.ts';
import { LabError } from '../../core/errors.ts';
import type { FeedHold } from '../bench/feed-table.ts';
import type { HubBench } from '../bench/hub-bench.ts';
import { type ModuleRack, type PowerModule, snapshotOf } from './modules.ts';

/**
 * Newest values of one module for one client. Where the instrument is away it says so, and finds it again when it is back: the client's socket
 * stays.
 */
export class ModuleFeed implements Disposable {
  readonly #bench: HubBench;
  readonly #rack: ModuleRack;
  readonly #onRows: () => void;
  readonly #number: number;
  readonly #rateHz: number;
  #hold: FeedHold | undefined;
  #key = '';

  /** `onRows`: something was measured. */
  constructor(
    parts: { bench: HubBench; rack: ModuleRack; onRows: () => void },
    { number, rateHz }: { number: number; rateHz: number },
  ) {
    this.#bench = parts.bench;
    this.#rack = parts.rack;
    this.#onRows = parts.onRows;
    this.#number = number;
    this.#rateHz = rateHz;
  }

  /** Body of the next `data`. Undefined: nothing has come yet. Throws what is wrong with the module. */
  read(): Record<string, unknown> | undefined {
    const module = this.#rack.find(this.#number);
    if (!module) {
      this.#release();
      throw new LabError('hub.no-equipment', `No instrument is in module ${this.#number}.`);
    }
    const { state, lastError, label } = module.equipment.instrument;
    if (state !== 'live') throw new LabError('instrument.silent', lastError?.message ?? `${label} does not answer.`);
    const { feed } = this.#holdOf(module);
    const page = feed.ring.pageAt(feed.endRow - 1);
    if (!page) return undefined;
    const row = page.rows - 1;
    const seconds = page.timeS ? (page.timeS[row] ?? 0) : row * page.dtS;
    return snapshotOf(module, page.t0Ns + BigInt(Math.round(seconds * 1e9)), ({ name }: ChannelState) => {
      const column = feed.info.columns.findIndex(({ channel }) => channel === name);
      return page.columns[column]?.[row];
    });
  }

  [Symbol.dispose](): void {
    this.#release();
  }

  #holdOf(module: PowerModule): FeedHold {
    if (this.#hold && this.#key === module.stream) return this.#hold;
    this.#release();
    this.#key = module.stream;
    this.#hold = this.#bench.hold(
      module.stream,
      { rows: this.#onRows, reset: () => {}, ended: () => this.#release() },
      this.#rateHz,
    );
    return this.#hold;
  }

  #release(): void {
    this.#hold?.[Symbol.dispose]();
    this.#hold = undefined;
    this.#key = '';
  }
}
