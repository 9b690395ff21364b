import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { alarmRule } from '../../contract/alarm-schema.ts';
import { plotLayout } from '../../contract/bench-schema.ts';
import { attachOptions } from '../../contract/discovery-schema.ts';
import { channelState, polledQuery } from '../../contract/instrument-schema.ts';
import { mathChannel } from '../../contract/math-schema.ts';
import { recordingPlan } from '../../contract/plan-schema.ts';
import { protectedDevice } from '../../contract/safety-schema.ts';
import { LabError } from '../../core/errors.ts';
import { systemCode } from '../recording/disk.ts';
import { atomicWrite } from '../state/atomic-write.ts';

export const BENCH_FILE_VERSION = 1;
/** A bench of 500 channels and rules takes some 200 kB. */
const MAX_BYTES = 16 * 1024 * 1024;

/** What goes to the screens as it is must fit their schema: one wrong field would hide the whole bench. */
const channelSettings = channelState
  .pick({ label: true, color: true, scale: true, shownUnit: true, logIntervalS: true, recorded: true })
  .extend({ rateHz: z.number().positive().max(10_000_000) })
  .partial();
export type ChannelSettings = z.infer<typeof channelSettings>;

const benchInstrument = z.object({
  id: z.string(),
  resource: z.string(),
  label: z.string().max(200),
  /** Seen at this address last; another one there is not attached in its place. */
  identity: z.object({ maker: z.string(), model: z.string(), serial: z.string(), firmware: z.string() }),
  /** Absent in files from before there were any, and where nothing was set. */
  options: attachOptions.optional(),
  /** Rows "poll this query". */
  queries: z.array(polledQuery).max(50).optional(),
});
export type BenchInstrument = z.infer<typeof benchInstrument>;

/**
 * The bench file: what is attached, how it is called, drawn and watched. No sample, no output state: opening a bench never
 * switches anything. Unknown fields of the same version are kept out, a newer version is refused (`bench.from-future`).
 */
export const benchDocument = z.object({
  format: z.literal('labwire-bench'),
  version: z.literal(BENCH_FILE_VERSION),
  name: z.string().max(200),
  instruments: z.array(benchInstrument).max(200),
  /** By channel id. */
  channels: z.record(z.string(), channelSettings),
  plots: z.array(plotLayout).max(50),
  rules: z.array(alarmRule).max(1000),
  /** Limits of what stands on the bench; that a device is armed is never saved. Absent in files from before there were any. */
  safety: z.array(protectedDevice).max(50).default([]),
  /** Recordings that start and stop by themselves; computed channels. */
  plans: z.array(recordingPlan).max(50).default([]),
  math: z.array(mathChannel).max(50).default([]),
});
export type BenchDocument = z.infer<typeof benchDocument>;

export function createBenchDocument(name: string): BenchDocument {
  return {
    format: 'labwire-bench',
    version: BENCH_FILE_VERSION,
    name,
    instruments: [],
    channels: {},
    plots: [],
    rules: [],
    safety: [],
    plans: [],
    math: [],
  };
}

/** Throws bench.not-found, bench.from-future, bench.malformed; never changes the file. */
export async function readBenchFile(path: string): Promise<BenchDocument> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT')
      throw new LabError(
        'bench.not-found',
        `There is no bench file at ${path}. Choose another file, or make a new bench.`,
        { path },
      );
    const why =
      error.code === 'EISDIR'
        ? 'is a folder. Choose the bench file in it'
        : `cannot be read (${error.code ?? error.message}). Check its permissions`;
    throw new LabError('bench.malformed', `${path} ${why}. The open bench stays.`, { path });
  });
  return parseBench(text, path);
}

/** A bench document from text. Throws bench.from-future, bench.malformed. */
export function parseBench(text: string, path: string): BenchDocument {
  if (text.length > MAX_BYTES)
    throw new LabError('bench.malformed', `${path} is too large for a bench file. Choose another file.`, { path });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new LabError(
      'bench.malformed',
      `${path} is no bench file: it is not JSON. It was not changed; choose another file.`,
      { path },
    );
  }
  const head = z.object({ format: z.literal('labwire-bench'), version: z.number() }).safeParse(value);
  if (!head.success)
    throw new LabError(
      'bench.malformed',
      `${path} is no bench file of Labwire. It was not changed; choose another file.`,
      { path },
    );
  if (head.data.version > BENCH_FILE_VERSION) {
    throw new LabError(
      'bench.from-future',
      `${path} was written by a newer Labwire (bench format ${head.data.version}, this one reads ${BENCH_FILE_VERSION}). It was not changed. Update Labwire to open it.`,
      { path, version: head.data.version },
    );
  }
  const parsed = benchDocument.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue ? `${issue.path.join('.')}: ${issue.message}` : 'unknown';
    throw new LabError(
      'bench.malformed',
      `The bench file ${path} is damaged (${where}). It was not changed; mend that line or open another.`,
      { path, where },
    );
  }
  return parsed.data;
}

/** Whole or not at all. Throws bench.unwritable. */
export async function writeBenchFile(path: string, document: BenchDocument): Promise<void> {
  try {
    await atomicWrite(path, `${JSON.stringify(document, null, 2)}\n`);
  } catch (error) {
    throw unwritable(path, error);
  }
}

/** An error of the system while writing what belongs to the bench, as bench.unwritable. */
export function unwritable(path: string, error: unknown): LabError {
  const code = systemCode(error) || String(error);
  return new LabError(
    'bench.unwritable',
    `The bench cannot be saved to ${path} (${code}). It goes on in memory, and in its old file if it has one; choose another place with Save as.`,
    { path, code },
    { cause: error },
  );
}
