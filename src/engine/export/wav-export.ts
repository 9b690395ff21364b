import type { Column } from '../../core/batch.ts';
import { LabError } from '../../core/errors.ts';
import type { FormatJob, Written } from './format-writer.ts';
import { OutFile } from './out-file.ts';
import { isoNs } from './recording-facts.ts';
import { StoredZip } from './stored-zip.ts';
import { streamFolders } from './stream-folders.ts';
import type { TablePlan, TableSource } from './table.ts';
import { planTable } from './table.ts';
import { frameBytes, type WavShape, wavHeader, wavTexts } from './wav-header.ts';
import { planWav, type WavPlan, wavPieces } from './wav-plan.ts';

/** Takes bytes one behind the other. */
interface ByteSink {
  write(bytes: Uint8Array): Promise<void>;
}

/** Frames written in one go. */
const PIECE_FRAMES = 16_384;

/** Sampled signals as sound, one file a stream; of several streams a ZIP file of them. docs/export.md. */
export async function writeWav(job: FormatJob): Promise<Written> {
  const { recording, channels, range, out } = job;
  const plan = planTable(recording, channels, range, false);
  const sampled = plan.sources.filter(({ stream }) => stream.info.kind === 'regular');
  const notes = refuseUneven(job, plan, sampled);
  const wavs: WavPlan[] = [];
  for (const source of sampled) {
    const wav = await planWav(plan, source, job);
    if (wav) wavs.push(wav);
  }
  const isZip = /\.zip$/i.test(out);
  const first = wavs[0];
  if (!first) throw unsupported('There is no sampled row in that range.', 'Choose a wider range.');
  if (wavs.length > 1 && !isZip) {
    const names = wavs.map(({ source }) => source.stream.info.key).join(', ');
    throw unsupported(
      `A WAV file holds one stream of samples, and there are ${wavs.length} (${names}; a stream that was opened again counts anew).`,
      'Choose channels of one of them or a shorter range, or give a name that ends in .zip to get a file of each.',
    );
  }
  await using file = await OutFile.open(job.path);
  if (isZip) {
    const zip = new StoredZip(file, Number(recording.info.startedNs / 1_000_000n));
    const folders = streamFolders(wavs.map(({ source }) => source));
    for (const [index, wav] of wavs.entries()) {
      const parts = partsOf(job, wav);
      const name = `${(folders[index] ?? String(index)).replace('/', ' ')}.wav`;
      await writeOne(job, plan, wav, parts, zip.reserve(name, parts.bytes));
    }
    await zip.finish();
  } else await writeOne(job, plan, first, partsOf(job, first), file);
  await file.sync();
  const rows = wavs.reduce((sum, { frames, silent }) => sum + frames - silent, 0);
  return { rows, notes: [...notes, ...wavs.flatMap(notesOf)] };
}

interface WavParts {
  shape: WavShape;
  header: Uint8Array;
  texts: Uint8Array;
  /** By channel: what is ±1. */
  scales: number[];
  bytes: number;
}

function partsOf({ options, recording, channels }: FormatJob, wav: WavPlan): WavParts {
  const isFloat = options.wavSamples === 'float32';
  const rateHz = Math.round(wav.rateHz);
  if (rateHz < 1 || rateHz > 0xffff_ffff) {
    throw unsupported(
      `${wav.source.stream.info.key} has ${wav.rateHz} samples a second, and a WAV file can say 1 Hz to 4 GHz only.`,
      'Choose another format, such as csv or npz.',
    );
  }
  const scales = wav.peaks.map((peak) => options.fullScale ?? (peak > 0 ? peak : 1));
  const shape = { isFloat, channels: scales.length, rateHz, frames: wav.frames };
  if (shape.channels * 4 > 0xffff) throw unsupported('A WAV file holds 16,383 channels.', 'Choose fewer channels.');
  const comment = {
    t0: isoNs(wav.t0Ns),
    rateHz: wav.rateHz,
    fullScale: wav.source.fields.map(({ to }, index) => ({
      channel: channels[to]?.id ?? '',
      value: scales[index],
      unit: channels[to]?.unit ?? '',
    })),
    silentFrames: wav.silent,
    missingValues: wav.missing,
    overloads: wav.overloads,
  };
  const texts = wavTexts({
    INAM: `${recording.info.name}: ${wav.source.stream.info.key}`,
    ISFT: `labwire ${recording.info.appVersion}`,
    ICMT: JSON.stringify(comment),
  });
  const header = wavHeader(shape, texts.byteLength);
  const dataBytes = wav.frames * frameBytes(shape);
  return { shape, header, texts, scales, bytes: header.byteLength + dataBytes + (dataBytes % 2) + texts.byteLength };
}

async function writeOne(job: FormatJob, plan: TablePlan, wav: WavPlan, parts: WavParts, sink: ByteSink): Promise<void> {
  const { shape, header, texts, scales } = parts;
  const space = new FrameSpace(shape, scales);
  await sink.write(header);
  let frames = 0;
  for await (const { silent, rows } of wavPieces(plan, wav.source)) {
    for (let left = silent; left > 0; left -= PIECE_FRAMES)
      await sink.write(space.silence(Math.min(left, PIECE_FRAMES)));
    for (let from = 0; from < rows.rows; from += PIECE_FRAMES) {
      await sink.write(space.frames(rows.columns, from, Math.min(PIECE_FRAMES, rows.rows - from)));
    }
    frames += silent + rows.rows;
    job.tick(frames / wav.frames);
  }
  if ((frames * frameBytes(shape)) % 2 === 1) await sink.write(new Uint8Array(1));
  await sink.write(texts);
}

/** Frames with the samples of all channels side by side. */
class FrameSpace {
  readonly #scales: readonly number[];
  readonly #samples: Float32Array<ArrayBuffer> | Int16Array<ArrayBuffer>;
  readonly #most: number;

  constructor({ isFloat, channels }: WavShape, scales: readonly number[]) {
    this.#scales = scales;
    const count = PIECE_FRAMES * channels;
    this.#samples = isFloat ? new Float32Array(count) : new Int16Array(count);
    this.#most = isFloat ? 1 : 32_767;
  }

  silence(count: number): Uint8Array {
    this.#samples.fill(0);
    return this.#bytes(count);
  }

  /** Missing values are silence, overload is full scale; a 16-bit sample is cut off there. */
  frames(columns: readonly Column[], from: number, count: number): Uint8Array {
    const samples = this.#samples;
    const step = columns.length;
    const most = this.#most;
    const isWhole = samples instanceof Int16Array;
    for (const [index, column] of columns.entries()) {
      const factor = most / (this.#scales[index] as number);
      for (let row = 0, to = index; row < count; row++, to += step) {
        const value = column[from + row] as number;
        let sample = value * factor;
        if (Number.isNaN(value)) sample = 0;
        else if (value === Number.POSITIVE_INFINITY) sample = most;
        else if (value === Number.NEGATIVE_INFINITY) sample = -most;
        else if (isWhole) sample = Math.max(-most, Math.min(most, Math.round(sample)));
        samples[to] = sample;
      }
    }
    return this.#bytes(count);
  }

  #bytes(count: number): Uint8Array {
    const { BYTES_PER_ELEMENT, buffer } = this.#samples;
    return new Uint8Array(buffer, 0, count * this.#scales.length * BYTES_PER_ELEMENT);
  }
}

/** A person who chose polled channels must know that a WAV file has no place for them; who chose nothing gets what it can hold, and is told. */
function refuseUneven({ channels, isChosen }: FormatJob, plan: TablePlan, sampled: TableSource[]): string[] {
  const held = new Set(sampled.flatMap(({ fields }) => fields.map(({ to }) => to)));
  const others = channels.filter((_, index) => !held.has(index)).map(({ id }) => id);
  if (others.length === 0) return [];
  if (held.size === 0 || isChosen) {
    throw unsupported(
      `A WAV file holds samples at an even rate. ${others.join(', ')}: polled values and waveforms have times of their own.`,
      'Choose sampled channels only, or a format that keeps times, such as csv, npz or hdf5.',
    );
  }
  const left = plan.sources.length > 0 ? others.join(', ') : '';
  return [`Left out, because a WAV file holds samples at an even rate only: ${left}.`];
}

function notesOf({ source, silent, missing, overloads, rateHz }: WavPlan): string[] {
  const { key } = source.stream.info;
  const notes: string[] = [];
  if (silent > 0) notes.push(`${key}: ${silent} frames of silence stand where rows are missing.`);
  if (missing > 0) notes.push(`${key}: ${missing} missing values are silence.`);
  if (overloads > 0) notes.push(`${key}: ${overloads} values of overload are at full scale.`);
  if (!Number.isInteger(rateHz))
    notes.push(`${key}: its rate of ${rateHz} Hz was rounded; the comment of the file has it.`);
  return notes;
}

function unsupported(what: string, fix: string): LabError {
  return new LabError('export.unsupported', `${what} Nothing was written. ${fix}`);
}
