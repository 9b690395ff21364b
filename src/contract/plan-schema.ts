import { z } from 'zod';
import { alarmCondition } from './alarm-schema.ts';
import { id, longText, shortText, timeNs } from './value-schema.ts';

/** `HH:MM`, local time of the engine. */
export const clockTime = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time of day is HH:MM');

/** What starts a recording. */
export const startCondition = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('threshold'),
    channel: id,
    condition: alarmCondition,
    delayS: z.number().nonnegative().max(86_400).default(0),
  }),
  z.object({ kind: z.literal('time'), at: clockTime }),
  z.object({ kind: z.literal('alarm'), rule: id }),
  z.object({ kind: z.literal('sweep'), sweep: id }),
]);
export type StartCondition = z.infer<typeof startCondition>;

/** What ends it; the first that holds does. */
export const stopCondition = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('threshold'),
    channel: id,
    condition: alarmCondition,
    delayS: z.number().nonnegative().max(86_400).default(0),
  }),
  z.object({ kind: z.literal('time'), at: clockTime }),
  z.object({ kind: z.literal('duration'), seconds: z.number().positive().max(31_536_000) }),
  z.object({ kind: z.literal('alarm'), rule: id }),
  /** The alarm has gone back to normal. */
  z.object({ kind: z.literal('alarm-over'), rule: id }),
  z.object({ kind: z.literal('sweep-end'), sweep: id }),
]);
export type StopCondition = z.infer<typeof stopCondition>;

/** A recording that starts and stops by itself. Part of the bench file. */
export const recordingPlan = z.object({
  id,
  name: shortText.min(1),
  start: z.array(startCondition).min(1).max(10),
  stop: z.array(stopCondition).max(10),
  /** Seconds before the start, from the flight recorder. */
  preTriggerS: z.number().nonnegative().max(86_400).default(0),
  /** Goes on for so long after the stop condition holds. */
  postTriggerS: z.number().nonnegative().max(86_400).default(0),
  /** Armed again after it stopped. */
  repeats: z.boolean().default(false),
  enabled: z.boolean().default(true),
  notes: longText.default(''),
  tags: z.array(shortText).max(50).default([]),
});
export type RecordingPlan = z.infer<typeof recordingPlan>;

/** armed → (start) → recording → (stop) → ending → done, or armed again. `blocked`: another recording runs, or it cannot start. */
export const planState = z.object({
  plan: id,
  state: z.enum(['off', 'armed', 'recording', 'ending', 'done', 'blocked']),
  sinceNs: timeNs,
  /** Why, in words: which condition, or what blocks it. */
  text: z.string(),
});
export type PlanState = z.infer<typeof planState>;

/** A list of setpoints followed one after another, each through the safety limits like one sent by hand. */
export const sweep = z.object({
  id,
  name: shortText.min(1),
  instrument: id,
  control: z.string().max(100),
  values: z.array(z.number()).min(1).max(10_000),
  dwellS: z.number().min(0.01).max(86_400),
});
export type Sweep = z.infer<typeof sweep>;

export const sweepState = z.object({
  sweep,
  state: z.enum(['running', 'done', 'stopped', 'failed']),
  /** Steps sent and confirmed. */
  step: z.int().nonnegative(),
  startedNs: timeNs,
  text: z.string(),
});
export type SweepState = z.infer<typeof sweepState>;
