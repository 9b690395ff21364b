import { z } from 'zod';
import { alarmRule, alarmState } from './alarm-schema.ts';
import { discoveryState, foundInstrument } from './discovery-schema.ts';
import { channelState, instrumentState, outputOff, streamInfo } from './instrument-schema.ts';
import { mathState } from './math-schema.ts';
import { planState, recordingPlan, sweepState } from './plan-schema.ts';
import { chunkCompression, flightState, job, labEvent, messageSession, recordingState } from './recording-schema.ts';
import { replayState } from './replay-schema.ts';
import { safetyState } from './safety-schema.ts';
import { serverState } from './server-schema.ts';
import { shareSettings, shareState } from './share-schema.ts';
import { uploadState } from './upload-schema.ts';
import { errorRecord, id, severity, shortText, timeNs } from './value-schema.ts';

export const plotLayout = z.object({
  id,
  title: shortText,
  channels: z.array(id).max(200),
});
export type PlotLayout = z.infer<typeof plotLayout>;

export const settings = z.object({
  theme: z.enum(['system', 'dark', 'light', 'contrast']),
  motion: z.enum(['system', 'reduced']),
  recordingsFolder: z.string().max(4000),
  /** Recording parts end here. */
  partBytes: z.number().min(1_000_000),
  historyBytes: z.number().min(1_000_000),
  /** Recording stops (loudly) when less is free. */
  diskReserveBytes: z.number().nonnegative(),
  /** Start the simulated bench with the engine. */
  startSimulator: z.boolean(),
  /** Return instruments to local on detach. */
  localOnDetach: z.boolean(),
  timeoutMs: z.number().min(50).max(600_000),
  /** Recording goes on here when the folder cannot be written; '' for none. */
  fallbackFolder: z.string().max(4000),
  recordingCompression: chunkCompression,
  plainMessages: z.boolean(),
  /** Written into recordings. */
  operator: shortText,
  /** The flight recorder: on, and what it keeps at most; 0 hours: only the size counts. */
  flight: z.boolean(),
  flightBytes: z.number().min(64_000_000).max(4_000_000_000_000),
  flightHours: z.number().min(0).max(10_000),
  /** Recordings older than this are thinned to min, max and mean of `thinIntervalS`; 0: never. */
  thinAfterDays: z.number().min(0).max(36_500),
  thinIntervalS: z.number().min(0.001).max(86_400),
  share: shareSettings,
});
export type Settings = z.infer<typeof settings>;

export const simulatorState = z.object({
  state: z.enum(['off', 'starting', 'running', 'failed', 'unavailable']),
  instruments: z.array(foundInstrument),
  reason: z.string().optional(),
});

export const benchHead = z.object({
  name: shortText,
  /** null: kept in the data folder until saved under a name. */
  path: z.string().nullable(),
  savedNs: timeNs.nullable(),
  /** Why the last autosave failed. */
  error: errorRecord.nullable(),
});

/** A line for the person that belongs to no single control; newest last, bounded. */
export const notice = z.object({ id, t: timeNs, severity, text: z.string(), code: z.string().optional() });

/** What happened when Outputs off was pressed last; what did not confirm stays shown until the next press that does. */
export const outputsOffState = z.object({ t: timeNs, results: z.array(outputOff) });

/** The emergency stop, while it holds: since when, by whom, and what it switched off. */
export const emergencyStop = z.object({ t: timeNs, by: shortText, results: z.array(outputOff) });
export type EmergencyStop = z.infer<typeof emergencyStop>;

/** Everything a screen shows beside samples. Kept up to date by events: see state-events.ts. */
export const benchState = z.object({
  revision: z.int().nonnegative(),
  bench: benchHead,
  settings,
  simulator: simulatorState,
  instruments: z.array(instrumentState),
  channels: z.array(channelState),
  streams: z.array(streamInfo),
  plots: z.array(plotLayout),
  recording: recordingState,
  rules: z.array(alarmRule),
  alarms: z.array(alarmState),
  outputsOff: outputsOffState.nullable(),
  /** null: none, outputs may be switched on. */
  emergencyStop: emergencyStop.nullable(),
  safety: safetyState,
  discovery: discoveryState,
  jobs: z.array(job),
  flight: flightState,
  sessions: z.array(messageSession),
  plans: z.array(recordingPlan),
  planStates: z.array(planState),
  sweeps: z.array(sweepState),
  math: z.array(mathState),
  replays: z.array(replayState),
  upload: uploadState,
  servers: z.array(serverState).max(50),
  /** Whom this bench is shared with. */
  share: shareState,
  notices: z.array(notice),
  /** The last 200 events. */
  events: z.array(labEvent),
});
export type BenchState = z.infer<typeof benchState>;

export const pulse = z.object({
  t: timeNs,
  samplesPerSecond: z.number(),
  /** Samples (rows × channels) that never reached the engine since it started. */
  lost: z.number(),
  /** Of this screen: rows promised to its watches that had left the window or the history before it took them. No recording lacks them. */
  skippedRows: z.number(),
  /** Wire to ingest, ms: p50 and p95 of the last second. */
  latencyP50Ms: z.number(),
  latencyP95Ms: z.number(),
  diskFreeBytes: z.number().nullable(),
  diskSecondsLeft: z.number().nullable(),
  historyBytes: z.number(),
  /** 0…1 of one core. */
  cpu: z.number(),
  memoryBytes: z.number(),
  recording: recordingState,
});
export type Pulse = z.infer<typeof pulse>;
