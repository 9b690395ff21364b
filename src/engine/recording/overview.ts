import { NumberList } from './number-list.ts';

/** Min and max of the first column over one stretch of a recording. Times: of its first cell and of its last one, ns since 1970. */
export interface OverviewEntry {
  tNs: bigint;
  lastNs: bigint;
  isAfterGap: boolean;
  min: number;
  max: number;
}

/** Entries kept at most, and the gaps that must stay seen: those longer than a share of the whole. */
const MOST = 128;
const SHARE = 64;

/**
 * A coarse picture of the first column of a stream, of at most 128 entries however long it gets: when it is full, neighbours are merged, and from
 * then on an entry takes twice as many cells. Times: ns since an origin.
 */
export class OverviewBuilder {
  readonly #first = new NumberList();
  readonly #last = new NumberList();
  readonly #gap = new NumberList();
  readonly #min = new NumberList();
  readonly #max = new NumberList();
  #cellsPerEntry = 1;
  #cellsInLast = 0;

  /** The next cell. */
  add(time: number, isAfterGap: boolean, min: number, max: number): void {
    const at = this.#first.length - 1;
    if (at >= 0 && this.#cellsInLast < this.#cellsPerEntry && !(isAfterGap && this.#isLong(at, time))) {
      this.#cellsInLast++;
      this.#merge(at, time, min, max);
      return;
    }
    this.#first.push(time);
    this.#last.push(time);
    this.#gap.push(isAfterGap ? 1 : 0);
    this.#min.push(min);
    this.#max.push(max);
    this.#cellsInLast = 1;
    if (this.#first.length <= MOST) return;
    this.#halve(false);
    if (this.#first.length > MOST) this.#halve(true);
    this.#cellsPerEntry *= 2;
    this.#cellsInLast = this.#cellsPerEntry;
  }

  entries(originNs: bigint): OverviewEntry[] {
    return Array.from({ length: this.#first.length }, (_, at) => ({
      tNs: originNs + BigInt(this.#first.values[at] as number),
      lastNs: originNs + BigInt(this.#last.values[at] as number),
      isAfterGap: this.#gap.values[at] === 1,
      min: this.#min.values[at] as number,
      max: this.#max.values[at] as number,
    }));
  }

  /** Whether what lies between an entry and a time is a share of the whole. */
  #isLong(at: number, time: number): boolean {
    const end = Math.max(time, this.#last.values[this.#first.length - 1] as number);
    return (time - (this.#last.values[at] as number)) * SHARE > end - (this.#first.values[0] as number);
  }

  #merge(at: number, last: number, min: number, max: number): void {
    this.#last.values[at] = last;
    this.#min.values[at] = lower(this.#min.values[at] as number, min);
    this.#max.values[at] = -lower(-(this.#max.values[at] as number), -max);
  }

  /** Merges pairs in place; over a long gap only if it must. */
  #halve(isForced: boolean): void {
    const { length } = this.#first;
    let to = 0;
    for (let at = 0; at < length; at++, to++) {
      for (const list of [this.#first, this.#last, this.#gap, this.#min, this.#max]) {
        list.values[to] = list.values[at] as number;
      }
      const next = at + 1;
      if (next === length) continue;
      const time = this.#first.values[next] as number;
      if (!isForced && this.#gap.values[next] === 1 && this.#isLong(to, time)) continue;
      const min = this.#min.values[next] as number;
      this.#merge(to, this.#last.values[next] as number, min, this.#max.values[next] as number);
      at++;
    }
    for (const list of [this.#first, this.#last, this.#gap, this.#min, this.#max]) list.length = to;
  }
}

/** The smaller; of a number and NaN the number. */
function lower(a: number, b: number): number {
  return b < a || Number.isNaN(a) ? b : a;
}

/*
 * Section of an overview, little endian: 0 u32 MCAP channel  4 u32 entries
 * 8 entries, each i64 first, i64 last ns since 1970, f64 min, f64 max, f64 1 after a gap
 */
const HEAD_BYTES = 8;
const ENTRY_BYTES = 40;

export function encodeOverview(channel: number, entries: readonly OverviewEntry[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEAD_BYTES + entries.length * ENTRY_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, channel, true);
  view.setUint32(4, entries.length, true);
  for (const [index, { tNs, lastNs, min, max, isAfterGap }] of entries.entries()) {
    const at = HEAD_BYTES + index * ENTRY_BYTES;
    view.setBigInt64(at, tNs, true);
    view.setBigInt64(at + 8, lastNs, true);
    view.setFloat64(at + 16, min, true);
    view.setFloat64(at + 24, max, true);
    view.setFloat64(at + 32, isAfterGap ? 1 : 0, true);
  }
  return bytes;
}

/** @throws RangeError: it is no such section. */
export function decodeOverview(section: Uint8Array): { channel: number; entries: OverviewEntry[] } {
  const view = new DataView(section.buffer, section.byteOffset, section.byteLength);
  const entries = Array.from({ length: view.getUint32(4, true) }, (_, index): OverviewEntry => {
    const at = HEAD_BYTES + index * ENTRY_BYTES;
    return {
      tNs: view.getBigInt64(at, true),
      lastNs: view.getBigInt64(at + 8, true),
      min: view.getFloat64(at + 16, true),
      max: view.getFloat64(at + 24, true),
      isAfterGap: view.getFloat64(at + 32, true) === 1,
    };
  });
  return { channel: view.getUint32(0, true), entries };
}
