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
  /** Bytes in flight with it. */
  flyingBytes: number;
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
/** Round trips that no queue of ours explains for so long are those of a longer way; ms. */
const LOOK_MS = 3_000;
/** A long way whose shortest round trip was not met for so long is looked at again: it may have become shorter, behind a queue of ours; ms. */
const LOOK_AGAIN_MS = 10_000;
/** Times the longest that a full window explains. */
const LONG = 1.5;
/** Part of the target time that waits on the way when the link is full. */
const FULL = 0.6;
/** Times the window while the link is not full, and after a longer way was found. */
const RAISE = 1.25;
const OPEN = 2;
/** Round trips of different lengths on the same way. */
const SAME = 1.25;
/** Without acknowledgements nothing can be looked for: it is forgotten; ms. */
const FORGET_MS = 120_000;

/**
 * Bytes on the wire, and how many there may be: what goes through in the target time and the shortest round trip. Without it the buffers of kernel and network
 * fill up, and whatever is urgent waits behind them: priorities alone do nothing on a slow link.
 *
 * The rate is measured as BBR does: bytes acknowledged between the sending of a message and its acknowledgement, over that time. A measure made while nothing
 * waited says how much there was to send, not what the link takes; it may raise the mean, never lower it.
 *
 * A way may become longer, and with the round trip of before in it the window would shrink to its floor for ever: less in flight, so less a round trip, so less in
 * flight. Our own queue makes round trips long, too, but never by more than the window explains:
 *
 *              3 s longer than that, or at the floor
 *      known ───────────────────────────────────────▶ looking (window = floor)
 *      ▲   ▲   a long way, not met again for 10 s      │
 *      │   └────────────────── not longer ─────────────┤ a round trip of what went so
 *      └── all wait ──── opening (window × 2) ◀────────┘ longer
 *
 * While the link is not full, the window is a quarter more than what it measured: a window that only follows what went through it never grows.
 */
export class FlowWindow {
  readonly #records: FlightRecord[] = [];
  #head = 0;
  #sentBytes = 0;
  #ackedBytes = 0;
  #ackedMs: number;
  #bytesPerMs: number | undefined;
  #shortestMs: number | undefined;
  #shortestAtMs = 0;
  #state: 'known' | 'looking' | 'opening' = 'known';
  /** Since when round trips are longer than we explain, or since when one is looked for; ms. */
  #longSinceMs: number | undefined;
  #isAtFloor = false;
  /** When a round trip showed last that nothing waits on the way, and whether that is too long ago; while something waits for the window. */
  #openMs = Number.NEGATIVE_INFINITY;
  #isFull = true;
  #limits: WindowLimits | undefined;

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
  limit(limits: WindowLimits): number {
    const { minBytes, maxBytes, initialBytes, targetMs } = limits;
    this.#limits = limits;
    if (this.#state === 'looking') return minBytes;
    const goesMs = targetMs + (this.#shortestMs ?? 0);
    const wanted = this.#bytesPerMs === undefined ? initialBytes : this.#gain * this.#bytesPerMs * goesMs;
    this.#isAtFloor = wanted <= minBytes;
    return Math.min(maxBytes, Math.max(minBytes, Math.floor(wanted)));
  }

  /** One message went out with what is in it. */
  sent(bytes: number, flights: readonly Flight[], nowMs: number): void {
    this.#sentBytes += bytes;
    const endBytes = this.#sentBytes;
    const ackedBytes = this.#ackedBytes;
    const ackedMs = this.inFlight === 0 ? nowMs : this.#ackedMs;
    for (const { key, rows } of flights)
      this.#records.push({ key, rows, endBytes, sentMs: nowMs, ackedBytes, ackedMs, flyingBytes: this.inFlightBytes });
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
  roundTrip(ms: number, nowMs: number): void {
    if (nowMs - this.#shortestAtMs > FORGET_MS) this.#shortestMs = undefined;
    this.#met(ms, nowMs);
  }

  #met(ms: number, nowMs: number): void {
    const shortest = this.#shortestMs ?? ms;
    if (ms > SAME * shortest + SHORTEST_MS) return;
    this.#shortestMs = Math.min(shortest, ms);
    this.#shortestAtMs = nowMs;
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
    this.#met(nowMs - record.sentMs, nowMs);
    if (isBusy) this.#look(record, nowMs);
    const passed = Math.max(SHORTEST_MS, nowMs - record.ackedMs);
    const rate = (this.#ackedBytes - record.ackedBytes) / passed;
    if (this.#bytesPerMs === undefined) {
      if (isBusy) this.#bytesPerMs = rate;
      return;
    }
    // A look lets little through, which says nothing about the link.
    if ((isBusy && this.#state !== 'looking') || rate > this.#bytesPerMs)
      this.#bytesPerMs += (rate - this.#bytesPerMs) * WEIGHT;
  }

  get #gain(): number {
    if (this.#state === 'opening') return OPEN;
    return this.#isFull ? 1 : RAISE;
  }

  #look({ sentMs, flyingBytes }: FlightRecord, nowMs: number): void {
    const { minBytes, targetMs } = this.#limits ?? { minBytes: 0, targetMs: 0 };
    const ms = nowMs - sentMs;
    const shortest = this.#shortestMs ?? ms;
    if (this.#state === 'looking') {
      if (this.#longSinceMs === undefined || sentMs < this.#longSinceMs || flyingBytes > minBytes) return;
      this.#state = ms > shortest ? 'opening' : 'known';
      this.#shortestMs = ms;
      this.#shortestAtMs = nowMs;
      this.#longSinceMs = undefined;
      return;
    }
    if (shortest > targetMs && nowMs - this.#shortestAtMs > LOOK_AGAIN_MS) {
      this.#state = 'looking';
      this.#longSinceMs = nowMs;
      return;
    }
    // What goes out in bursts waits for itself: one that did not is enough.
    if (ms <= shortest + FULL * targetMs) this.#openMs = nowMs;
    this.#isFull = nowMs - this.#openMs > shortest + targetMs;
    if (this.#isFull) this.#state = 'known';
    const isLong = ms > (this.#isAtFloor ? SAME * shortest : LONG * (shortest + targetMs));
    if (!isLong) this.#longSinceMs = undefined;
    else if (this.#longSinceMs === undefined) this.#longSinceMs = nowMs;
    else if (nowMs - this.#longSinceMs >= LOOK_MS) {
      this.#state = 'looking';
      this.#longSinceMs = nowMs;
    }
  }

  #compact(): void {
    if (this.#head < 1024 || this.#head * 2 < this.#records.length) return;
    this.#records.splice(0, this.#head);
    this.#head = 0;
  }
}
