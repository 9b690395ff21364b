import type { ColumnInfo } from '../core/stream-info.ts';
import type { LabOutlet, LabStream } from './equipment.ts';
import type { MetricsPage } from './metrics-page.ts';
import type { LabPorts } from './ports.ts';
import type { ArrivedRows } from './stream-keeper/stream-spec.ts';
import { StreamTable } from './stream-keeper/stream-table.ts';

export const PAGE_KEY = 'prometheus/page';
export const PAGE_MS = 15_000;

/** A page of numbers as a stream: asked for again and again, there is no other way. */
export class PageStream implements Disposable {
  readonly #page: MetricsPage;
  readonly #ports: LabPorts;
  readonly #table: StreamTable;
  #names = '';

  constructor(ports: LabPorts, page: MetricsPage) {
    this.#ports = ports;
    this.#page = page;
    this.#table = new StreamTable(ports, { onSummary: () => undefined });
    // A keeper polls as soon as its link is down; here there never is one.
    this.#table.setHealth('down', 'The numbers of this page are asked for.');
  }

  get columns(): readonly ColumnInfo[] {
    return this.#page.last.columns;
  }

  open(intervalMs: number, outlet: LabOutlet): LabStream {
    const isNew = this.#table.get(PAGE_KEY) === undefined;
    const spec = {
      key: PAGE_KEY,
      start: () => undefined,
      stop: () => undefined,
      poll: (signal: AbortSignal) => this.#poll(signal),
    };
    const stream = this.#table.open(spec, intervalMs, outlet);
    if (isNew) this.#announce(this.columns);
    return stream;
  }

  [Symbol.dispose](): void {
    this.#table[Symbol.dispose]();
  }

  async #poll(signal: AbortSignal): Promise<ArrivedRows> {
    const { columns, values } = await this.#page.read(signal);
    if (namesOf(columns) !== this.#names) this.#announce(columns);
    return {
      columns: values.map((value) => Float64Array.of(value)),
      rows: 1,
      timesNs: BigInt64Array.of(this.#ports.clock.nowNs()),
      uncertaintyS: 0,
    };
  }

  #announce(columns: readonly ColumnInfo[]): void {
    this.#names = namesOf(columns);
    this.#table.get(PAGE_KEY)?.opened({ columns, rateHz: 0 });
  }
}

function namesOf(columns: readonly ColumnInfo[]): string {
  return columns.map(({ channel }) => channel).join('\n');
}
