import { randomUUID } from 'node:crypto';
import type { ExchangeRecord } from '../../contract/instrument-schema.ts';
import type { LabEvent } from '../../contract/recording-schema.ts';
import type { Batch } from '../../core/batch.ts';
import type { Clock } from '../../core/clock.ts';
import type { LabError } from '../../core/errors.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import type { StreamGap } from '../sample-sink.ts';
import { gapEvent } from './gap-event.ts';
import type { Recorder, RecorderStats, RecordingResult } from './recorder-options.ts';
import { StreamBook } from './stream-book.ts';
import { type Unwritten, WaitingRoom } from './unwritten.ts';

export interface UnopenedOptions {
  name: string;
  clock: Clock;
  /** The recording it goes on with; `part`: the number the next one gets. */
  continues: { id?: string | undefined; startedNs: bigint; part: number };
  /** What it may hold. */
  queueBytes: number;
  /** Why there is no file. */
  error: LabError;
}

/**
 * A recorder whose disk was not there from the start: one that has failed before it wrote anything. It holds what comes, in order and bounded, for the
 * recorder that takes its place. Its `failed` never resolves: who makes it knows.
 */
export class UnopenedRecorder implements Recorder {
  readonly id: string;
  readonly name: string;
  readonly startedNs: bigint;
  readonly state = 'failed';
  readonly paths: string[] = [];
  readonly error: LabError;
  readonly failed = new Promise<LabError>(() => undefined);
  readonly stats: RecorderStats;
  readonly #streams = new StreamBook();
  readonly #queueBytes: number;
  #room: WaitingRoom | undefined = new WaitingRoom();

  constructor({ name, clock, continues, queueBytes, error }: UnopenedOptions) {
    this.id = continues.id ?? `rec-${randomUUID()}`;
    this.name = name;
    this.startedNs = continues.startedNs;
    this.error = error;
    this.#queueBytes = queueBytes;
    this.stats = {
      bytes: 0,
      durationS: Number(clock.nowNs() - continues.startedNs) / 1e9,
      rows: 0,
      samples: 0,
      lost: 0,
      part: continues.part - 1,
      queueBytes: 0,
      heldBytes: 0,
      stalledMs: 0,
      freeBytes: undefined,
      secondsLeft: undefined,
    };
  }

  streamOpened(info: StreamInfo): void {
    if (this.#room) this.#streams.open(info);
  }

  batch(batch: Batch): void {
    const info = this.#streams.infoOf(batch.stream);
    if (info) this.#room?.addBatch(info, batch, this.#queueBytes);
  }

  gap(gap: StreamGap): void {
    const info = this.#streams.infoOf(gap.stream);
    if (info) this.event(gapEvent(info, gap));
  }

  streamClosed(stream: number): void {
    this.#streams.close(stream);
  }

  event(event: LabEvent): void {
    if (event.kind !== 'start' && event.kind !== 'stop') this.#room?.addEvent(event, this.#queueBytes);
  }

  exchange(exchange: ExchangeRecord): void {
    this.#room?.addExchange(exchange, this.#queueBytes);
  }

  /** Nothing: the one in its place is told anew. */
  describe(): void {}

  rotateNow(): Promise<string> {
    return Promise.reject(this.error);
  }

  takeUnwritten(): Unwritten {
    const room = this.#room;
    if (!room) return { parts: [], streams: [], items: [] };
    this.#room = undefined;
    return { parts: [], streams: this.#streams.handOver(), items: room.items };
  }

  adopt({ streams, items }: Unwritten): void {
    for (const { info, hasRows } of streams) this.#streams.open(info, hasRows);
    this.#room?.adopt(items);
  }

  stop(): Promise<RecordingResult> {
    return Promise.resolve({ id: this.id, paths: [], stats: this.stats, error: this.error });
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
