import type { LabEvent } from '../../contract/recording-schema.ts';
import type { FormatJob } from './format-writer.ts';
import { mergeText } from './table-rows.ts';

/** What a file says about where it comes from, for formats that have room for it. All values are JSON; times are texts (ISO-8601, ns). */
export interface RecordingFacts {
  format: 'labwire-export';
  version: 1;
  recording: {
    id: string;
    name: string;
    started: string;
    from: string;
    to: string;
    complete: boolean;
    /** What is missing, in sentences. */
    missing: string;
    lost: number;
    notes: string;
    appVersion: string;
  };
  /** How rows of different clocks came together. */
  merge: string;
  instruments: { id: string; idn: string; resource: string }[];
  /** The values carry the scale; a sample was (value − offset) / gain, in `sampleUnit`. */
  channels: {
    name: string;
    id: string;
    instrument: string;
    label: string;
    unit: string;
    sampleUnit: string;
    gain: number;
    offset: number;
    rateHz: number;
  }[];
  gaps: { stream: string; from: string; to: string; lost: number; reason: string }[];
  events: (Omit<LabEvent, 't'> & { time: string })[];
}

/** The facts of an export: of its channels, and of the gaps and events in its range. */
export function recordingFacts({ recording, channels, range, options }: FormatJob): RecordingFacts {
  const { info } = recording;
  const fromNs = range.fromNs ?? info.fromNs;
  const toNs = range.toNs ?? info.toNs;
  const instruments = new Set(channels.map(({ instrument }) => instrument));
  return {
    format: 'labwire-export',
    version: 1,
    recording: {
      id: info.id,
      name: info.name,
      started: isoNs(info.startedNs),
      from: isoNs(fromNs),
      to: isoNs(toNs),
      complete: info.complete,
      missing: info.missing,
      lost: info.lost,
      notes: info.notes,
      appVersion: info.appVersion,
    },
    merge: mergeText(options),
    instruments: info.instruments
      .filter(({ id }) => instruments.has(id))
      .map(({ id, idn, resource }) => ({ id, idn, resource })),
    channels: channels.map(({ isFloat64: _, ...channel }) => channel),
    gaps: info.gaps
      .filter((gap) => gap.toNs >= fromNs && gap.fromNs <= toNs)
      .map(({ stream, lost, reason, ...gap }) => ({
        stream,
        from: isoNs(gap.fromNs),
        to: isoNs(gap.toNs),
        lost,
        reason,
      })),
    events: eventsIn(info.events, range).map(({ t, ...event }) => ({ time: isoNs(BigInt(t)), ...event })),
  };
}

/** The events of a range. */
export function eventsIn(events: readonly LabEvent[], { fromNs, toNs }: FormatJob['range']): LabEvent[] {
  return events.filter(
    ({ t }) => (fromNs === undefined || BigInt(t) >= fromNs) && (toNs === undefined || BigInt(t) < toNs),
  );
}

/** ISO-8601 UTC with nine decimals. */
export function isoNs(timeNs: bigint): string {
  const second = timeNs >= 0n ? timeNs / 1_000_000_000n : (timeNs - 999_999_999n) / 1_000_000_000n;
  const rest = String(timeNs - second * 1_000_000_000n).padStart(9, '0');
  return `${new Date(Number(second) * 1000).toISOString().slice(0, -5)}.${rest}Z`;
}
