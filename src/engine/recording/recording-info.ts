import type { z } from 'zod';
import type { LabEvent } from '../../contract/recording-schema.ts';
import { labEvent } from '../../contract/recording-schema.ts';
import { isErrorCode } from '../../core/errors.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { channelId } from '../../core/stream-info.ts';
import { FILE_EXTENSION } from './file-layout.ts';
import { fileStem, partStem } from './file-name.ts';
import type { PartIndex } from './part-index.ts';
import { FEW, parseJson } from './part-records.ts';
import type { MemberPart, RecordedClock } from './recording-about.ts';
import { describedChannel, recordedInstrument } from './recording-about.ts';
import { continuedParts } from './repeated-parts.ts';

/** Events of a file that are parsed without compiling their schema. */
const FEW_EVENTS = 1000;

/** A stream of a recording. `info.id` is its number in this recording, the same in all parts. Times: ns since 1970. */
export interface RecordedStream {
  info: StreamInfo;
  rows: number;
  lost: number;
  firstRow: number;
  endRow: number;
  firstNs: bigint;
  lastNs: bigint;
}

export interface RecordedChannel {
  /** `instrument/ch1.voltage`. */
  id: string;
  instrument: string;
  name: string;
  label: string;
  unit: string;
  scale: { gain: number; offset: number };
  /** Unit after the scale; '' if it is the channel's own. */
  shownUnit: string;
  samples: number;
  /** As recorded: rows by time; 0 for waveforms. */
  rateHz: number;
  rateAskedHz: number;
  /** As the engine measured it while recording; null: it did not say. */
  rateGotHz: number | null;
  /** Measuring range; '' if not known. */
  range: string;
  /** Keys of the streams it comes from. */
  streams: string[];
}

export interface RecordedGap {
  /** Key and epoch of the stream, number of the first row after the gap. */
  stream: string;
  epoch: number;
  seq: number;
  fromNs: bigint;
  toNs: bigint;
  lost: number;
  reason: string;
  /** The batch after it does not count these rows as lost. */
  isUnsaid: boolean;
}

/** What a recording holds and what it lacks. */
export interface RecordingSummary {
  id: string;
  name: string;
  paths: string[];
  bytes: number;
  startedNs: bigint;
  /** First and last sample. */
  fromNs: bigint;
  toNs: bigint;
  durationSeconds: number;
  /** All parts are there, finished, undamaged, and nothing cut it off. */
  complete: boolean;
  /** It was cut off (crash, power) at least once. */
  interrupted: boolean;
  /** Parts in the middle or at the end are not there. */
  lacksParts: boolean;
  appVersion: string;
  clock: RecordedClock;
  notes: string;
  operator: string;
  tags: string[];
  /** Bench file it was recorded on; '' for none. */
  bench: string;
  /** What remains of thinned rows; '' if none were. */
  thinned: string;
  members: MemberPart[];
  instruments: z.output<typeof recordedInstrument>[];
  channels: RecordedChannel[];
  /** Rows that never reached the engine while recording, or of the seconds before, the flight recorder. */
  lost: number;
  gaps: RecordedGap[];
  events: LabEvent[];
  /** What is missing, in sentences; '' if nothing is. */
  missing: string;
}

/** Sums up the parts of one recording, in their order. */
export function summarizeRecording(
  parts: PartIndex[],
  streams: RecordedStream[],
  isRunning: boolean,
): RecordingSummary {
  const first = parts[0]?.head;
  const continued = continuedParts(parts);
  const events = collectEvents(parts);
  const missing = findMissing(parts, events, isRunning);
  const gaps = events.flatMap(gapOf);
  const used = streams.filter((stream) => stream.rows > 0);
  const startedNs = BigInt(first?.started ?? 0);
  const fromNs = used.reduce(
    (from, stream) => (stream.firstNs < from ? stream.firstNs : from),
    used[0]?.firstNs ?? startedNs,
  );
  const toNs = used.reduce((to, stream) => (stream.lastNs > to ? stream.lastNs : to), fromNs);
  const lastEvent = events.at(-1);
  const endedNs = lastEvent && BigInt(lastEvent.t) > toNs ? BigInt(lastEvent.t) : toNs;
  const isInterrupted =
    !isRunning &&
    (parts.some((part) => !part.isFinished && !continued.has(part.head.part)) ||
      events.some((event) => event.kind === 'interrupted'));
  return {
    id: first?.id ?? '',
    name: first?.name ?? '',
    paths: parts.map((part) => part.path),
    bytes: parts.reduce((sum, part) => sum + part.sizeBytes, 0),
    startedNs,
    fromNs,
    toNs,
    // It may hold seconds from before it was started.
    durationSeconds: Math.max(0, Number(endedNs - (fromNs < startedNs ? fromNs : startedNs)) / 1e9),
    complete: missing.length === 0 && !isInterrupted && !isRunning,
    interrupted: isInterrupted,
    lacksParts: !isRunning && !isInterrupted && lacksParts(parts, events),
    appVersion: first?.appVersion ?? '',
    clock: {
      source: first?.clockSource ?? '',
      offsetS: first?.clockOffsetS ?? null,
      uncertaintyS: first?.clockUncertaintyS ?? null,
    },
    notes: first?.notes ?? '',
    operator: first?.operator ?? '',
    tags: first?.tags ?? [],
    bench: first?.bench ?? '',
    thinned: first?.thinned ?? '',
    members: first?.members ?? [],
    instruments: collectInstruments(parts, streams),
    channels: collectChannels(parts, streams),
    lost: streams.reduce((sum, stream) => sum + stream.lost, 0) + unsaidLost(gaps),
    gaps,
    events,
    missing: missing.join(' '),
  };
}

function collectEvents(parts: readonly PartIndex[]): LabEvent[] {
  const continued = continuedParts(parts);
  const events: LabEvent[] = [];
  const seen = new Set<string>();
  for (const part of parts) {
    const context = part.events.length < FEW_EVENTS ? FEW : {};
    for (const text of part.events) {
      // What one part repeats of another is in both.
      if (continued.size > 0 && seen.has(text)) continue;
      seen.add(text);
      const parsed = labEvent.safeParse(parseJson(text), context);
      if (!parsed.success) continue;
      // Cut off, but another part has the rest.
      if (parsed.data.kind === 'interrupted' && continued.has(part.head.part)) continue;
      events.push(parsed.data);
    }
  }
  // Stable: events of the same time stay in the order they were written.
  return events.sort((a, b) => (BigInt(a.t) < BigInt(b.t) ? -1 : BigInt(a.t) > BigInt(b.t) ? 1 : 0));
}

function findMissing(parts: PartIndex[], events: LabEvent[], isRunning: boolean): string[] {
  const missing: string[] = [];
  const numbers = parts.map((part) => part.head.part);
  const last = numbers.at(-1) ?? 1;
  const continued = continuedParts(parts);
  for (let number = 1; number <= last; number++) {
    if (!numbers.includes(number) && continued.get(number) !== 0)
      missing.push(`Part ${number} of ${last} is not there.`);
  }
  for (const part of parts) {
    if (part.isFinished || continued.has(part.head.part) || (isRunning && part === parts.at(-1))) continue;
    const what = part.cutBytes > 0 ? `; the last ${part.cutBytes} bytes were being written and cannot be read` : '';
    missing.push(`Part ${part.head.part} was cut off after ${isoTime(lastTimeNs(part))}${what}.`);
  }
  for (const event of events) if (event.kind === 'interrupted') missing.push(event.text);
  const stop = events.findLast((event) => event.kind === 'stop');
  if (stop && typeof stop.data?.reason === 'string' && isErrorCode(stop.data.reason)) missing.push(stop.text);
  for (const part of parts) missing.push(...part.problems);
  if (parts.length > 0 && !isRunning && !stop && parts.every((part) => part.isFinished) && missing.length === 0) {
    const next = `${partStem(fileStem(parts.at(-1)?.head.name ?? ''), last + 1)}${FILE_EXTENSION}`;
    missing.push(
      `The recording goes on after part ${last}, which is the last one here. Look for ${next} in the folder where it went on, such as the second folder of Labwire.`,
    );
  }
  return missing;
}

function lacksParts(parts: PartIndex[], events: LabEvent[]): boolean {
  const numbers = new Set(parts.map((part) => part.head.part));
  for (const [number, fromByte] of continuedParts(parts)) if (fromByte === 0) numbers.add(number);
  return numbers.size < (parts.at(-1)?.head.part ?? 1) || !events.some((event) => event.kind === 'stop');
}

/** Time of the last sample or event of a part, ns since 1970. */
export function lastTimeNs(part: PartIndex): bigint {
  let lastNs = BigInt(part.head.started);
  for (const { totals } of part.chunks.channels) if (totals.lastNs > lastNs) lastNs = totals.lastNs;
  for (const event of collectEvents([part])) if (BigInt(event.t) > lastNs) lastNs = BigInt(event.t);
  return lastNs;
}

/** ISO-8601, UTC, ms. */
export function isoTime(timeNs: bigint): string {
  return new Date(Number(timeNs / 1_000_000n)).toISOString();
}

function collectInstruments(parts: PartIndex[], streams: RecordedStream[]): RecordingSummary['instruments'] {
  const found = new Map<string, z.output<typeof recordedInstrument>>();
  for (const { info } of streams) {
    found.set(info.instrument, recordedInstrument.parse({ id: info.instrument, idn: '', resource: '' }, FEW));
  }
  for (const part of parts) {
    for (const text of part.instruments.values()) {
      const parsed = recordedInstrument.safeParse(parseJson(text), FEW);
      if (parsed.success) found.set(parsed.data.id, parsed.data);
    }
  }
  return [...found.values()];
}

function collectChannels(parts: PartIndex[], streams: RecordedStream[]): RecordedChannel[] {
  const described = new Map<string, z.output<typeof describedChannel>>();
  for (const part of parts) {
    for (const text of part.channels.values()) {
      const parsed = describedChannel.safeParse(parseJson(text), FEW);
      if (parsed.success) described.set(parsed.data.id, parsed.data);
    }
  }
  const channels = new Map<string, RecordedChannel>();
  for (const stream of streams) {
    for (const column of stream.info.columns) {
      // Columns of provenance (uncertainty of a polled time) are recorded, but they are no channels.
      if (column.channel.startsWith('~')) continue;
      const id = channelId(stream.info.instrument, column.channel);
      const about = described.get(id);
      const key = `${id}\n${column.unit}`;
      let channel = channels.get(key);
      if (!channel) {
        channel = {
          id,
          instrument: stream.info.instrument,
          name: column.channel,
          label: about?.label ?? '',
          unit: column.unit,
          scale: about?.scale ?? { gain: 1, offset: 0 },
          shownUnit: about?.shownUnit ?? '',
          samples: 0,
          rateHz: 0,
          rateAskedHz: about?.rateAskedHz ?? stream.info.rateHz,
          rateGotHz: about?.rateGotHz ?? null,
          range: about?.range ?? '',
          streams: [],
        };
        channels.set(key, channel);
      }
      channel.samples += stream.rows;
      channel.rateHz = Math.max(channel.rateHz, rateOf(stream));
      if (!channel.streams.includes(stream.info.key)) channel.streams.push(stream.info.key);
    }
  }
  return [...channels.values()];
}

/** Rows per second as recorded; of a segment stream, which has no steady rate: 0. */
function rateOf({ info, rows, firstNs, lastNs }: RecordedStream): number {
  if (info.kind === 'segment' || rows < 2 || lastNs <= firstNs) return 0;
  return Number((((rows - 1) * 1e9) / Number(lastNs - firstNs)).toPrecision(9));
}

/** Rows of a stream from `row` on that are missing and that only a gap says; 0 if there are none. */
export function unsaidAfter(gaps: readonly RecordedGap[], { key, epoch }: StreamInfo, row: number): number {
  const isIt = ({ isUnsaid, stream, epoch: of, seq, lost }: RecordedGap): boolean =>
    isUnsaid && stream === key && of === epoch && seq - lost === row;
  return gaps.find(isIt)?.lost ?? 0;
}

function unsaidLost(gaps: readonly RecordedGap[]): number {
  return gaps.reduce((sum, { isUnsaid, lost }) => (isUnsaid ? sum + lost : sum), 0);
}

function gapOf(event: LabEvent): RecordedGap[] {
  if (event.kind !== 'gap') return [];
  const { stream, epoch, seq, lost, fromNs, toNs, unsaid } = event.data ?? {};
  return [
    {
      stream: typeof stream === 'string' ? stream : '',
      epoch: typeof epoch === 'number' ? epoch : 0,
      seq: typeof seq === 'number' ? seq : 0,
      fromNs: BigInt(typeof fromNs === 'string' ? fromNs : event.t),
      toNs: BigInt(typeof toNs === 'string' ? toNs : event.t),
      lost: typeof lost === 'number' ? lost : 0,
      reason: event.text,
      isUnsaid: unsaid === true,
    },
  ];
}
