import type { RowSource } from '../../src/core/link-word.ts';
import type { ColumnInfo } from '../../src/core/stream-info.ts';
import type { LabOutlet } from '../../src/lab/equipment.ts';
import type { LabServer, LabServerEvent } from '../../src/lab/lab-server.ts';

/** Waits for a state by looking at it after every event, never by time. A state that does not come ends with what there is instead. */
export class Waiters {
  readonly #waiting = new Set<() => void>();

  changed(): void {
    for (const look of [...this.#waiting]) look();
  }

  until(is: () => boolean, what: string, limitMs = 60_000): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
      };
      const look = (): void => {
        if (!is()) return;
        end();
        resolve();
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error(`${what}: not within ${limitMs / 1000} s`));
      }, limitMs);
      this.#waiting.add(look);
      look();
    });
  }
}

export interface RecordedRow {
  values: number[];
  timeNs: bigint;
  source: RowSource;
}

/** An outlet that keeps everything. */
export class RecordedOutlet implements LabOutlet {
  readonly openings: { columns: readonly ColumnInfo[]; rateHz: number }[] = [];
  readonly taken: RecordedRow[] = [];
  readonly gaps: { fromNs: bigint; toNs: bigint; lost: number; reason: string }[] = [];
  readonly sources: string[] = [];
  readonly reasons: string[] = [];
  uncertaintyS = Number.NaN;
  readonly #waiters = new Waiters();

  opened(info: { columns: readonly ColumnInfo[]; rateHz: number }): void {
    this.openings.push({ columns: info.columns.map((column) => ({ ...column })), rateHz: info.rateHz });
    this.#waiters.changed();
  }

  rows({ columns, rows, timesNs, source, uncertaintyS }: Parameters<LabOutlet['rows']>[0]): void {
    for (let at = 0; at < rows; at++) {
      this.taken.push({
        values: columns.map((column) => column[at] ?? Number.NaN),
        timeNs: timesNs[at] ?? 0n,
        source,
      });
    }
    this.uncertaintyS = uncertaintyS;
    this.#waiters.changed();
  }

  gap(gap: { fromNs: bigint; toNs: bigint; lost: number; reason: string }): void {
    this.gaps.push(gap);
    this.#waiters.changed();
  }

  source(source: RowSource | 'silent', reason: string): void {
    this.sources.push(source);
    this.reasons.push(reason);
    this.#waiters.changed();
  }

  until(is: () => boolean, what: string, limitMs?: number): Promise<void> {
    return this.#waiters.until(is, what, limitMs);
  }

  /** Until `count` more rows came, of that source if one is named. */
  more(count: number, source?: RowSource, limitMs?: number): Promise<void> {
    const of = (): number => this.taken.filter((row) => source === undefined || row.source === source).length;
    const wanted = of() + count;
    return this.until(() => of() >= wanted, `${count} more ${source ?? ''} rows (now ${of()})`, limitMs);
  }
}

/** Every event of a server. */
export class RecordedEvents implements Disposable {
  readonly events: LabServerEvent[] = [];
  readonly #waiters = new Waiters();
  readonly #subscription: Disposable;

  constructor(server: LabServer) {
    this.#subscription = server.onEvent((event) => {
      this.events.push(event);
      this.#waiters.changed();
    });
  }

  until(is: () => boolean, what: string, limitMs?: number): Promise<void> {
    return this.#waiters.until(is, what, limitMs);
  }

  of<K extends LabServerEvent['kind']>(kind: K): Extract<LabServerEvent, { kind: K }>[] {
    return this.events.filter((event): event is Extract<LabServerEvent, { kind: K }> => event.kind === kind);
  }

  notes(topic: string): Extract<LabServerEvent, { kind: 'note' }>[] {
    return this.of('note').filter((note) => note.topic === topic);
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }
}
