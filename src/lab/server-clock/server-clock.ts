import type { Clock } from '../../core/clock.ts';
import type { ServerClockState } from '../lab-server.ts';
import { OneWayOffset } from './one-way-offset.ts';
import { STEP_S, TwoWayOffset } from './two-way-offset.ts';

/** The offset in use follows the estimate no faster: rows keep their spacing. */
const SLEW = 500e-6;
const ZONE_NS = 15n * 60n * 1_000_000_000n;
/** Seconds since 1970 passed this in 2001; what is smaller counts from the start of a machine. */
const UNIX_FROM_NS = 1_000_000_000n * 1_000_000_000n;
/** An answered question counts for so long; then messages that only carry a time do. */
const TWO_WAY_S = 60;

/**
 * How a server's clock stands to ours. Stamps are ns in the base of the server: since 1970, since its start, or the reading of its wall clock (naive). Feed it
 * what the server says as it arrives, never times of old rows.
 */
export class ServerClock {
  readonly #clock: Clock;
  readonly #twoWay = new TwoWayOffset();
  readonly #oneWay = new OneWayOffset();
  #twoWayMs = Number.NEGATIVE_INFINITY;
  #base: ServerClockState['base'] = 'none';
  #method: ServerClockState['method'] = 'none';
  /** Offsets are counted from here, so that they fit a double: server − ours of the first sample; ns. */
  #referenceNs: bigint | undefined;
  /** Zone of naive times; ns. */
  #zoneNs: bigint | undefined;
  #zoneDoubtNs: bigint | undefined;
  /** Server UTC − ours by the header `date`; s. */
  #httpS: number | undefined;
  #httpUncertaintyS = Number.NaN;
  /** The offset in use moves from `#fromS` at `#fromMs` towards `#targetS`. */
  #fromS: number | undefined;
  #fromMs = 0;
  #targetS = 0;
  #errorS = Number.NaN;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get state(): ServerClockState {
    const applied = this.#appliedS();
    if (applied === undefined)
      return {
        offsetS: this.#httpS ?? Number.NaN,
        uncertaintyS: this.#httpUncertaintyS,
        base: this.#base,
        method: this.#httpS === undefined ? 'none' : 'http-date',
      };
    return {
      offsetS: Number(this.#referenceNs ?? 0n) / 1e9 + applied,
      uncertaintyS: this.uncertaintyS,
      base: this.#base,
      method: this.#method,
    };
  }

  /** How wrong `toOurNs` may be; s, NaN while nothing is known. */
  get uncertaintyS(): number {
    const applied = this.#appliedS();
    return applied === undefined ? this.#httpUncertaintyS : this.#errorS + Math.abs(this.#targetS - applied);
  }

  /** Zone of naive times, to 15 min; s. It is not part of the offset. */
  get zoneS(): number {
    return Number(this.#zoneNs ?? 0n) / 1e9;
  }

  /**
   * A question answered with the server's time: sent and received by our clock (ns), between them received and answered by the server's. A server that gives one
   * time gives it for both.
   */
  twoWay(sentNs: bigint, serverReceivedNs: bigint, serverSentNs: bigint, receivedNs: bigint): void {
    const roundTripS = Number(receivedNs - sentNs - (serverSentNs - serverReceivedNs)) / 1e9;
    if (!(roundTripS >= 0)) return;
    this.#setBase(serverSentNs, false);
    const offsetS = this.#deviationS((serverReceivedNs - sentNs + (serverSentNs - receivedNs)) / 2n);
    // The first answer replaces whatever one-way messages said.
    const applied = this.#method === 'two-way' ? this.#appliedS() : undefined;
    const isStep = this.#twoWay.add({ offsetS, roundTripS }, applied);
    this.#twoWayMs = this.#clock.monotonicMs();
    this.#method = 'two-way';
    const best = this.#twoWay.best;
    if (best) this.#follow(best.offsetS, best.roundTripS / 2, isStep);
  }

  /** A message that carries the server's time came now. `isNaive`: the reading of a wall clock without its zone. */
  arrived(stampNs: bigint, isNaive = false): void {
    const nowNs = this.#clock.nowNs();
    if (isNaive) this.#findZone(stampNs, nowNs);
    this.#setBase(stampNs, isNaive);
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#twoWayMs < TWO_WAY_S * 1000) return;
    const offsetS = this.#deviationS(stampNs - (isNaive ? (this.#zoneNs ?? 0n) : 0n) - nowNs);
    const applied = this.#appliedS();
    const isStep = this.#oneWay.add(nowMs / 1000, offsetS, applied);
    this.#method = 'one-way';
    const best = this.#oneWay.best(nowMs / 1000);
    if (!best) return;
    // A whole minute of messages without a quicker one: the old estimate is outlived.
    const isOutlived = applied !== undefined && Math.abs(best.offsetS - applied) > STEP_S;
    this.#follow(best.offsetS, best.uncertaintyS, isStep || isOutlived);
  }

  /** The header `date` of an answer asked for at `sentMs` and here at `receivedMs` (monotonic): one second fine, but of a known zone. */
  httpDate(date: string | undefined, sentMs: number, receivedMs: number): void {
    const serverMs = date === undefined ? Number.NaN : Date.parse(date);
    if (Number.isNaN(serverMs)) return;
    const agoMs = this.#clock.monotonicMs() - (sentMs + receivedMs) / 2;
    const oursMs = Number(this.#clock.nowNs() / 1_000_000n) - agoMs;
    this.#httpS = (serverMs + 500 - oursMs) / 1000;
    this.#httpUncertaintyS = 0.5 + (receivedMs - sentMs) / 2000;
  }

  /** Our time of a stamp; with nothing known a stamp since 1970 is taken as it is, one of another base as now. */
  toOurNs(stampNs: bigint, isNaive = false): bigint {
    const applied = this.#appliedS();
    const zoned = isNaive ? stampNs - (this.#zoneNs ?? 0n) : stampNs;
    if (applied !== undefined && this.#referenceNs !== undefined)
      return zoned - this.#referenceNs - BigInt(Math.round(applied * 1e9));
    if (stampNs < UNIX_FROM_NS) return this.#clock.nowNs();
    return zoned - BigInt(Math.round((this.#httpS ?? 0) * 1e9));
  }

  /** After sleep, or when the server is another one: everything but the present offset is forgotten, and that until the next word. */
  reset(): void {
    this.#twoWay.reset();
    this.#oneWay.reset();
    this.#twoWayMs = Number.NEGATIVE_INFINITY;
    this.#method = 'none';
    this.#fromS = undefined;
    this.#referenceNs = undefined;
    this.#httpS = undefined;
    this.#httpUncertaintyS = Number.NaN;
    this.#zoneDoubtNs = undefined;
  }

  #setBase(stampNs: bigint, isNaive: boolean): void {
    if (isNaive) this.#base = (this.#zoneNs ?? 0n) === 0n ? 'naive-utc' : 'naive-local';
    else this.#base = stampNs < UNIX_FROM_NS ? 'monotonic' : 'unix';
  }

  #deviationS(offsetNs: bigint): number {
    this.#referenceNs ??= offsetNs;
    return Number(offsetNs - this.#referenceNs) / 1e9;
  }

  #appliedS(): number | undefined {
    if (this.#fromS === undefined) return undefined;
    const most = (SLEW * (this.#clock.monotonicMs() - this.#fromMs)) / 1000;
    return this.#fromS + Math.max(-most, Math.min(most, this.#targetS - this.#fromS));
  }

  #follow(targetS: number, errorS: number, isStep: boolean): void {
    const applied = this.#appliedS();
    this.#fromS = isStep || applied === undefined ? targetS : applied;
    this.#fromMs = this.#clock.monotonicMs();
    this.#targetS = targetS;
    this.#errorS = errorS;
  }

  /** The zone is what is left of the difference to UTC, to a quarter of an hour; another one (a change of summer time) is taken when said twice. */
  #findZone(stampNs: bigint, nowNs: bigint): void {
    const utcNs = nowNs + BigInt(Math.round((this.#httpS ?? 0) * 1e9));
    const zoneNs = nearest(stampNs - utcNs, ZONE_NS);
    if (zoneNs === this.#zoneNs) {
      this.#zoneDoubtNs = undefined;
      return;
    }
    if (this.#zoneNs === undefined || this.#zoneDoubtNs === zoneNs) {
      this.#zoneNs = zoneNs;
      this.#zoneDoubtNs = undefined;
    } else this.#zoneDoubtNs = zoneNs;
  }
}

function nearest(value: bigint, step: bigint): bigint {
  const half = value < 0n ? -(step / 2n) : step / 2n;
  return ((value + half) / step) * step;
}
