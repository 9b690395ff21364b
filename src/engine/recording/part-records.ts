import { McapRecordBuilder, McapStreamReader } from '@mcap/core';
import { streamInfo } from '../../contract/instrument-schema.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { METADATA } from './file-layout.ts';
import type { WalkedRecord } from './part-walk.ts';
import type { PartHead } from './recording-about.ts';
import { partHead } from './recording-about.ts';

export type McapRecord = WalkedRecord['record'];

/** How records are parsed that are few in a file: to compile their schema at its first use takes longer than to read them without. */
export const FEW = { jitless: true };

/** What the small records of a file say. */
export interface PartDescription {
  /** By MCAP channel id. */
  streams: Map<number, StreamInfo>;
  /** Topics of all channels, those of streams included. */
  topics: Map<number, string>;
  instruments: Map<string, string>;
  channels: Map<string, string>;
  /** What its writer counted, where it says so. */
  totals: Map<string, string>;
}

/** Which part of which recording it is; undefined if no record says so. */
export function findHead(records: readonly McapRecord[]): PartHead | undefined {
  const record = records.findLast((entry) => entry.type === 'Metadata' && entry.name === METADATA.recording);
  const parsed = record?.type === 'Metadata' ? partHead.safeParse(Object.fromEntries(record.metadata), FEW) : undefined;
  return parsed?.success ? parsed.data : undefined;
}

export function describePart(records: readonly McapRecord[]): PartDescription {
  const streams = new Map<number, StreamInfo>();
  const topics = new Map<number, string>();
  const metadata = new Map<string, Map<string, string>>();
  for (const record of records) {
    if (record.type === 'Channel') {
      topics.set(record.id, record.topic);
      const info = streamInfo.safeParse(parseJson(record.metadata.get('stream')), FEW);
      if (info.success) streams.set(record.id, { ...info.data, id: record.id });
    } else if (record.type === 'Metadata') metadata.set(record.name, record.metadata);
  }
  const lastOf = (name: string): Map<string, string> => metadata.get(name) ?? new Map();
  return {
    streams,
    topics,
    instruments: lastOf(METADATA.instruments),
    channels: lastOf(METADATA.channels),
    totals: lastOf(METADATA.totals),
  };
}

/** Undefined for what is no JSON: files may hold anything. */
export function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The records that `findHead` and `describePart` look at, as MCAP bytes: of metadata the last of each name. */
export function encodeRecords(records: readonly McapRecord[]): Uint8Array {
  const builder = new McapRecordBuilder();
  const metadata = new Map<string, McapRecord & { type: 'Metadata' }>();
  for (const record of records) {
    if (record.type === 'Channel') builder.writeChannel(record);
    else if (record.type === 'Metadata') metadata.set(record.name, record);
  }
  for (const record of metadata.values()) builder.writeMetadata(record);
  return builder.buffer;
}

/** Undefined if the bytes are no MCAP records. */
export function decodeRecords(bytes: Uint8Array): McapRecord[] | undefined {
  try {
    const reader = new McapStreamReader({ noMagicPrefix: true });
    reader.append(bytes);
    const records: McapRecord[] = [];
    for (let record = reader.nextRecord(); record; record = reader.nextRecord()) records.push(record);
    return reader.bytesRemaining() === 0 ? records : undefined;
  } catch {
    return undefined;
  }
}
