import { POINT, writePadded, writeWhole } from './number-text.ts';

const SECOND_NS = 1_000_000_000n;
const Z = 90;
const MINUS = 45;
/** A time takes at most so many bytes. */
export const TIME_BYTES = 40;

/** Writes times as ISO-8601 UTC with nine decimals, and as seconds. Keeps the text of the second it wrote last. */
export class TimeText {
  readonly #startedNs: bigint;
  #baseS = 0n;
  #restNs = 0;
  #second = Number.NaN;
  #prefix = new Uint8Array(0);
  #elapsedS = 0;
  #elapsedNs = 0;

  /** `startedNs`: what elapsed seconds count from; ns since 1970. */
  constructor(startedNs: bigint) {
    this.#startedNs = startedNs;
  }

  /** Offsets count from here; ns since 1970. */
  setBase(baseNs: bigint): void {
    const { seconds, ns } = split(baseNs);
    if (seconds !== this.#baseS) this.#second = Number.NaN;
    this.#baseS = seconds;
    this.#restNs = ns;
    const elapsed = split(baseNs - this.#startedNs);
    this.#elapsedS = Number(elapsed.seconds);
    this.#elapsedNs = elapsed.ns;
  }

  /** `2023-11-14T22:13:20.000000001Z`. `offsetNs`: whole ns since the base. Gives the position behind it. */
  writeIso(bytes: Uint8Array, at: number, offsetNs: number): number {
    const ns = offsetNs + this.#restNs;
    const second = Math.floor(ns / 1e9);
    if (second !== this.#second) {
      this.#second = second;
      const text = new Date((Number(this.#baseS) + second) * 1000).toISOString().slice(0, -4);
      this.#prefix = new TextEncoder().encode(text);
    }
    const prefix = this.#prefix;
    for (let index = 0; index < prefix.length; index++) bytes[at++] = prefix[index] as number;
    at = writePadded(bytes, at, ns - second * 1e9, 9);
    bytes[at] = Z;
    return at + 1;
  }

  /** Seconds since the start with nine decimals, not rounded through a float. */
  writeElapsed(bytes: Uint8Array, at: number, offsetNs: number, point = POINT): number {
    const ns = offsetNs + this.#elapsedNs;
    let second = Math.floor(ns / 1e9);
    let rest = ns - second * 1e9;
    second += this.#elapsedS;
    if (second < 0) {
      bytes[at++] = MINUS;
      second = rest === 0 ? -second : -second - 1;
      if (rest !== 0) rest = 1e9 - rest;
    }
    at = writeWhole(bytes, at, second);
    bytes[at] = point;
    return writePadded(bytes, at + 1, rest, 9);
  }
}

/** Whole seconds, rounded down, and the ns behind them. */
function split(timeNs: bigint): { seconds: bigint; ns: number } {
  let seconds = timeNs / SECOND_NS;
  let ns = timeNs % SECOND_NS;
  if (ns < 0n) {
    seconds -= 1n;
    ns += SECOND_NS;
  }
  return { seconds, ns: Number(ns) };
}
