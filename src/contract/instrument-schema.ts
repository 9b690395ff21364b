import { z } from 'zod';
import { attachOptions } from './discovery-schema.ts';
import { instrumentLock } from './lock-schema.ts';
import { controlValue, errorRecord, id, role, shortText, timeNs } from './value-schema.ts';

export const columnInfo = z.object({
  channel: z.string(),
  unit: z.string(),
  scale: z.number().optional(),
  offset: z.number().optional(),
  bits: z.number().optional(),
  resolution: z.number().optional(),
});

export const streamInfo = z.object({
  id: z.int().nonnegative(),
  key: z.string(),
  instrument: id,
  epoch: z.number(),
  kind: z.enum(['regular', 'timed', 'segment']),
  columns: z.array(columnInfo),
  rateHz: z.number(),
});

export const control = z.object({
  id: z.string(),
  group: z.string(),
  label: z.string(),
  kind: z.enum(['number', 'switch', 'choice', 'action']),
  unit: z.string().optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  resolution: z.number().optional(),
  choices: z.array(z.string()).optional(),
  isOutput: z.boolean().optional(),
});

export const controlState = z.object({
  asked: controlValue.optional(),
  readBack: controlValue.optional(),
  at: timeNs.optional(),
});

/** opening → live ⇄ reconnecting → failed; `silent`: attached, but no data for three intervals. */
export const instrumentStateWord = z.enum(['opening', 'live', 'silent', 'reconnecting', 'failed']);
export type InstrumentStateWord = z.infer<typeof instrumentStateWord>;

/** A row "poll this query": asked each round, its number is a channel. */
export const polledQuery = z.object({
  name: z.string().regex(/^[a-z][a-z0-9.-]{0,40}$/, 'a channel name is lower case letters, digits, dot and dash'),
  query: z.string().min(2).max(500),
  unit: z.string().max(20),
});
export type PolledQuery = z.infer<typeof polledQuery>;

/** What the console shows of a command: from the definition file of the family. */
export const commandHelp = z.object({ header: z.string(), help: z.string(), parameters: z.string() });
export type CommandHelp = z.infer<typeof commandHelp>;

export const instrumentState = z.object({
  id,
  role,
  label: shortText,
  identity: z.object({ maker: z.string(), model: z.string(), serial: z.string(), firmware: z.string() }),
  resource: z.string(),
  way: z.enum(['serial', 'usb', 'lan', 'gpib', 'modbus', 'vendor', 'server']),
  /** Family that speaks to it: `rigol-dp800`. */
  family: z.string(),
  options: attachOptions,
  state: instrumentStateWord,
  /** Present while reconnecting: which try, and when the next one starts. */
  retry: z.object({ attempt: z.int(), atNs: timeNs }).optional(),
  /** Another unit answers where this one was: the person decides (`instrument.adopt`, or plug the old one in again). */
  stranger: z.object({ idn: z.string(), resource: z.string() }).optional(),
  /** Present while somebody has the instrument for themselves (`lock.take`). */
  lock: instrumentLock.optional(),
  controls: z.array(control),
  values: z.record(z.string(), controlState),
  /** Lamps: `ch1.mode` = `CV`, `ch1.tripped` = `OVP`, `range` = `10 V`. */
  status: z.record(z.string(), z.string()),
  commands: z.array(z.string()),
  waveforms: z.array(z.string()),
  /** What beside controls it can do. */
  can: z.object({
    screenshot: z.boolean(),
    /** Of the way, not of the dialect. */
    clear: z.boolean(),
    trigger: z.boolean(),
    statusByte: z.boolean(),
    lock: z.boolean(),
    local: z.boolean(),
  }),
  /** Queries a person added, polled as channels (instruments without a family). */
  queries: z.array(polledQuery).max(50),
  /** The VISA lock: its own keys are off. */
  isLocked: z.boolean(),
  rateAskedHz: z.number(),
  rateGotHz: z.number(),
  lost: z.number(),
  malformed: z.number(),
  timeouts: z.number(),
  roundTripMs: z.number().nullable(),
  lastError: errorRecord.nullable(),
});
export type InstrumentState = z.infer<typeof instrumentState>;

export const channelState = z.object({
  id,
  instrument: id,
  /** `ch1.voltage`: never changes. */
  name: z.string(),
  stream: z.string(),
  label: shortText,
  /** Unit of the recorded samples, and the unit shown after the scale. */
  unit: z.string(),
  shownUnit: z.string().max(20),
  /** Shown value = gain * sample + offset. Recordings keep the sample and say the scale. */
  scale: z.object({ gain: z.number(), offset: z.number() }),
  /** 1…8: a colour of the palette; a hex colour if the person chose one. */
  color: z.union([z.int().min(1).max(8), z.string().regex(/^#[0-9a-f]{6}$/i)]),
  resolution: z.number().nullable(),
  rateAskedHz: z.number(),
  rateGotHz: z.number(),
  /** Shortest time between recorded rows; null: every sample. Apart from the poll rate. */
  logIntervalS: z.number().positive().nullable(),
  recorded: z.boolean(),
});
export type ChannelState = z.infer<typeof channelState>;

export const exchange = z.object({
  at: timeNs,
  instrument: id,
  direction: z.enum(['sent', 'received', 'late', 'note']),
  text: z.string(),
  bytes: z.number(),
  roundTripMs: z.number().optional(),
});
export type ExchangeRecord = z.infer<typeof exchange>;

export const outputOff = z.object({
  instrument: id,
  group: z.string(),
  confirmed: z.boolean(),
  reason: z.string().optional(),
});
