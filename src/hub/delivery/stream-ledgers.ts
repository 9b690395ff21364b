import type { StreamLedger } from './delivery-report.ts';

/** How a row was lost. */
export type Loss = 'dropped' | 'conflated' | 'decimated';

const MOST_LEDGERS = 10_000;
const LOOKED_AT = 8;

function emptyLedger(): StreamLedger {
  return { produced: 0, delivered: 0, conflated: 0, decimated: 0, dropped: 0, queued: 0, inFlight: 0 };
}

/** Where every row of every key is. A row moves from one column to another, so the sum is always what was produced. */
export class StreamLedgers {
  readonly #byKey = new Map<string, StreamLedger>();
  #total = emptyLedger();

  /** Sum over all keys, those forgotten too. */
  get total(): Readonly<StreamLedger> {
    return this.#total;
  }

  of(key: string): Readonly<StreamLedger> {
    return this.#byKey.get(key) ?? emptyLedger();
  }

  entries(): Iterable<[string, Readonly<StreamLedger>]> {
    return this.#byKey.entries();
  }

  /** Rows came into being and wait. */
  produce(key: string, rows: number): void {
    this.#add(key, 'produced', rows);
    this.#add(key, 'queued', rows);
  }

  /** Waiting rows went onto the wire. */
  fly(key: string, rows: number): void {
    this.#move(key, 'queued', 'inFlight', rows);
  }

  land(key: string, rows: number): void {
    this.#move(key, 'inFlight', 'delivered', rows);
  }

  /** Waiting rows are lost. */
  lose(key: string, loss: Loss, rows: number): void {
    this.#move(key, 'queued', loss, rows);
  }

  /** Rows on the wire were given up. */
  sink(key: string, rows: number): void {
    this.#move(key, 'inFlight', 'dropped', rows);
  }

  /** Closes the account of a key; what still flies is delivered or lost with the key unknown. */
  forget(key: string): void {
    this.#byKey.delete(key);
  }

  #move(key: string, from: keyof StreamLedger, to: keyof StreamLedger, rows: number): void {
    this.#add(key, from, -rows);
    this.#add(key, to, rows);
  }

  #add(key: string, column: keyof StreamLedger, rows: number): void {
    this.#total[column] += rows;
    const found = this.#byKey.get(key);
    if (found) {
      found[column] += rows;
      return;
    }
    // Rows of a forgotten key that land later open no account of their own.
    if (column !== 'produced') return;
    this.#makeRoom();
    this.#byKey.set(key, { ...emptyLedger(), [column]: rows });
  }

  /** Keys come from clients: accounts nothing waits or flies in are closed, oldest first; a few are looked at each time. */
  #makeRoom(): void {
    if (this.#byKey.size < MOST_LEDGERS) return;
    let looked = 0;
    for (const [key, ledger] of this.#byKey) {
      if (++looked > LOOKED_AT) return;
      this.#byKey.delete(key);
      if (ledger.queued > 0 || ledger.inFlight > 0) this.#byKey.set(key, ledger);
    }
  }
}
