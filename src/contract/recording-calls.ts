import { z } from 'zod';
import { exportRequest } from './export-schema.ts';
import { mathChannel, mathState } from './math-schema.ts';
import { recordingPlan, sweep, sweepState } from './plan-schema.ts';
import {
  job,
  messageSession,
  preflightCheck,
  recordingInfo,
  recordingOptions,
  recordingRow,
  recordingState,
  verifyReport,
} from './recording-schema.ts';
import { replaySpeed, replayState } from './replay-schema.ts';
import { uploadState, uploadTarget } from './upload-schema.ts';
import { id, longText, nothing, shortText, timeNs } from './value-schema.ts';

const tags = z.array(shortText.min(1)).max(50);
const path = z.string().min(1).max(4000);

/** The part of the list about recordings: made, kept, looked into, given away, played again. */
export const RECORDING_CALLS = {
  'recording.start': {
    right: 'control',
    input: z.object({
      name: shortText.optional(),
      folder: z.string().max(4000).optional(),
      notes: longText.optional(),
      operator: shortText.optional(),
      tags: tags.optional(),
      options: recordingOptions.optional(),
      /** Seconds from the flight recorder before now. */
      preTriggerS: z.number().nonnegative().max(86_400).optional(),
    }),
    output: recordingState,
  },
  'recording.stop': {
    right: 'control',
    input: nothing,
    output: z.object({ recording: id, paths: z.array(z.string()), samples: z.number(), lost: z.number() }),
  },
  /** Recordings of messages: several at once, each under the name a person or client gave it, which is never a path. */
  'session.start': {
    right: 'control',
    input: z.object({
      session: shortText.min(1),
      /** Absolute; without one: the recordings folder. */
      folder: path.optional(),
      options: recordingOptions.optional(),
      /** Kept in the head of the file. */
      about: z.record(z.string().max(100), z.unknown()).optional(),
    }),
    output: messageSession,
  },
  'session.stop': { right: 'control', input: z.object({ session: shortText.min(1) }), output: messageSession },
  'session.stats': { right: 'view', input: z.object({ session: shortText.min(1) }), output: messageSession },
  'session.list': { right: 'view', input: nothing, output: z.object({ sessions: z.array(messageSession) }) },
  /** Newest first. `search`: every word must be in the name, notes, tags, operator, an instrument or a channel. `problem`: what the list lacks; '' if nothing. As many as go into a message, from `from` on; `next`: where the rest begins, null: there is none. */
  'recording.list': {
    right: 'view',
    input: z.object({ search: z.string().max(200).optional(), from: z.int().nonnegative().optional() }),
    output: z.object({
      folder: z.string(),
      recordings: z.array(recordingRow),
      problem: z.string(),
      next: z.int().nullable(),
    }),
  },
  'recording.info': { right: 'view', input: z.object({ recording: id }), output: recordingInfo },
  'recording.verify': { right: 'view', input: z.object({ recording: id }), output: verifyReport },
  /** What is written about it; the file is changed, the samples are not. */
  'recording.edit': {
    right: 'control',
    input: z.object({
      recording: id,
      name: shortText.min(1).optional(),
      notes: longText.optional(),
      tags: tags.optional(),
      operator: shortText.optional(),
    }),
    output: recordingRow,
  },
  /** Into the trash of the system, all its parts. */
  'recording.trash': { right: 'control', input: z.object({ recording: id }), output: nothing },
  /** Writes what can be read of a damaged one as another recording beside it; the damaged one stays. */
  'recording.repair': { right: 'control', input: z.object({ recording: id }), output: job },
  'recording.export': { right: 'control', input: exportRequest, output: job },
  /** A file of ours, any MCAP with numbers in JSON messages, or a CSV table, as a recording in the folder. */
  'recording.import': {
    right: 'control',
    input: z.object({ path, name: shortText.optional() }),
    output: job,
  },
  /** The last minutes from the flight recorder, as a recording. */
  'recording.saveLast': {
    right: 'control',
    input: z.object({
      minutes: z.number().positive().max(100_000),
      name: shortText.optional(),
      notes: longText.optional(),
      tags: tags.optional(),
      /** As set if it is absent. */
      operator: shortText.optional(),
    }),
    output: recordingRow,
  },
  /** Min, max and mean of each interval instead of every row; said in the file. The old file goes to the trash once the new one is verified. */
  'recording.thin': {
    right: 'control',
    input: z.object({ recording: id, intervalS: z.number().positive().max(86_400) }),
    output: job,
  },
  /** Bytes of a part, for downloads. */
  'recording.read': {
    right: 'view',
    input: z.object({
      recording: id,
      part: z.int().min(1),
      offset: z.number().int().nonnegative(),
      bytes: z.int().min(1).max(1_048_576),
    }),
    output: z.object({ base64: z.string(), sizeBytes: z.number(), name: z.string() }),
  },
  'recording.preflight': {
    right: 'view',
    input: z.object({ hours: z.number().positive().max(10_000) }),
    output: z.object({ checks: z.array(preflightCheck) }),
  },

  /** Replaces the list. */
  'plan.set': { right: 'control', input: z.object({ plans: z.array(recordingPlan).max(50) }), output: nothing },
  'sweep.start': { right: 'control', input: z.object({ sweep }), output: sweepState },
  'sweep.stop': { right: 'control', input: z.object({ sweep: id }), output: nothing },
  /** Replaces the list. Throws math.malformed, and changes nothing. */
  'math.set': {
    right: 'control',
    input: z.object({ channels: z.array(mathChannel).max(50) }),
    output: z.object({ channels: z.array(mathState) }),
  },

  'replay.open': { right: 'view', input: z.object({ recording: id }), output: replayState },
  'replay.set': {
    right: 'view',
    input: z.object({
      replay: id,
      play: z.boolean().optional(),
      speed: replaySpeed.optional(),
      positionNs: timeNs.optional(),
      /** One row of the fastest stream on or back; pauses. */
      step: z.union([z.literal(1), z.literal(-1)]).optional(),
      compare: z.boolean().optional(),
    }),
    output: replayState,
  },
  'replay.close': { right: 'view', input: z.object({ replay: id }), output: nothing },

  'upload.setTarget': {
    right: 'manage',
    input: z.object({ target: uploadTarget.nullable(), password: z.string().max(500).optional() }),
    output: uploadState,
  },
  'upload.add': { right: 'control', input: z.object({ recording: id }), output: uploadState },
  'upload.retry': { right: 'control', input: z.object({ upload: id }), output: nothing },
  'upload.cancel': { right: 'control', input: z.object({ upload: id }), output: nothing },
} as const;
