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
  ]),
  text: longText,
  severity: severity.optional(),
  instrument: id.optional(),
  channel: id.optional(),
  data: z.record(z.string(), z.unknown()).optional(),
});
export type LabEvent = z.infer<typeof labEvent>;

/** The recording that runs, or the reason why the last one ended by itself. */
export const recordingState = z.object({
  state: z.enum(['idle', 'recording', 'failed']),
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
  /** As set when it was recorded: shown value = gain * sample + offset. The file and exports keep the sample. */
  shownUnit: z.string(),
  scale: z.object({ gain: z.number(), offset: z.number() }),
  samples: z.number(),
  rateHz: z.number(),
});

export const recordingInfo = z.object({
  row: recordingRow,
  complete: z.boolean(),
  fromNs: timeNs,
  toNs: timeNs,
  instruments: z.array(z.object({ id: z.string(), idn: z.string(), resource: z.string() })),
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
  kind: z.enum(['export', 'verify', 'support-bundle', 'send-file']),
  label: z.string(),
  state: z.enum(['running', 'done', 'failed', 'cancelled']),
  /** 0…1 */
  progress: z.number(),
  secondsLeft: z.number().nullable(),
  path: z.string().nullable(),
  error: errorRecord.nullable(),
});
export type Job = z.infer<typeof job>;
