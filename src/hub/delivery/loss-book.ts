import { PRIORITIES, type Priority } from '../../protocol/lab/priority.ts';
import type { DropReporter } from './drop-reporter.ts';
import { RateMeter } from './rate-meter.ts';
import type { Loss, StreamLedgers } from './stream-ledgers.ts';
import type { Rank } from './waiting-message.ts';

interface MessageCounts {
  offered: number;
  queued: number;
  sent: number;
  dropped: number;
  overflows: number;
  rateLimitHits: number;
}

function noMessages(): MessageCounts {
  return { offered: 0, queued: 0, sent: 0, dropped: 0, overflows: 0, rateLimitHits: 0 };
}

/** Every loss goes through here: to the accounts, to the counters and to the report. */
export class LossBook {
  readonly #ledgers: StreamLedgers;
  readonly #reporter: DropReporter;
  readonly #starved = new Map<Priority, number>();
  counts = noMessages();
  #meter: RateMeter;

  constructor(ledgers: StreamLedgers, reporter: DropReporter, nowMs: number) {
    this.#ledgers = ledgers;
    this.#reporter = reporter;
    this.#meter = new RateMeter(nowMs);
  }

  /** Messages that waited too long, by class. */
  get starved(): Readonly<Partial<Record<Priority, number>>> {
    return Object.fromEntries(this.#starved);
  }

  /** Waiting rows are lost; `messages` of them count as dropped (not those a newer one replaced). */
  lose(key: string, rank: Rank, loss: Loss, rows: number, messages: number): void {
    if (rows === 0) return;
    this.#ledgers.lose(key, loss, rows);
    this.#reporter.lost(key, rank, loss, rows);
    if (loss !== 'conflated') this.counts.dropped += messages;
  }

  /** Rows on the wire were given up. */
  sink(key: string, rank: Rank, rows: number): void {
    this.#ledgers.sink(key, rows);
    this.#reporter.lost(key, rank, 'dropped', rows);
    this.counts.dropped += 1;
  }

  sent(nowMs: number): void {
    this.counts.sent++;
    this.#meter.count(nowMs);
  }

  waitedLong(rank: Rank): void {
    const name = PRIORITIES[rank] ?? 'BULK';
    this.#starved.set(name, (this.#starved.get(name) ?? 0) + 1);
  }

  sentPerS(nowMs: number): number {
    return this.#meter.perS(nowMs);
  }

  reset(nowMs: number): void {
    this.counts = noMessages();
    this.#starved.clear();
    this.#meter = new RateMeter(nowMs);
  }
}
