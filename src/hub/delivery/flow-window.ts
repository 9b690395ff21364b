/** What is settled when bytes are acknowledged. */
export interface Flight {
  key: string;
  /** Rows that are delivered by it; 0 for what is acknowledged in another way. */
  rows: number;
}

interface FlightRecord extends Flight {
  /** Bytes sent up to its end. */
  endBytes: number;
  sentMs: number;
  /** Bytes acknowledged when it was sent, and when that was. */
  ackedBytes: number;
  ackedMs: number;
}

export interface WindowLimits {
  minBytes: number;
  maxBytes: number;
  initialBytes: number;
  targetMs: number;
}

/** Of each measure into the mean. */
const WEIGHT = 1 / 4;
/** Shortest time a rate is computed over; ms. */
const SHORTEST_MS = 1;

/**
 * Bytes on the wire, and how many there may be: what goes through in the target time and the shortest round trip. Without it the buffers of kernel and network
 * fill up, and whatever is urgent waits behind them: priorities alone do nothing on a slow link.
 *
 * The rate is measured as BBR does: bytes acknowledged between the sending of a message and its acknowledgement, over that time. A measure made while nothing
 * waited says how much there was to send, not what the link takes; it may raise the mean, never lower it.
 */
export class FlowWindow {
  readonly #records: FlightRecord[] = [];
  #head = 0;
  #sentBytes = 0;
  #ackedBytes = 0;
  #ackedMs: number;
  #bytesPerMs: number | undefined;
  #shortestMs: number | undefined;

  constructor(nowMs: number) {
    this.#ackedMs = nowMs;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  get inFlightBytes(): number {
    return this.#sentBytes - this.#ackedBytes;
  }

  /** Messages in flight. */
  get inFlight(): number {
    return this.#records.length - this.#head;
  }

  /** Time of the newest acknowledgement (or of the beginning); ms. */
  get ackedMs(): number {
    return this.#ackedMs;
  }

  get bytesPerS(): number | undefined {
    return this.#bytesPerMs === undefined ? undefined : this.#bytesPerMs * 1000;
  }

  get shortestRoundTripMs(): number | undefined {
    return this.#shortestMs;
  }

  /** Bytes that may be in flight. */
  limit({ minBytes, maxBytes, initialBytes, targetMs }: WindowLimits): number {
    const wanted =
      this.#bytesPerMs === undefined ? initialBytes : this.#bytesPerMs * (targetMs + (this.#shortestMs ?? 0));
    return Math.min(maxBytes, Math.max(minBytes, Math.floor(wanted)));
  }

  /** One message went out with what is in it. */
  sent(bytes: number, flights: readonly Flight[], nowMs: number): void {
    this.#sentBytes += bytes;
    const endBytes = this.#sentBytes;
    const ackedBytes = this.#ackedBytes;
    const ackedMs = this.inFlight === 0 ? nowMs : this.#ackedMs;
    for (const { key, rows } of flights)
      this.#records.push({ key, rows, endBytes, sentMs: nowMs, ackedBytes, ackedMs });
  }

  /**
   * All bytes taken since the beginning; less than before or more than were sent count as what is possible. `isBusy`: something waited for the window. Gives
   * what arrived with it.
   */
  ack(totalBytes: number, isBusy: boolean, nowMs: number): Flight[] {
    const acked = Math.min(this.#sentBytes, totalBytes);
    if (!(acked > this.#ackedBytes)) return [];
    this.#ackedBytes = acked;
    this.#ackedMs = nowMs;
    const settled: Flight[] = [];
    let newest: FlightRecord | undefined;
    while (this.#head < this.#records.length) {
      const record = this.#records[this.#head] as FlightRecord;
      if (record.endBytes > acked) break;
      this.#head++;
      newest = record;
      settled.push(record);
    }
    this.#compact();
    if (newest) this.#measure(newest, isBusy, nowMs);
    return settled;
  }

  /** A round trip measured in another way (ping); ms. */
  roundTrip(ms: number): void {
    this.#shortestMs = Math.min(this.#shortestMs ?? ms, ms);
  }

  /** What never was acknowledged, oldest first; empties the window. */
  giveUp(): Flight[] {
    const lost = this.#records.slice(this.#head);
    this.#records.length = 0;
    this.#head = 0;
    this.#ackedBytes = this.#sentBytes;
    return lost;
  }

  #measure(record: FlightRecord, isBusy: boolean, nowMs: number): void {
    this.roundTrip(nowMs - record.sentMs);
    const passed = Math.max(SHORTEST_MS, nowMs - record.ackedMs);
    const rate = (this.#ackedBytes - record.ackedBytes) / passed;
    if (this.#bytesPerMs === undefined) {
      if (isBusy) this.#bytesPerMs = rate;
      return;
    }
    if (isBusy || rate > this.#bytesPerMs) this.#bytesPerMs += (rate - this.#bytesPerMs) * WEIGHT;
  }

  #compact(): void {
    if (this.#head < 1024 || this.#head * 2 < this.#records.length) return;
    this.#records.splice(0, this.#head);
    this.#head = 0;
  }
}
