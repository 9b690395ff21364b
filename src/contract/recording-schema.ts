import { z } from 'zod';
import { errorRecord, id, longText, severity, shortText, timeNs } from './value-schema.ts';

/** What happened, for the time axis and the recording. */
export const labEvent = z.object({
  id,
  t: timeNs,
  kind: z.enum([
    'start',
    'stop',
    'gap',
    'overload',
    'alarm',
    'setpoint',
    'reconnect',
    'note',
    'outputs-off',
    'status',
    'interrupted',
    'clock',
    /** Status of an instrument as data: range or function changed, CC/CV changed, OVP/OCP, error queue, SRQ, operation complete. */
    'range',
    'mode',
    'trip',
    'instrument-error',
    'service-request',
    'operation-complete',
    /** Limits, arming, refusals. */
    'safety',
    /** Of a lab server: its alarms, jobs, drops, and how its link is. */
    'server',
  ]),
  text: longText,
  severity: severity.optional(),
  instrument: id.optional(),
  channel: id.optional(),
  data: z.record(z.string(), z.unknown()).optional(),
});
export type LabEvent = z.infer<typeof labEvent>;

/** How a recording is written. `labwire` holds samples; the others hold messages, one file format each (docs/lablink-formats.md). */
export const recordingFormat = z.enum(['labwire', 'lablink-jsonl', 'lablink-json', 'lablink-csv', 'lablink-binary']);
export type RecordingFormat = z.infer<typeof recordingFormat>;

/** How chunks of the native file are packed. */
export const chunkCompression = z.enum(['none', 'lz4', 'zstd']);
export type ChunkCompression = z.infer<typeof chunkCompression>;

/** Where a file of messages ends and the next begins; bytes. */
export const ROTATE_BYTES = { least: 10_000, most: 10_000_000_000, standard: 100_000_000 } as const;
export const rotateBytes = z.number().min(ROTATE_BYTES.least).max(ROTATE_BYTES.most);

/** Choices of one recording; what is absent follows the settings. */
export const recordingOptions = z.object({
  format: recordingFormat.default('labwire'),
  compression: chunkCompression.optional(),
  /** Native: every row also as a plain JSON message, for viewers that know no batches. */
  plainMessages: z.boolean().optional(),
  /** The formats of messages: gzip, the time of each message, a head with what the session is. */
  gzip: z.boolean().default(false),
  timestamps: z.boolean().default(true),
  metadata: z.boolean().default(true),
  /** The formats of messages: a file ends here. Default 100 MB. */
  rotateBytes: rotateBytes.default(ROTATE_BYTES.standard),
});
export type RecordingChoices = z.infer<typeof recordingOptions>;

/** The recording that runs, or the reason why the last one ended by itself. `waiting`: the disk takes nothing; it goes on in a new part as soon as it does. */
export const recordingState = z.object({
  state: z.enum(['idle', 'recording', 'waiting', 'failed']),
  recording: id.nullable(),
  name: z.string(),
  path: z.string(),
  startedNs: timeNs.nullable(),
  bytes: z.number(),
  rows: z.number(),
  samples: z.number(),
  /** Rows that never reached the engine while recording. */
  lost: z.number(),
  part: z.int(),
  /** Seconds until the disk is full at the present pace; null: not known. */
  diskSecondsLeft: z.number().nullable(),
  error: errorRecord.nullable(),
  /** While waiting: when the next try is. */
  retryNs: timeNs.nullable(),
});
export type RecordingState = z.infer<typeof recordingState>;

export const recordingRow = z.object({
  id,
  name: z.string(),
  paths: z.array(z.string()),
  startedNs: timeNs,
  durationS: z.number(),
  bytes: z.number(),
  instruments: z.array(z.string()),
  channels: z.int(),
  state: z.enum(['recording', 'complete', 'recovered', 'interrupted', 'damaged']),
  reason: z.string().optional(),
  format: recordingFormat,
  operator: z.string(),
  notes: z.string(),
  tags: z.array(z.string()),
  /** Of the last integrity check of these very files; null: never checked, or changed since. */
  verified: z.object({ ok: z.boolean(), atNs: timeNs }).nullable(),
  /** Where it was uploaded to, whole and verified. */
  uploaded: z.string().nullable(),
  /** min/max of the first channel, ≤ 64 columns; null where there is a gap. */
  preview: z.array(z.tuple([z.number(), z.number()]).nullable()).max(64),
});
export type RecordingRow = z.infer<typeof recordingRow>;

export const recordedChannel = z.object({
  id,
  instrument: z.string(),
  name: z.string(),
  label: z.string(),
  unit: z.string(),
  /** As set when it was recorded: shown value = gain * sample + offset. The file keeps the sample, exports for others have the shown value. */
  shownUnit: z.string(),
  scale: z.object({ gain: z.number(), offset: z.number() }),
  samples: z.number(),
  /** Asked. */
  rateHz: z.number(),
  rateGotHz: z.number().nullable(),
  /** Measuring range when recorded; '' if not known. */
  range: z.string(),
});

export const recordingInfo = z.object({
  row: recordingRow,
  complete: z.boolean(),
  appVersion: z.string(),
  /** Bench file it was recorded on; '' for none. */
  bench: z.string(),
  /** What the times rest on: source, and how far the clock of the system was ahead of them when it was looked at last, with its uncertainty, s; null: not watched. */
  clock: z.object({ source: z.string(), offsetS: z.number().nullable(), uncertaintyS: z.number().nullable() }),
  /** Said if rows were thinned after an age: what remains and what was there. */
  thinned: z.string(),
  fromNs: timeNs,
  toNs: timeNs,
  instruments: z.array(
    z.object({
      id: z.string(),
      idn: z.string(),
      resource: z.string(),
      firmware: z.string(),
      /** As the instrument says or a person typed; '' if not known. */
      calibrated: z.string(),
      settings: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])),
    }),
  ),
  channels: z.array(recordedChannel),
  lost: z.number(),
  gaps: z.array(z.object({ stream: z.string(), fromNs: timeNs, toNs: timeNs, lost: z.number(), reason: z.string() })),
  events: z.array(labEvent),
  /** What is missing, in a sentence; '' if nothing is. */
  missing: z.string(),
  notes: shortText,
});
export type RecordingInfo = z.infer<typeof recordingInfo>;

export const verifyReport = z.object({
  ok: z.boolean(),
  chunks: z.int(),
  batches: z.number(),
  samples: z.number(),
  lost: z.number(),
  problems: z.array(z.string()),
});

/** Long work that shows progress and can be cancelled. */
export const job = z.object({
  id,
  kind: z.enum(['export', 'verify', 'support-bundle', 'send-file', 'import', 'repair', 'thin', 'save-last', 'upload']),
  label: z.string(),
  state: z.enum(['running', 'done', 'failed', 'cancelled']),
  /** 0…1 */
  progress: z.number(),
  secondsLeft: z.number().nullable(),
  path: z.string().nullable(),
  error: errorRecord.nullable(),
});
export type Job = z.infer<typeof job>;

/** A session in one of the formats of messages; its numbers carry the names of the document they follow. */
export const messageSession = z.object({
  session: shortText,
  format: recordingFormat,
  path: z.string(),
  paths: z.array(z.string()),
  startedNs: timeNs,
  duration_seconds: z.number(),
  message_count: z.number(),
  bytes_written: z.number(),
  messages_per_second: z.number(),
  error: errorRecord.nullable(),
});
export type MessageSession = z.infer<typeof messageSession>;

/** One line of the list to go through before a night. */
export const preflightCheck = z.object({
  id: z.enum([
    'attached',
    'delivering',
    'space',
    'folder',
    'sleep',
    'clock',
    'alarms',
    'safety',
    'flight',
    'power',
    'upload',
  ]),
  verdict: z.enum(['good', 'warning', 'bad', 'unknown']),
  /** What was found, with numbers. */
  text: z.string(),
  /** What to do about it; '' if nothing. */
  fix: z.string(),
});
export type PreflightCheck = z.infer<typeof preflightCheck>;

/** The flight recorder: what of the past can still be had. */
export const flightState = z.object({
  state: z.enum(['off', 'recording', 'paused']),
  bytes: z.number(),
  limitBytes: z.number(),
  /** Oldest row kept; null while there is none. */
  fromNs: timeNs.nullable(),
  /** Why it is paused. */
  reason: z.string(),
});
export type FlightState = z.infer<typeof flightState>;
