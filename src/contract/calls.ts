import { z } from 'zod';
import { alarmRule } from './alarm-schema.ts';
import { benchHead, benchState, plotLayout, settings, simulatorState } from './bench-schema.ts';
import {
  attachOptions,
  diagnostics,
  doctorReport,
  driverFamily,
  foundInstrument,
  lineSettings,
  pathSource,
} from './discovery-schema.ts';
import { commandHelp, exchange, outputOff, polledQuery, streamInfo } from './instrument-schema.ts';
import { LOCK_CALLS } from './lock-calls.ts';
import { RECORDING_CALLS } from './recording-calls.ts';
import { job, labEvent } from './recording-schema.ts';
import { protectedDevice, safetyState } from './safety-schema.ts';
import { SERVER_CALLS } from './server-calls.ts';
import { SHARE_CALLS } from './share-calls.ts';
import { controlValue, id, longText, nothing, right, shortText, timeNs } from './value-schema.ts';

/** Version of this list. Screen and engine must agree on it in `engine.hello`. */
export const CONTRACT_VERSION = 4;

/** What a caller must be allowed: see, change the measurement, change the program. */
export type Right = z.infer<typeof right>;

interface CallShape {
  right: Right;
  input: z.ZodType;
  output: z.ZodType;
}

const watchMode = z.discriminatedUnion('kind', [
  /** Min/max columns for a live window: at most about `width` columns over `windowS`. */
  z.object({
    kind: z.literal('columns'),
    windowS: z.number().positive().max(86_400),
    width: z.int().min(16).max(8192),
  }),
  /** Every row. `rateHz`: an instrument that is polled is asked at least that often while the watch is open, as far as it can. */
  z.object({ kind: z.literal('raw'), rateHz: z.number().positive().max(10_000).optional() }),
  /** Value, time and state of every channel in one message. */
  z.object({ kind: z.literal('latest'), rateHz: z.number().positive().max(60) }),
  z.object({ kind: z.literal('segments'), width: z.int().min(16).max(8192) }),
]);
export type WatchMode = z.infer<typeof watchMode>;

const channelList = z.array(id).min(1).max(500);

/** simulator fault: one knob set for one simulated instrument; `null` kind clears all. */
export const fault = z.object({
  kind: z.enum(['delay', 'drop', 'split', 'garbage', 'wrong-order', 'hang', 'disconnect']).nullable(),
  /** How often: 0…1 of the replies. */
  probability: z.number().min(0).max(1).default(1),
  /** How many times at most; null: until cleared. */
  count: z.int().positive().nullable().default(null),
  delayMs: z.number().nonnegative().max(600_000).default(0),
});
export type Fault = z.infer<typeof fault>;

const channelChange = z.object({
  channel: id,
  label: shortText.optional(),
  color: z.union([z.int().min(1).max(8), z.string().regex(/^#[0-9a-f]{6}$/i)]).optional(),
  scale: z.object({ gain: z.number(), offset: z.number() }).optional(),
  shownUnit: z.string().max(20).optional(),
  /** Poll rate asked for; a streaming device takes the highest of its channels. */
  rateHz: z.number().positive().max(10_000_000).optional(),
  logIntervalS: z.number().positive().max(86_400).nullable().optional(),
  recorded: z.boolean().optional(),
});
export type ChannelChange = z.infer<typeof channelChange>;

/**
 * THE list: everything a screen may say to an engine. Both sides check input and output against it.
 * Samples do not pass here: `stream.watch` and `history.read` answer with JSON and send binary frames (frames.ts) beside it.
 */
export const CALLS = {
  /** First call on every link. `link.version` if the versions differ. */
  'engine.hello': {
    right: 'view',
    input: z.object({ contract: z.int(), screen: shortText }),
    output: z.object({
      contract: z.int(),
      version: z.string(),
      engine: id,
      startedNs: timeNs,
      nowNs: timeNs,
      dataFolder: z.string(),
      host: z.enum(['electron', 'node']),
      /** What this screen may. */
      rights: z.array(right),
    }),
  },
  'bench.read': { right: 'view', input: nothing, output: benchState },
  'bench.new': { right: 'manage', input: z.object({ name: shortText }), output: benchHead },
  'bench.open': { right: 'manage', input: z.object({ path: z.string().min(1).max(4000) }), output: benchHead },
  'bench.save': { right: 'manage', input: nothing, output: benchHead },
  'bench.saveAs': { right: 'manage', input: z.object({ path: z.string().min(1).max(4000) }), output: benchHead },
  'bench.rename': { right: 'manage', input: z.object({ name: shortText.min(1) }), output: benchHead },
  /** The simulated bench: starts it if it does not run. */
  'bench.start': { right: 'manage', input: nothing, output: simulatorState },
  'bench.stop': { right: 'manage', input: nothing, output: simulatorState },
  'bench.setFault': { right: 'manage', input: z.object({ name: shortText, fault }), output: nothing },
  'settings.set': { right: 'manage', input: settings.partial(), output: settings },

  /**
   * Looks once and gives what was found when `withinMs` is over or every way is done; the list fills in `discovery.changed` meanwhile.
   * Never probes an unknown serial port. `expression`: a VISA search expression (`TCPIP?*INSTR`) the resources must fit.
   */
  'instrument.find': {
    right: 'view',
    input: z.object({
      withinMs: z.number().min(0).max(60_000).default(1500),
      expression: z.string().max(200).optional(),
    }),
    output: z.object({ found: z.array(foundInstrument) }),
  },
  /** While on, for this screen: devices appear and vanish in `discovery.changed` by themselves. Ends with the screen. */
  'discovery.watch': { right: 'view', input: z.object({ on: z.boolean() }), output: nothing },
  /** Looks again now, by all ways or these. */
  'discovery.search': { right: 'view', input: z.object({ sources: z.array(pathSource).optional() }), output: nothing },
  /** Only when asked: knocks at the instrument ports of every address of a subnet (`192.168.1.0/24`, at most 4,096 addresses). */
  'discovery.scan': { right: 'control', input: z.object({ subnet: z.string().max(50) }), output: nothing },
  'discovery.cancel': { right: 'view', input: nothing, output: nothing },
  /** Takes a remembered address out of the list. */
  'discovery.forget': { right: 'control', input: z.object({ resource: z.string().max(500) }), output: nothing },
  /** Why a resource does not appear or answer. `tries`: other line ends and baud rates are tried too, which sends to the device. */
  'doctor.run': {
    right: 'control',
    input: z.object({
      resource: z.string().min(1).max(500),
      tries: z.boolean().default(false),
      line: lineSettings.optional(),
    }),
    output: doctorReport,
  },
  /** Families that can be named in `attachOptions.as`, and definition files that cannot be used. */
  'driver.list': {
    right: 'view',
    input: nothing,
    output: z.object({
      families: z.array(driverFamily).max(1000),
      problems: z.array(z.object({ file: z.string(), message: z.string() })).max(200),
    }),
  },
  /** Attaches; gives the instrument's id. Attached already: the same id. */
  'instrument.open': {
    right: 'control',
    input: z.object({ resource: z.string().min(1).max(500), options: attachOptions.optional() }),
    output: z.object({ instrument: id }),
  },
  /** Another unit answers where this one was (`stranger`): takes it in its place. The settings of the old one stay with the old one. */
  'instrument.adopt': { right: 'control', input: z.object({ instrument: id }), output: z.object({ instrument: id }) },
  /** What the way or the dialect can do beside controls. `status-byte` answers with the byte. */
  'instrument.act': {
    right: 'control',
    input: z.object({
      instrument: id,
      action: z.enum(['clear', 'trigger', 'status-byte', 'lock', 'unlock', 'local', 'remote']),
    }),
    output: z.object({ value: z.number().nullable() }),
  },
  'instrument.screenshot': {
    right: 'control',
    input: z.object({ instrument: id }),
    output: z.object({ type: z.enum(['image/png', 'image/bmp']), base64: z.string() }),
  },
  /** Rows "poll this query": each becomes a channel. Replaces the list. */
  'instrument.setQueries': {
    right: 'control',
    input: z.object({ instrument: id, queries: z.array(polledQuery).max(50) }),
    output: nothing,
  },
  'instrument.help': {
    right: 'view',
    input: z.object({ instrument: id }),
    output: z.object({ commands: z.array(commandHelp) }),
  },
  'instrument.diagnostics': { right: 'view', input: z.object({ instrument: id }), output: diagnostics },
  /** Sends the lines of a file one after another, as a job; `?` lines read their reply. */
  'instrument.sendFile': {
    right: 'control',
    input: z.object({
      instrument: id,
      name: shortText,
      text: z.string().max(1_000_000),
      pauseMs: z.number().min(0).max(60_000).default(0),
    }),
    output: job,
  },
  /** A zip with identities, trace, diagnostics, logs and settings, secrets removed; as a job. */
  'support.bundle': { right: 'control', input: z.object({ path: z.string().max(4000).optional() }), output: job },
  'safety.set': { right: 'control', input: z.object({ device: protectedDevice }), output: safetyState },
  'safety.remove': { right: 'control', input: z.object({ device: id }), output: safetyState },
  /** `minutes`: disarms by itself then. */
  'safety.arm': {
    right: 'control',
    input: z.object({ device: id, minutes: z.number().positive().max(1440).optional() }),
    output: safetyState,
  },
  'safety.disarm': { right: 'control', input: z.object({ device: id }), output: safetyState },
  'instrument.close': { right: 'control', input: z.object({ instrument: id }), output: nothing },
  'instrument.rename': { right: 'control', input: z.object({ instrument: id, label: shortText }), output: nothing },
  'instrument.set': {
    right: 'control',
    input: z.object({ instrument: id, control: z.string().max(100), value: controlValue }),
    output: z.object({ readBack: z.record(z.string(), controlValue) }),
  },
  'instrument.refresh': { right: 'control', input: z.object({ instrument: id }), output: nothing },
  /** Console. A text with `?` reads a reply. Binary blocks come as a summary. */
  'instrument.query': {
    right: 'control',
    input: z.object({
      instrument: id,
      text: z.string().min(1).max(10_000),
      timeoutMs: z.number().min(10).max(600_000).optional(),
      /** Gives the bytes of the reply too, as base64 (at most 64 KiB of them), for the hex view. */
      bytes: z.boolean().default(false),
    }),
    output: z.object({
      reply: z.string().nullable(),
      roundTripMs: z.number(),
      base64: z.string().optional(),
      sizeBytes: z.number().optional(),
    }),
  },
  /** Without attaching: opens, asks, closes. */
  'resource.query': {
    right: 'control',
    input: z.object({
      resource: z.string().min(1).max(500),
      text: z.string().min(1).max(10_000),
      timeoutMs: z.number().min(10).max(600_000).optional(),
      options: attachOptions.optional(),
    }),
    output: z.object({ reply: z.string().nullable(), roundTripMs: z.number() }),
  },
  'instrument.exchanges': {
    right: 'view',
    input: z.object({ instrument: id, limit: z.int().min(1).max(1000) }),
    output: z.object({ exchanges: z.array(exchange) }),
  },
  'trace.watch': { right: 'view', input: z.object({ on: z.boolean() }), output: nothing },
  /** Takes a waveform now; it arrives as a segment of the instrument's `waveform` stream. */
  'instrument.capture': {
    right: 'control',
    input: z.object({ instrument: id, channels: z.array(z.string()).min(1).max(8) }),
    output: z.object({ stream: z.string() }),
  },
  /**
   * Switches outputs off and reads each back: of these instruments, or of all. Asks no lock, and latches nothing: `emergency.stop` does. Instruments that are
   * not attached are left out of the results.
   */
  'outputs.off': {
    right: 'control',
    input: z.object({ instruments: z.array(id).min(1).max(500).optional() }),
    output: z.object({ results: z.array(outputOff) }),
  },
  /** A person has looked and switched off by hand: what did not confirm is shown no more. */
  'outputs.release': { right: 'control', input: nothing, output: nothing },
  /** Outputs off of everything, and nothing is switched on (`safety.refused`, from any side) until `emergency.release`; also after a restart of the engine. Asks no lock. */
  'emergency.stop': { right: 'control', input: nothing, output: z.object({ results: z.array(outputOff) }) },
  /** Ends the emergency stop, which is told with who did it; outputs stay off. False: there was none. Throws settings.unwritable: it then still holds. */
  'emergency.release': { right: 'control', input: nothing, output: z.object({ released: z.boolean() }) },

  'channel.set': { right: 'control', input: channelChange, output: nothing },

  /** Frames follow under the watch number. `after` names the last row the screen has, per stream key and epoch. */
  'stream.watch': {
    right: 'view',
    input: z.object({
      /** 'live' or a replay id. */
      origin: z.string().max(300).default('live'),
      channels: channelList,
      mode: watchMode,
      after: z
        .array(z.object({ key: z.string(), epoch: z.number(), row: z.number() }))
        .max(500)
        .optional(),
    }),
    output: z.object({ watch: z.int(), streams: z.array(streamInfo) }),
  },
  'watch.set': {
    right: 'view',
    input: z.object({ watch: z.int(), channels: channelList.optional(), mode: watchMode.optional() }),
    output: z.object({ streams: z.array(streamInfo) }),
  },
  'watch.close': { right: 'view', input: z.object({ watch: z.int() }), output: nothing },
  /** Credit: frame number `frame` is in the screen's ring. Sent without waiting for the answer. */
  'watch.seen': { right: 'view', input: z.object({ frame: z.int().nonnegative() }), output: nothing },
  /**
   * History as frames under `request` (chosen by the screen), all of them sent before the answer.
   * `origin`: 'live', a recording id or a replay id. With `raw`: rows, else min/max columns for `width`. Cut at `limit` rows or columns: `nextNs` says where to go on.
   */
  'history.read': {
    right: 'view',
    input: z.object({
      request: z.int().nonnegative(),
      origin: z.string().max(300).default('live'),
      channels: channelList,
      fromNs: timeNs,
      toNs: timeNs,
      width: z.int().min(16).max(8192).default(1200),
      raw: z.boolean().default(false),
      limit: z.int().min(1).max(1_000_000).default(100_000),
    }),
    output: z.object({ streams: z.array(streamInfo), exact: z.boolean(), nextNs: timeNs.nullable() }),
  },

  ...LOCK_CALLS,
  ...SHARE_CALLS,
  ...SERVER_CALLS,
  ...RECORDING_CALLS,
  'job.cancel': { right: 'control', input: z.object({ job: id }), output: nothing },

  'note.add': { right: 'control', input: z.object({ text: longText.min(1), t: timeNs.optional() }), output: labEvent },
  'event.list': {
    right: 'view',
    input: z.object({ fromNs: timeNs, toNs: timeNs }),
    output: z.object({ events: z.array(labEvent) }),
  },

  'alarm.set': { right: 'control', input: z.object({ rule: alarmRule }), output: nothing },
  'alarm.remove': { right: 'control', input: z.object({ rule: id }), output: nothing },
  'alarm.acknowledge': { right: 'control', input: z.object({ rule: id }), output: nothing },
  'alarm.shelve': {
    right: 'control',
    input: z.object({ rule: id, minutes: z.number().nonnegative().max(10_080) }),
    output: nothing,
  },

  'plot.set': { right: 'control', input: z.object({ plots: z.array(plotLayout).max(50) }), output: nothing },
} as const satisfies Record<string, CallShape>;

export type CallName = keyof typeof CALLS;
export type CallInput<N extends CallName> = z.input<(typeof CALLS)[N]['input']>;
/** Input as the engine sees it: defaults filled in. */
export type CallParsed<N extends CallName> = z.output<(typeof CALLS)[N]['input']>;
export type CallOutput<N extends CallName> = z.output<(typeof CALLS)[N]['output']>;
