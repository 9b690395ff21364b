import { z } from 'zod';
import { alarmRule, alarmState } from './alarm-schema.ts';
import { streamInfo } from './instrument-schema.ts';
import { labEvent } from './recording-schema.ts';
import { id, timeNs } from './value-schema.ts';

/** 0.1 to 100 times the speed it was measured at; `max`: as fast as it can be read. */
export const replaySpeed = z.union([z.number().min(0.1).max(100), z.literal('max')]);
export type ReplaySpeed = z.infer<typeof replaySpeed>;

/**
 * A recording that plays as if it were measured now, in its own time: its id is the `origin` of watches and history. Nothing of it is recorded, and
 * its alarms show and mark but act on nothing real.
 */
export const replayState = z.object({
  id,
  recording: id,
  name: z.string(),
  state: z.enum(['opening', 'paused', 'playing', 'ended', 'failed']),
  fromNs: timeNs,
  toNs: timeNs,
  /** Time of the recording that is now. */
  positionNs: timeNs,
  speed: replaySpeed,
  /** Speed reached, times real time; 0 while paused. */
  speedGot: z.number(),
  /** Live streams of the same channels run beside it, their time shifted so that both begin together: channel ids begin with `live:`. */
  isCompared: z.boolean(),
  /** Counts up with every place it begins anew from (seek, step back): what a screen keeps of streams of an earlier run is void. */
  run: z.int().nonnegative(),
  /** Streams of this run, open or over. */
  streams: z.array(streamInfo),
  rules: z.array(alarmRule),
  alarms: z.array(alarmState),
  /** What the rules did in this run, at the times of the recording; the newest 50, newest last. */
  happened: z.array(labEvent).max(50),
  /** What a person should know: why it failed, what is left out, why comparing ended; '' for nothing. */
  text: z.string(),
});
export type ReplayState = z.infer<typeof replayState>;
