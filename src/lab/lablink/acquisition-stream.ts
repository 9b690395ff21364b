import type { ColumnInfo } from '../../core/stream-info.ts';
import { parseIsoTime } from '../../protocol/lab/iso-time.ts';
import type { AcquisitionWindow } from '../../protocol/lab/lablink-message.ts';
import { acquisitionData } from '../../protocol/lab/lablink-rest.ts';
import type { ArrivedRows, Hole, StreamSpec } from '../stream-keeper/stream-spec.ts';
import type { LabLinkPlace } from './place.ts';
import { stampOf } from './row-buffer.ts';
import type { StreamStarter } from './stream-starter.ts';

/** What is known of an acquisition of the server. */
export interface AcquisitionFacts {
  id: string;
  equipment: string;
  name: string;
  rateHz: number;
  /** As the server calls them: `CH1`. */
  channels: readonly string[];
  /** Unit of its values, by the type of the instrument. */
  unit: string;
  bufferSize: number;
  /** 1 for the first that runs on its instrument, 2 for one beside it: channels of both must not be called the same. */
  slot: number;
}

/** Name of its stream. */
export function acquisitionStreamName(id: string): string {
  return `acq-${id.slice(0, 8)}`;
}

export function acquisitionColumns({ channels, unit, slot }: AcquisitionFacts): ColumnInfo[] {
  const group = slot === 1 ? 'acquired' : `acquired${slot}`;
  return channels.map((channel) => ({ channel: `${group}.${channel.toLowerCase().replace(/[^a-z0-9]/g, '')}`, unit }));
}

/** So many of the newest samples cover an interval with room for a late message. */
export function windowSize(rateHz: number, intervalMs: number): number {
  return Math.min(10_000, Math.max(20, Math.ceil((rateHz * intervalMs * 4) / 1000)));
}

/**
 * An acquisition session as a stream. Every message is a window of the newest samples, so windows overlap (repeats are cut by their times) or leave holes (which the
 * server's buffer fills, as far as it goes back). Samples are numbered by the count of the session.
 */
export class AcquisitionStream implements StreamSpec {
  readonly key: string;
  readonly facts: AcquisitionFacts;
  readonly #place: LabLinkPlace;
  readonly #starter: StreamStarter;
  readonly #opened: (columns: readonly ColumnInfo[]) => void;
  /** Number and time of the newest sample numbered so far. */
  #last: { stamp: number; seq: number } | undefined;
  #intervalMs = 500;

  constructor(
    place: LabLinkPlace,
    facts: AcquisitionFacts,
    starter: StreamStarter,
    opened: (columns: readonly ColumnInfo[]) => void,
  ) {
    this.key = `${facts.equipment}/${acquisitionStreamName(facts.id)}`;
    this.facts = facts;
    this.#place = place;
    this.#starter = starter;
    this.#opened = opened;
  }

  open(): void {
    this.#opened(acquisitionColumns(this.facts));
  }

  start(intervalMs: number): void {
    this.#intervalMs = intervalMs;
    this.#starter.want(this.key, intervalMs);
  }

  stop(): void {
    this.#starter.unwant(this.key);
  }

  isOnlyPolled(): boolean {
    return !this.#starter.mayStart(this.key);
  }

  renew(reason: string): void {
    this.#starter.silent(this.key, reason);
  }

  /** A window of the socket. `total`: samples of the session so far, as the same message says. */
  live(window: AcquisitionWindow, total: number | undefined): ArrivedRows | undefined {
    const rows = this.#rows(window);
    const stamps = rows?.stamps;
    if (!rows || !stamps) return undefined;
    const newest = parseIsoTime(window.timestamps[rows.rows - 1]);
    if (newest && (stamps[rows.rows - 1] ?? 0) > (this.#last?.stamp ?? Number.NEGATIVE_INFINITY))
      this.#place.clock.arrived(newest.ns, newest.isNaive);
    const seq = this.#number(stamps, rows.rows, total);
    return seq === undefined ? rows : { ...rows, seq, epoch: this.facts.id };
  }

  async poll(signal: AbortSignal): Promise<ArrivedRows | undefined> {
    const size = windowSize(this.facts.rateHz, Math.max(1000, this.#intervalMs) * 2);
    return this.#ask(size, signal);
  }

  /** The server's buffer has more than the last window: what of it lies in the hole is cut out by the keeper. */
  async fill(hole: Hole, signal: AbortSignal): Promise<readonly ArrivedRows[]> {
    const missing = hole.rows ?? Math.ceil((Number(hole.toNs - hole.fromNs) / 1e9) * this.facts.rateHz);
    const size = Math.min(this.facts.bufferSize, missing * 2 + windowSize(this.facts.rateHz, this.#intervalMs) * 4);
    const rows = await this.#ask(size, signal);
    return rows ? [rows] : [];
  }

  async #ask(size: number, signal: AbortSignal): Promise<ArrivedRows | undefined> {
    const id = encodeURIComponent(this.facts.id);
    const query = { num_samples: size };
    const answer = await this.#place.rest.answer(`/api/acquisition/session/${id}/data`, { query, signal });
    // Before the first sample the server fails with 500.
    if (answer.status === 500) return undefined;
    const data = acquisitionData.safeParse(answer.json);
    return data.success ? this.#rows(data.data.data) : undefined;
  }

  /** Number of the first row of a window: by the sample known last, if it is in it, else by the count. */
  #number(stamps: Float64Array, rows: number, total: number | undefined): number | undefined {
    const last = this.#last;
    const at = last ? stamps.subarray(0, rows).indexOf(last.stamp) : -1;
    let seq: number | undefined;
    if (last && at >= 0) seq = last.seq - at;
    else if (total !== undefined && Number.isInteger(total) && total >= rows) seq = total - rows;
    if (seq === undefined) return undefined;
    const stamp = stamps[rows - 1] ?? 0;
    if (!last || stamp > last.stamp) this.#last = { stamp, seq: seq + rows - 1 };
    return seq;
  }

  #rows({ timestamps, values }: AcquisitionWindow): ArrivedRows | undefined {
    const times = timestamps.map(parseIsoTime);
    const rows = times.indexOf(undefined);
    const count = rows < 0 ? times.length : rows;
    if (count === 0) return undefined;
    const columns = this.facts.channels.map((channel) => {
      const column = new Float64Array(count).fill(Number.NaN);
      values[channel]?.slice(0, count).forEach((value, row) => {
        column[row] = value ?? Number.NaN;
      });
      return column;
    });
    const timesNs = new BigInt64Array(count);
    const stamps = new Float64Array(count);
    const { clock } = this.#place;
    for (let row = 0; row < count; row++) {
      const time = times[row];
      if (!time) break;
      timesNs[row] = clock.toOurNs(time.ns, time.isNaive);
      stamps[row] = stampOf(time.ns);
    }
    const { uncertaintyS } = clock;
    const sureS = Number.isNaN(uncertaintyS) ? 0.5 : uncertaintyS;
    return { columns, rows: count, timesNs, uncertaintyS: sureS, stamps, isWindow: true };
  }
}
