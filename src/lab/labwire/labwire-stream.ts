import type { FrameColumns } from '../../protocol/lab/labwire-columns.ts';
import type { FrameSkip } from '../../protocol/lab/labwire-frame.ts';
import type { LabwireData, LabwireStreamSchema } from '../../protocol/lab/labwire-messages.ts';
import type { ArrivedRows, Hole, Skipped, StreamSpec } from '../stream-keeper/stream-spec.ts';
import { readHistory } from './history.ts';
import { isSameForm, rowOfText, rowsOfHistory, type StreamForm, streamForm } from './stream-form.ts';
import type { StreamHost } from './stream-host.ts';
import { StreamWishes } from './stream-wishes.ts';

/** Rows of one hole fetched over REST; more is a gap. */
const MAX_FILL_ROWS = 500_000;

const SKIP_TEXT: Readonly<Record<FrameSkip['reason'], string>> = {
  unknown: 'The server left rows out and does not say why.',
  rate: 'Fewer rows were asked for.',
  decimated: 'The server thinned the rows.',
  overflow: 'The server dropped rows: the connection was too slow.',
  conflated: 'The server sent only the newest of several rows.',
  expired: 'The rows were too old to be sent.',
  source: 'The instrument lost rows before the server had them.',
};

/** A hole whose rows were asked for by message: what comes as replay within it belongs to the answer. */
interface Filling {
  from: number;
  to: number;
  epoch: number;
  rows: ArrivedRows[];
}

/** One wanted stream of a labwire.1 server: how it is asked for, read, and filled. */
export class LabwireStream implements StreamSpec {
  readonly key: string;
  readonly equipment: string;
  readonly streamType: string;
  form: StreamForm | undefined;
  epoch: number | undefined;
  readonly wishes = new StreamWishes();
  readonly #host: StreamHost;
  /** Asked for on the present connection with that interval. */
  #askedMs: number | undefined;
  #filling: Filling | undefined;
  /** The last poll asked for rows of one numbering, and there were none. */
  #hasPolledNothing = false;

  constructor(equipment: string, streamType: string, host: StreamHost) {
    this.key = `${equipment}/${streamType}`;
    this.equipment = equipment;
    this.streamType = streamType;
    this.#host = host;
  }

  /** What the greeting says of it; then it is asked for. */
  desired(intervalMs: number): Record<string, unknown> {
    this.#askedMs = intervalMs;
    return this.#request(intervalMs);
  }

  /** Rows wait for the answer to a question on the same connection: they must not hold that answer up. */
  get isAsking(): boolean {
    return this.#filling !== undefined;
  }

  /** A new connection: it is asked for anew, and no answer of the old one comes. */
  disconnected(): void {
    this.#askedMs = undefined;
    this.#filling = undefined;
  }

  start(intervalMs: number): void {
    if (this.#askedMs === intervalMs) return;
    if (this.#host.send({ type: 'start_stream', ...this.#request(intervalMs) })) this.#askedMs = intervalMs;
  }

  /** The wishes are others: asked for anew, if it is asked for at all. */
  wishAgain(): void {
    const intervalMs = this.#askedMs;
    if (intervalMs === undefined) return;
    this.#askedMs = undefined;
    this.start(intervalMs);
  }

  stop(): void {
    this.#askedMs = undefined;
    this.#host.send({ type: 'stop_stream', equipment_id: this.equipment, stream_type: this.streamType, key: this.key });
  }

  /** The other streams go on: only this one is asked for again. Else the connection is made anew. */
  renew(reason: string): void {
    if (this.#host.isDelivering()) {
      const intervalMs = this.#askedMs ?? this.#host.keeper(this.key)?.intervalMs ?? 100;
      this.#askedMs = undefined;
      this.start(intervalMs);
    } else this.#host.renew(`${this.key}: ${reason}`);
  }

  /** The server told how its rows look. */
  opened(epoch: number, schema: LabwireStreamSchema): void {
    const form = streamForm(schema);
    const isNew = !this.form || !isSameForm(form, this.form) || this.epoch !== epoch;
    this.epoch = epoch;
    this.form = form;
    if (isNew) this.#host.keeper(this.key)?.opened({ columns: form.columns, rateHz: form.rateHz });
  }

  /** Its numbering begins anew; the columns stay unless it says otherwise. */
  reset(epoch: number, schema: LabwireStreamSchema | undefined): void {
    if (schema) this.opened(epoch, schema);
    else this.epoch = epoch;
  }

  /** A row that came as text; as `arrived`. Throws server.malformed for one that does not fit. */
  textRow(message: LabwireData): boolean {
    if (!this.form) return false;
    const { seq, ep, skipped, replay = false } = message;
    return this.arrived(seq, ep, rowOfText(this.form, message), skipped, replay);
  }

  /** Rows as they came; false: they are part of the answer to a question, or nobody wants them. */
  arrived(seq: number, epoch: number, decoded: FrameColumns, skip: FrameSkip | undefined, isReplay: boolean): boolean {
    const rows = { ...this.#rows(seq, epoch, decoded, skip), isReplay };
    const filling = this.#filling;
    if (isReplay && filling && filling.epoch === epoch && seq >= filling.from && seq <= filling.to) {
      filling.rows.push({ ...rows, isReplay: false });
      return false;
    }
    this.#host.keeper(this.key)?.push(rows);
    return true;
  }

  /**
   * What came since the newest row, over REST; without any row the present one. A numbering that is over answers with nothing for ever: after such an answer the
   * present row is asked for, which is new only in another numbering.
   */
  async poll(signal: AbortSignal): Promise<ArrivedRows | undefined> {
    const place = this.#host.keeper(this.key)?.position;
    const isPlaced = place?.seq !== undefined && typeof place.epoch === 'number' && place.epoch === this.epoch;
    const isRanged = isPlaced && !this.#hasPolledNothing;
    this.#hasPolledNothing = false;
    const range = isRanged ? { epoch: this.epoch, from: place.seq } : {};
    const { epoch, schema, runs } = await readHistory(this.#host.rest, this.key, range, signal);
    const run = runs[0];
    this.#hasPolledNothing = isRanged && run === undefined;
    // The present row of the same numbering: those before it are asked for by the next poll.
    if (isPlaced && !isRanged && epoch === place.epoch) return undefined;
    // The form of an empty answer about a numbering that is over is that of the present one.
    if (!isRanged || run) this.reset(epoch, schema);
    return run ? this.#historyRows(epoch, run) : undefined;
  }

  /** By message where the connection can, what that does not give over REST. */
  async fill(hole: Hole, signal: AbortSignal): Promise<readonly ArrivedRows[]> {
    const { fromSeq, rows, epoch } = hole;
    if (fromSeq === undefined || rows === undefined || typeof epoch !== 'number') return [];
    const to = fromSeq + rows - 1;
    const asked = rows <= this.#host.maxMessageRows ? await this.#fillByMessage(fromSeq, to, epoch, signal) : [];
    const last = asked.at(-1);
    const isWhole = asked.reduce((sum, part) => sum + part.rows, 0) === rows && last !== undefined;
    return isWhole ? asked : this.#fillOverRest(fromSeq, to, epoch, signal, asked);
  }

  async #fillByMessage(from: number, to: number, epoch: number, signal: AbortSignal): Promise<ArrivedRows[]> {
    if (this.#filling) return [];
    const filling: Filling = { from, to, epoch, rows: [] };
    this.#filling = filling;
    try {
      await this.#host.askHistory({ type: 'history', key: this.key, epoch, from, to }, signal);
    } catch {
      // What came before it failed is still true; REST is asked for the rest.
    } finally {
      if (this.#filling === filling) this.#filling = undefined;
    }
    return filling.rows;
  }

  async #fillOverRest(
    from: number,
    to: number,
    epoch: number,
    signal: AbortSignal,
    instead: ArrivedRows[],
  ): Promise<ArrivedRows[]> {
    const filled: ArrivedRows[] = [];
    let count = 0;
    try {
      for (let at: number | undefined = from; at !== undefined && at <= to && count < MAX_FILL_ROWS; ) {
        const { runs, next } = await readHistory(this.#host.rest, this.key, { epoch, from: at, to }, signal);
        for (const run of runs) {
          filled.push(this.#historyRows(epoch, run));
          count += run.length;
        }
        at = next !== undefined && next > at ? next : undefined;
      }
    } catch (thrown) {
      if (filled.length === 0 && instead.length === 0) throw thrown;
    }
    return count >= instead.reduce((sum, part) => sum + part.rows, 0) ? filled : instead;
  }

  #request(intervalMs: number): Record<string, unknown> {
    const { delivery, maxAgeMs } = this.wishes;
    return {
      equipment_id: this.equipment,
      stream_type: this.streamType,
      interval_ms: intervalMs,
      priority: this.#host.priority,
      delivery,
      ...(maxAgeMs === undefined ? {} : { max_age_ms: maxAgeMs }),
    };
  }

  #historyRows(epoch: number, run: (number | null)[][]): ArrivedRows {
    const form = this.form ?? streamForm({ channels: [] });
    return this.#rows(run[0]?.[0] ?? 0, epoch, rowsOfHistory(form, run), undefined);
  }

  #rows(seq: number, epoch: number, { columns, timesNs }: FrameColumns, skip: FrameSkip | undefined): ArrivedRows {
    const first = timesNs[0] ?? 0n;
    const shift = this.#host.clock.toOurNs(first) - first;
    return {
      columns,
      rows: timesNs.length,
      timesNs: timesNs.map((ns) => ns + shift),
      uncertaintyS: this.#host.uncertaintyS,
      seq,
      epoch,
      skipped: skip ? this.#skippedRows(skip) : undefined,
    };
  }

  /** Rows left out, as the keeper counts them: what was wished for is no loss. */
  #skippedRows({ n, reason }: FrameSkip): Skipped {
    const isThinned = reason === 'rate' || reason === 'decimated' || this.wishes.isWished(reason);
    return { rows: n, reason: SKIP_TEXT[reason], isThinned };
  }
}
