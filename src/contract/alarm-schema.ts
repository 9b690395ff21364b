import { z } from 'zod';
import { id, severity, shortText, timeNs } from './value-schema.ts';

const finite = z.number();

/** When a rule holds. Limits are in the unit shown (after the channel's scale). Overload counts as above (or below) every limit. */
export const alarmCondition = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('above'), limit: finite }),
  z.object({ kind: z.literal('below'), limit: finite }),
  z.object({ kind: z.literal('inside'), low: finite, high: finite }),
  z.object({ kind: z.literal('outside'), low: finite, high: finite }),
  /** |change| per second above `perSecond`, over `windowS`. */
  z.object({ kind: z.literal('rate'), perSecond: finite.positive(), windowS: finite.positive().max(3600) }),
  z.object({ kind: z.literal('silent'), seconds: finite.positive().max(86_400) }),
]);
export type AlarmCondition = z.infer<typeof alarmCondition>;

export const alarmAction = z.enum(['notify', 'mark', 'recording.start', 'recording.stop', 'outputs.off']);
export type AlarmAction = z.infer<typeof alarmAction>;

export const alarmRule = z.object({
  id,
  name: shortText,
  channel: id,
  condition: alarmCondition,
  /** Distance the value must come back by before the alarm clears, in the unit. */
  hysteresis: z.number().nonnegative().default(0),
  /** The condition must hold that long before the alarm is raised. */
  delayS: z.number().nonnegative().max(86_400).default(0),
  /** Stays active after the value came back, until acknowledged. */
  latch: z.boolean().default(false),
  severity,
  actions: z.array(alarmAction).max(5),
  enabled: z.boolean().default(true),
});
export type AlarmRule = z.infer<typeof alarmRule>;

/** normal → (pending) → active → normal; with latch: active → latched → (acknowledge) → normal. */
export const alarmStateWord = z.enum(['normal', 'pending', 'active', 'latched']);

export const alarmState = z.object({
  rule: id,
  state: alarmStateWord,
  /** When this state began. */
  sinceNs: timeNs,
  /** Value that decided, null for no data. Overload is sent as text, JSON has no Infinity. */
  value: z.union([z.number(), z.enum(['overload', '-overload'])]).nullable(),
  acknowledged: z.boolean(),
  shelvedUntilNs: timeNs.nullable(),
  /** What the actions did, in words. */
  did: z.array(z.string()),
});
export type AlarmState = z.infer<typeof alarmState>;
