/** Min and max of the first column over one stretch of a recording. `tNs`: of its first row, ns since 1970. */
export interface OverviewEntry {
  tNs: bigint;
  isAfterGap: boolean;
  min: number;
  max: number;
}

/** Entries kept at most, and gaps that must stay seen: those longer than a share of the whole. */
const MOST = 128;
const SHARE = 64;

/** A coarse picture of the first column of a stream, of at most 128 entries however long it gets: neighbours are merged when it is full. */
export class OverviewBuilder {
  #entries: OverviewEntry[] = [];

  get entries(): readonly OverviewEntry[] {
    return this.#entries;
  }

  add(entry: OverviewEntry): void {
    this.#entries.push(entry);
    if (this.#entries.length <= MOST) return;
    this.#halve(Number(entry.tNs - (this.#entries[0] as OverviewEntry).tNs) / SHARE);
    if (this.#entries.length > MOST) this.#halve(Number.POSITIVE_INFINITY);
  }

  /** Merges pairs; over a gap only if it takes less than so many ns. */
  #halve(shortNs: number): void {
    const merged: OverviewEntry[] = [];
    for (let at = 0; at < this.#entries.length; at++) {
      const entry = this.#entries[at] as OverviewEntry;
      const next = this.#entries[at + 1];
      if (next && (!next.isAfterGap || Number(next.tNs - entry.tNs) < shortNs)) {
        merged.push({ ...entry, min: lower(entry.min, next.min), max: -lower(-entry.max, -next.max) });
        at++;
      } else merged.push(entry);
    }
    this.#entries = merged;
  }
}

/** The smaller; of a number and NaN the number. */
function lower(a: number, b: number): number {
  return b < a || Number.isNaN(a) ? b : a;
}

/*
 * Section of an overview, little endian: 0 u32 MCAP channel  4 u32 entries  8 entries, each i64 ns since 1970, f64 min, f64 max, f64 1 after a gap
 */
const HEAD_BYTES = 8;
const ENTRY_BYTES = 32;

export function encodeOverview(channel: number, entries: readonly OverviewEntry[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEAD_BYTES + entries.length * ENTRY_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, channel, true);
  view.setUint32(4, entries.length, true);
  for (const [index, { tNs, min, max, isAfterGap }] of entries.entries()) {
    const at = HEAD_BYTES + index * ENTRY_BYTES;
    view.setBigInt64(at, tNs, true);
    view.setFloat64(at + 8, min, true);
    view.setFloat64(at + 16, max, true);
    view.setFloat64(at + 24, isAfterGap ? 1 : 0, true);
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
      min: view.getFloat64(at + 8, true),
      max: view.getFloat64(at + 16, true),
      isAfterGap: view.getFloat64(at + 24, true) === 1,
    };
  });
  return { channel: view.getUint32(0, true), entries };
}
