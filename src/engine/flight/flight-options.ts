import type { Settings } from '../../contract/bench-schema.ts';
import type { FlightState } from '../../contract/recording-schema.ts';
import type { Clock } from '../../core/clock.ts';
import type { Disk } from '../recording/disk.ts';
import type { RecorderLimits } from '../recording/recorder-options.ts';
import type { RecordingAbout } from '../recording/recording-about.ts';
import type { EventDraft } from '../state/event-log.ts';

export interface FlightLimits {
  /** A file ends at this size, or at a sixteenth of what may be kept… */
  partBytes: number;
  /** …or after this time. */
  partSeconds: number;
  /** What may wait for the disk; it drops out of it then, and the real recording has the disk. */
  queueBytes: number;
  /** Free beyond what recordings want: below it the oldest files go. More than two recorders write between two looks. */
  headroomBytes: number;
  /** How often it looks after its files. */
  tickMs: number;
  /** First and longest wait after a failure. */
  retryMs: number;
  longestRetryMs: number;
  /** How long the end may wait for a disk that hangs. */
  closeMs: number;
  /** Of the recorder inside, for tests. */
  recorder: Partial<RecorderLimits>;
}

export const FLIGHT_LIMITS: FlightLimits = {
  partBytes: 64 << 20,
  partSeconds: 600,
  queueBytes: 64 << 20,
  headroomBytes: 256 << 20,
  tickMs: 1000,
  retryMs: 2000,
  longestRetryMs: 60_000,
  closeMs: 10_000,
  // Its own syncs are rarer than those of a recording: what a power cut costs is the same, they come with each flush.
  recorder: { syncBytes: 16 << 20 },
};

export type FlightSettings = Pick<Settings, 'flight' | 'flightBytes' | 'flightHours' | 'diskReserveBytes'>;

export interface FlightOptions {
  /** Of its files; made if it is not there. */
  folder: string;
  clock: Clock;
  /** As they are now. */
  settings: () => FlightSettings;
  /** The bench as it is now. */
  about: () => RecordingAbout;
  /** Its state has changed, or its size has for a while. */
  onChange: (state: FlightState) => void;
  /** For the person: it has stopped, or goes on. */
  tell: (event: EventDraft) => void;
  disk?: Disk | undefined;
  limits?: Partial<FlightLimits> | undefined;
}

/** A smaller ring has smaller files, so that it never lets much more go than it must. */
export function partLimits(settings: FlightSettings, limits: FlightLimits): { bytes: number; seconds: number } {
  const { flightBytes, flightHours } = settings;
  const hours = flightHours > 0 ? Math.max(10, (flightHours * 3600) / 16) : Number.POSITIVE_INFINITY;
  return {
    bytes: Math.min(limits.partBytes, Math.max(1 << 17, flightBytes / 16)),
    seconds: Math.min(limits.partSeconds, hours),
  };
}
