import type { Clock } from '../../core/clock.ts';
import { PRIORITIES, type Priority } from '../../protocol/lab/priority.ts';
import type { DeliveryState, DropReport, LossCounts } from './delivery-report.ts';
import type { Loss } from './stream-ledgers.ts';
import type { Rank } from './waiting-message.ts';

export interface ReportRules {
  reportMs: number;
  maxReportedStreams: number;
}

/** Streams beyond the number that is named one by one. */
const REST = 'other';

function noLosses(): LossCounts {
  return { dropped: 0, conflated: 0, decimated: 0 };
}

/** Gathers what was lost and tells it, with each change of state, at most once in `reportMs`. Every loss is told once. */
export class DropReporter implements Disposable {
  readonly #clock: Clock;
  readonly #rules: () => ReportRules;
  readonly #state: () => { state: DeliveryState; sinceNs: bigint };
  readonly #tell: (report: DropReport) => void;
  #byClass = new Map<Priority, LossCounts>();
  #byStream = new Map<string, LossCounts>();
  #timer: Disposable | undefined;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(
    clock: Clock,
    rules: () => ReportRules,
    state: () => { state: DeliveryState; sinceNs: bigint },
    tell: (report: DropReport) => void,
  ) {
    this.#clock = clock;
    this.#rules = rules;
    this.#state = state;
    this.#tell = tell;
  }

  lost(key: string, rank: Rank, loss: Loss, rows: number): void {
    countsOf(this.#byClass, PRIORITIES[rank] ?? 'BULK')[loss] += rows;
    const isKnown = this.#byStream.has(key) || this.#byStream.size < this.#rules().maxReportedStreams;
    countsOf(this.#byStream, isKnown ? key : REST)[loss] += rows;
    // What a newer value replaced is no loss in itself: it is told with the next report.
    if (loss !== 'conflated' || this.#state().state !== 'NORMAL') this.changed();
  }

  /** Something is to be told. */
  changed(): void {
    if (this.#timer) return;
    const wait = this.#toldMs + this.#rules().reportMs - this.#clock.monotonicMs();
    this.#timer = this.#clock.after(Math.max(0, wait), () => this.#report());
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  #report(): void {
    this.#timer = undefined;
    this.#toldMs = this.#clock.monotonicMs();
    const { state, sinceNs } = this.#state();
    const report = {
      state,
      sinceNs,
      by_class: Object.fromEntries(this.#byClass),
      by_stream: Object.fromEntries(this.#byStream),
    };
    this.#byClass = new Map();
    this.#byStream = new Map();
    this.#tell(report);
  }
}

function countsOf<K>(map: Map<K, LossCounts>, key: K): LossCounts {
  const found = map.get(key);
  if (found) return found;
  const made = noLosses();
  map.set(key, made);
  return made;
}
