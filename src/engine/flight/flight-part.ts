import { basename, join } from 'node:path';
import { z } from 'zod';
import { timeNs } from '../../contract/value-schema.ts';
import type { Disk } from '../recording/disk.ts';
import type { PartIndex } from '../recording/part-index.ts';
import { repeatedPart } from '../recording/recording-about.ts';

/** A finished file of the flight recorder. Times: ns since 1970 of its first and last row; of one without rows: of what happened. */
export interface FlightPart {
  path: string;
  /** Of the flight recorder: `flight-…`. */
  recording: string;
  part: number;
  /** Of the file alone. */
  bytes: number;
  /** Of what lies beside it. */
  sidecarBytes: number;
  fromNs: bigint;
  toNs: bigint;
  /** Earlier parts it holds once more; see `RepeatedPart`. */
  repeats: { part: number; fromByte: number }[];
}

const line = z.object({
  file: z.string().min(1),
  recording: z.string().min(1),
  part: z.int().min(1),
  bytes: z.number(),
  sidecarBytes: z.number(),
  fromNs: timeNs,
  toNs: timeNs,
  repeats: z.array(repeatedPart),
});

/** As a line of the catalog. */
export function partLine({ path, fromNs, toNs, ...part }: FlightPart): string {
  return `${JSON.stringify({ file: basename(path), ...part, fromNs: String(fromNs), toNs: String(toNs) })}\n`;
}

/** The part of a line of the catalog; undefined if it is none. */
export function parsePartLine(folder: string, text: string): FlightPart | undefined {
  try {
    const { file, fromNs, toNs, ...part } = line.parse(JSON.parse(text));
    return { path: join(folder, basename(file)), ...part, fromNs: BigInt(fromNs), toNs: BigInt(toNs) };
  } catch {
    return undefined;
  }
}

/** What an opened file of the flight recorder is as a part of the ring. */
export async function describeFlightPart(disk: Disk, opened: PartIndex, sidecar: string): Promise<FlightPart> {
  const { head, path, sizeBytes } = opened;
  const { fromNs, toNs } = timesOf(opened);
  const beside = await disk.stat(sidecar).catch(() => undefined);
  return {
    path,
    recording: head.id,
    part: head.part,
    bytes: sizeBytes,
    sidecarBytes: beside?.bytes ?? 0,
    fromNs,
    toNs,
    repeats: head.repeats,
  };
}

function timesOf(opened: PartIndex): { fromNs: bigint; toNs: bigint } {
  let fromNs: bigint | undefined;
  let toNs = 0n;
  for (const rows of opened.chunks.channels) {
    for (let index = 0; index < rows.length; index++) {
      const { rows: count, firstNs, lastNs } = rows.at(index);
      if (count === 0) continue;
      if (fromNs === undefined || firstNs < fromNs) fromNs = firstNs;
      if (lastNs > toNs) toNs = lastNs;
    }
  }
  if (fromNs !== undefined) return { fromNs, toNs };
  for (const text of opened.events) {
    const tNs = eventTime(text);
    if (tNs === undefined) continue;
    if (fromNs === undefined || tNs < fromNs) fromNs = tNs;
    if (tNs > toNs) toNs = tNs;
  }
  return { fromNs: fromNs ?? 0n, toNs };
}

const dated = z.object({ t: timeNs });

function eventTime(text: string): bigint | undefined {
  try {
    return BigInt(dated.parse(JSON.parse(text)).t);
  } catch {
    return undefined;
  }
}
