import type { ColumnInfo } from '../../core/stream-info.ts';
import { parseIsoTime } from '../../protocol/lab/iso-time.ts';
import type { VitalEcg } from '../../protocol/lab/vital-message.ts';
import type { LabPorts } from '../ports.ts';
import type { ServerClock } from '../server-clock/server-clock.ts';
import type { StreamKeeper } from '../stream-keeper/stream-keeper.ts';

/** What the documents sample with; used where a server does not say. */
export const ASSUMED_RATE_HZ = 250;
/** The times of the server may stray by so much before a hole is made of it; ns. */
const STRAY_NS = 1_000_000_000n;

/** The rows of one patient: regular, by the rate. The time of a message is that of its last sample. */
export class EcgStream {
  readonly #ports: LabPorts;
  readonly #clock: ServerClock;
  #names: readonly string[] = [];
  #rateHz = 0;
  #unit = '';
  #epoch = 0;
  /** Number of the next row in this epoch. */
  #seq = 0;
  /** Our time of the next row; undefined: the next message says it. */
  #nextNs: bigint | undefined;
  #sequence: number | undefined;
  /** The server does not say how fast it samples. */
  isRateAssumed = false;

  constructor(ports: LabPorts, clock: ServerClock) {
    this.#ports = ports;
    this.#clock = clock;
  }

  get columns(): ColumnInfo[] {
    return this.#names.map((name) => ({ channel: name, unit: this.#unit }));
  }

  get rateHz(): number {
    return this.#rateHz;
  }

  /** A new connection counts anew: what was between is a hole. */
  begin(): void {
    this.#epoch++;
    this.#seq = 0;
    this.#nextNs = undefined;
    this.#sequence = undefined;
  }

  /** Takes one message; `frameUs`: the time in its frame. True: columns, rate or unit are new. */
  take(ecg: VitalEcg, frameUs: bigint | undefined, keeper: StreamKeeper | undefined): boolean {
    const isNew = this.#learn(ecg);
    if (keeper && isNew) keeper.opened({ columns: this.columns, rateHz: this.#rateHz });
    const leads = [...ecg.leads.values()];
    const rows = leads[0]?.length ?? 0;
    if (rows === 0) return isNew;
    const stepNs = 1e9 / this.#rateHz;
    const missing = this.#missed(ecg, rows);
    const firstNs = this.#firstNs(ecg, frameUs, rows, missing);
    keeper?.push({
      columns: leads.map((lead) => Float64Array.from(lead, (value) => value ?? Number.NaN)),
      rows,
      timesNs: BigInt64Array.from({ length: rows }, (_, at) => firstNs + BigInt(Math.round(at * stepNs))),
      uncertaintyS: this.#clock.uncertaintyS || 0,
      seq: this.#seq + missing,
      epoch: this.#epoch,
      ...(missing > 0 ? { skipped: { rows: missing, reason: 'The server left messages out.' } } : {}),
    });
    this.#seq += missing + rows;
    this.#nextNs = firstNs + BigInt(Math.round(rows * stepNs));
    return isNew;
  }

  #learn(ecg: VitalEcg): boolean {
    this.isRateAssumed = ecg.sampleRateHz === undefined;
    const rateHz = ecg.sampleRateHz ?? ASSUMED_RATE_HZ;
    const names = [...ecg.leads.keys()];
    const isSame = names.length === this.#names.length && names.every((name, at) => name === this.#names[at]);
    if (isSame && rateHz === this.#rateHz && ecg.unit === this.#unit) return false;
    this.#names = names;
    this.#rateHz = rateHz;
    this.#unit = ecg.unit;
    this.begin();
    return true;
  }

  /** Rows of messages the numbering of the server has and we have not. */
  #missed({ sequence }: VitalEcg, rows: number): number {
    const before = this.#sequence;
    this.#sequence = sequence;
    if (sequence === undefined || before === undefined || sequence <= before) return 0;
    return (sequence - before - 1) * rows;
  }

  /** Goes on where the last message ended, unless the server's times say otherwise by more than they stray. */
  #firstNs(ecg: VitalEcg, frameUs: bigint | undefined, rows: number, missing: number): bigint {
    const stepNs = 1e9 / this.#rateHz;
    const lastNs = this.#stampNs(ecg.timestamp, frameUs);
    const saidNs = lastNs - BigInt(Math.round((rows - 1) * stepNs));
    if (this.#nextNs === undefined) return saidNs;
    const dueNs = this.#nextNs + BigInt(Math.round(missing * stepNs));
    const awayNs = saidNs - dueNs;
    return awayNs > STRAY_NS || awayNs < -STRAY_NS ? saidNs : dueNs;
  }

  /** Of the message, else of its frame, else now. */
  #stampNs(stamp: number | string | undefined, frameUs: bigint | undefined): bigint {
    const nowNs = this.#ports.clock.nowNs();
    if (frameUs !== undefined && frameUs > 0n) return this.#clock.toOurNs(frameUs * 1000n);
    if (typeof stamp === 'string') {
      const time = parseIsoTime(stamp);
      if (!time) return nowNs;
      this.#clock.arrived(time.ns, time.isNaive);
      return this.#clock.toOurNs(time.ns, time.isNaive);
    }
    if (stamp === undefined || !Number.isFinite(stamp) || stamp <= 0) return nowNs;
    // Python counts seconds, a browser ms; the year 2286 tells them apart.
    const ns = BigInt(Math.round(stamp > 1e10 ? stamp * 1e6 : stamp * 1e9));
    this.#clock.arrived(ns);
    return this.#clock.toOurNs(ns);
  }
}
