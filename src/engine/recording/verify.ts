import type { z } from 'zod';
import type { verifyReport } from '../../contract/recording-schema.ts';
import { LabError } from '../../core/errors.ts';
import { measuredColumns } from '../../core/stream-info.ts';
import type { ChunkMessage } from './chunk-reader.ts';
import { copyMessageBatch, readChunk } from './chunk-reader.ts';
import type { ChunkEntry } from './digest.ts';
import { EVENT_CHANNEL_ID, EXCHANGE_TOPIC } from './file-layout.ts';
import type { PartIndex } from './part-index.ts';
import type { Recording } from './recording.ts';
import { unsaidAfter } from './recording-info.ts';
import { continuedParts, repeatedFrom } from './repeated-parts.ts';
import { type CountedStream, compareTotals } from './verify-totals.ts';

export type VerifyReport = z.infer<typeof verifyReport>;

const MAX_PROBLEMS = 100;

/**
 * Reads every byte: checksums, batches, row numbers without a hole that is not declared as lost, counts as the index and the writer say.
 * @throws whatever `signal` aborts with; the disk's errors. What is wrong with the recording goes into the report.
 */
export async function verifyRecording(
  recording: Recording,
  options: { signal?: AbortSignal | undefined; onProgress?: ((share: number) => void) | undefined } = {},
): Promise<VerifyReport> {
  const verification = new Verification(recording);
  const total = recording.parts.reduce((sum, part) => sum + part.chunks.length, 0);
  for (const part of recording.parts) {
    for (const chunk of part.chunks) {
      options.signal?.throwIfAborted();
      await verification.checkChunk(part, chunk);
      options.onProgress?.(verification.report.chunks / total);
    }
    verification.checkTotals(part);
  }
  return verification.report;
}

class Verification {
  readonly report: VerifyReport;
  readonly #recording: Recording;
  readonly #continued: Map<number, number>;
  readonly #nextRow = new Map<number, number>();
  /** Of the part being read, by stream. */
  #counted = new Map<number, CountedStream>();
  #events = 0;
  #exchanges = 0;
  #isWhole = true;

  constructor(recording: Recording) {
    this.#recording = recording;
    this.#continued = continuedParts(recording.parts);
    const { lost, missing } = recording.info;
    this.report = { ok: true, chunks: 0, batches: 0, samples: 0, lost, problems: [] };
    if (missing !== '') this.#tell(missing);
  }

  async checkChunk(part: PartIndex, chunk: ChunkEntry): Promise<void> {
    this.report.chunks++;
    try {
      const messages = await readChunk(part.file, chunk);
      const isRepeated = chunk.offset >= (repeatedFrom(part, this.#continued) ?? Number.POSITIVE_INFINITY);
      if (!isRepeated) this.#checkMessages(part, chunk, messages);
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      this.#tell(error.message);
      this.#isWhole = false;
      // What follows the hole is not the hole's fault.
      for (const digest of chunk.streams) this.#nextRow.delete(this.#recording.numberOf(part, digest.channel) ?? 0);
    }
  }

  /** What was read of a part against what its writer counted. A chunk that cannot be read is told already. */
  checkTotals(part: PartIndex): void {
    const others = { events: this.#events, exchanges: this.#exchanges };
    if (part.totals.size > 0 && this.#isWhole) {
      for (const problem of compareTotals(part, [...this.#counted.values()], others)) this.#tell(problem);
    }
    this.#counted = new Map();
    this.#events = 0;
    this.#exchanges = 0;
    this.#isWhole = true;
  }

  #checkMessages(part: PartIndex, chunk: ChunkEntry, messages: readonly ChunkMessage[]): void {
    const rows = new Map<number, number>();
    for (const message of messages) {
      const { channel } = message;
      const stream = this.#recording.numberOf(part, channel);
      if (stream === undefined) {
        if (channel === EVENT_CHANNEL_ID) this.#events++;
        else if (part.topics.get(channel) === EXCHANGE_TOPIC) {
          this.#exchanges++;
          rows.set(channel, (rows.get(channel) ?? 0) + 1);
        }
        // Other channels that were announced hold what is no row: plain messages.
        else if (!part.topics.has(channel)) this.#tellForeign(part, chunk);
        continue;
      }
      const count = this.#checkBatch(message, stream);
      if (count === undefined) this.#tellForeign(part, chunk);
      else rows.set(channel, (rows.get(channel) ?? 0) + count);
    }
    for (const { channel, rows: said } of chunk.streams) {
      const found = rows.get(channel) ?? 0;
      if (found !== said) {
        this.#tell(`The index says ${said} rows at ${chunk.offset} of ${part.path}, there are ${found}.`);
      }
    }
  }

  /** Gives its rows; undefined if it is no batch. */
  #checkBatch(message: ChunkMessage, stream: number): number | undefined {
    const batch = copyMessageBatch(message, stream);
    const info = this.#recording.streams[stream - 1]?.info;
    if (!batch || !info) return undefined;
    const expected = this.#nextRow.get(stream);
    const hole = expected === undefined ? 0 : batch.seq - expected - batch.lost;
    if (expected !== undefined && hole !== 0 && hole !== unsaidAfter(this.#recording.info.gaps, info, expected)) {
      this.#tell(`Stream ${info.key}: row ${batch.seq} follows row ${expected - 1} with ${batch.lost} declared lost.`);
    }
    this.#nextRow.set(stream, batch.seq + batch.rows);
    this.report.batches++;
    this.report.samples += batch.rows * measuredColumns(info).length;
    let counted = this.#counted.get(stream);
    if (!counted) {
      counted = { info, firstRow: batch.seq, endRow: 0, rows: 0, lost: 0, batches: 0 };
      this.#counted.set(stream, counted);
    }
    counted.endRow = batch.seq + batch.rows;
    counted.rows += batch.rows;
    counted.lost += batch.lost;
    counted.batches++;
    return batch.rows;
  }

  #tellForeign(part: PartIndex, chunk: ChunkEntry): void {
    this.#tell(`A message at ${chunk.offset} of ${part.path} is no batch of an announced stream.`);
  }

  #tell(problem: string): void {
    const { report } = this;
    report.ok = false;
    if (report.problems.length < MAX_PROBLEMS) report.problems.push(problem);
    else if (report.problems.length === MAX_PROBLEMS) report.problems.push('More problems follow.');
  }
}
