import { z } from 'zod';
import { controlValue, errorRecord, id, role, shortText, timeNs } from './value-schema.ts';

/** Settings of a serial line; what is absent is the default of the family, else 9600 8N1. */
export const lineSettings = z.object({
  baudRate: z.int().min(50).max(10_000_000).optional(),
  dataBits: z.union([z.literal(5), z.literal(6), z.literal(7), z.literal(8)]).optional(),
  parity: z.enum(['none', 'odd', 'even', 'mark', 'space']).optional(),
  stopBits: z.union([z.literal(1), z.literal(1.5), z.literal(2)]).optional(),
  flow: z.enum(['none', 'rtscts', 'xonxoff', 'dsrdtr']).optional(),
  dtr: z.boolean().optional(),
  rts: z.boolean().optional(),
  /** Pause after each byte that is sent, for instruments slower than their line. */
  bytePaceMs: z.number().min(0).max(1000).optional(),
  /** What clears the instrument over this line; without it a clear is not offered. */
  clear: z.enum(['none', 'break', 'ctrl-c']).optional(),
});
export type LineSettings = z.infer<typeof lineSettings>;

export const termination = z.enum(['lf', 'cr', 'crlf', 'none']);
export type Termination = z.infer<typeof termination>;

/** How an instrument is attached, where its address alone does not say. Kept in the bench file and with its identity. */
export const attachOptions = z.object({
  /** A family by its name (`korad-ka3005p`, `arduino-lines`, `teleplot`, …) instead of asking `*IDN?`; also for devices that cannot be asked. */
  as: z.string().max(100).optional(),
  line: lineSettings.optional(),
  writeTermination: termination.optional(),
  readTermination: termination.optional(),
  /** Shortest time between two messages. */
  paceMs: z.number().min(0).max(10_000).optional(),
  /** Format of a streaming device (column names, frame marks): see docs/instruments.md. */
  stream: z.record(z.string(), z.union([controlValue, z.array(z.string().max(100)).max(200)])).optional(),
});
export type AttachOptions = z.infer<typeof attachOptions>;

/** A family of instruments as the person picks it. `asks`: it answers `*IDN?`, so it is found by itself. */
export const driverFamily = z.object({
  id: z.string(),
  title: z.string(),
  role,
  asks: z.boolean(),
  line: lineSettings.optional(),
});
export type DriverFamilyInfo = z.infer<typeof driverFamily>;

export const pathSource = z.enum([
  'simulator',
  'serial',
  'usb',
  'usbtmc',
  'mdns',
  'vxi11',
  'prologix',
  'scan',
  'vendor',
  'remembered',
  'attached',
  'server',
]);
export type PathSource = z.infer<typeof pathSource>;

/** One way to a found instrument. */
export const foundPath = z.object({
  resource: z.string(),
  way: z.enum(['serial', 'usb', 'lan', 'gpib', 'modbus', 'vendor', 'server']),
  sources: z.array(pathSource),
  state: z.enum(['usable', 'unusable', 'unknown']),
  /** Why it cannot be used, or what the system says of it (`CP2102 USB to UART, Silicon Labs`). */
  about: z.string().optional(),
  /** What to do about it. */
  fix: z.string().optional(),
  seenNs: timeNs,
});
export type FoundPath = z.infer<typeof foundPath>;

/** A row of the one list: an instrument, whatever the paths to it; merged by maker, model and serial number. */
export const foundInstrument = z.object({
  /** Stable while it is in the list. */
  key: z.string(),
  name: z.string(),
  role,
  idn: z.string().nullable(),
  /** Those that can be opened, the best first. */
  resources: z.array(z.string()),
  paths: z.array(foundPath),
  /** `unknown`: something that was not asked who it is (serial ports are never probed unasked). `gone`: was there, answers no more. */
  state: z.enum(['attached', 'available', 'unknown', 'unusable', 'gone']),
  /** Id of the attached instrument. */
  instrument: id.optional(),
  /** Where the row comes from first. */
  source: pathSource,
  reason: z.string().optional(),
});
export type FoundInstrument = z.infer<typeof foundInstrument>;

/** One way of looking, and how far it is. */
export const searchState = z.object({
  source: pathSource,
  state: z.enum(['idle', 'searching', 'watching', 'done', 'failed', 'unavailable', 'cancelled']),
  found: z.int(),
  /** Why it failed or is not available here, and what to do. */
  reason: z.string().optional(),
  /** 0…1, where it can be known (a scan). */
  progress: z.number().optional(),
});
export type SearchState = z.infer<typeof searchState>;

export const discoveryState = z.object({
  isSearching: z.boolean(),
  startedNs: timeNs.nullable(),
  searches: z.array(searchState),
  found: z.array(foundInstrument).max(1000),
});
export type DiscoveryState = z.infer<typeof discoveryState>;

/** One thing the doctor looked at. */
export const doctorCheck = z.object({
  id: z.string(),
  title: shortText,
  state: z.enum(['ok', 'problem', 'warning', 'skipped']),
  /** What was found, in plain words. */
  cause: z.string(),
  /** What to do; '' where nothing is to be done. */
  fix: z.string(),
  /** A command or rule to paste. */
  paste: z.string().optional(),
});
export type DoctorCheck = z.infer<typeof doctorCheck>;

export const doctorReport = z.object({
  resource: z.string(),
  checks: z.array(doctorCheck),
  /** The first problem, in a sentence; or that it answers. */
  verdict: z.string(),
  isHealthy: z.boolean(),
  idn: z.string().nullable(),
  /** Settings under which it answered, when trying was asked for. */
  works: attachOptions.optional(),
});
export type DoctorReport = z.infer<typeof doctorReport>;

/** What an instrument's health is made of. */
export const diagnostics = z.object({
  instrument: id,
  resource: z.string(),
  sinceNs: timeNs,
  rateAskedHz: z.number(),
  rateGotHz: z.number(),
  queries: z.int(),
  timeouts: z.int(),
  retries: z.int(),
  reopened: z.int(),
  lateBytes: z.number(),
  bytesIn: z.number(),
  bytesOut: z.number(),
  /** Round trips by power of two: `counts[i]` took up to `upToMs[i]`. */
  latency: z.object({ upToMs: z.array(z.number()), counts: z.array(z.int()), p50Ms: z.number(), p95Ms: z.number() }),
  /** Newest last: what its error queue said. */
  errors: z.array(z.object({ t: timeNs, code: z.int(), text: z.string() })).max(100),
  /** 0…100, and every reason it is not 100. */
  health: z.object({ score: z.int().min(0).max(100), reasons: z.array(z.string()) }),
  lastError: errorRecord.nullable(),
});
export type Diagnostics = z.infer<typeof diagnostics>;
