import { z } from 'zod';
import { LINK_WORDS } from '../core/link-word.ts';
import { errorRecord, id, role, severity, shortText, timeNs } from './value-schema.ts';

/** What a lab server speaks. */
export const labDialect = z.enum(['lablink', 'lablink-enhanced', 'power-meter', 'neurograph', 'vital', 'labwire.1']);
export type LabDialect = z.infer<typeof labDialect>;

export const serverLink = z.object({
  word: z.enum(LINK_WORDS),
  attempt: z.int(),
  maxAttempts: z.int(),
  /** When the next try starts. */
  retryNs: timeNs.nullable(),
  /** Streams that are wanted, and those of them that are polled. */
  streams: z.int(),
  polled: z.int(),
  pollS: z.number(),
  reason: z.string(),
  error: errorRecord.nullable(),
  sinceNs: timeNs,
});
export type ServerLink = z.infer<typeof serverLink>;

/** Something a person should know of a server. */
export const serverFinding = z.object({
  feature: z.string(),
  state: z.enum(['works', 'partly', 'broken', 'absent']),
  text: z.string(),
});
export type ServerFinding = z.infer<typeof serverFinding>;

export const serverLock = z.object({
  /** '': nobody. */
  owner: z.string(),
  isOurs: z.boolean(),
  expiresInS: z.number().nullable(),
});

/** A recording of messages that a server makes at its own place. */
export const serverRecording = z.object({
  name: z.string(),
  /** Name of its newest file there. */
  file: z.string(),
  durationS: z.number(),
  messages: z.number(),
  bytes: z.number(),
});
export type ServerRecordingRow = z.infer<typeof serverRecording>;

export const serverEquipment = z.object({
  id,
  label: z.string(),
  role,
  identity: z.object({ maker: z.string(), model: z.string(), serial: z.string(), firmware: z.string() }),
  /** To attach it: `LAB::host:port::id::INSTR`. */
  resource: z.string(),
  isConnected: z.boolean(),
  /** Hubs it came through, the one of its own bench first. */
  via: z.array(z.string()).max(16),
  /** Id of the instrument on the bench, if it is attached. */
  instrument: id.nullable(),
  status: z.record(z.string(), z.string()),
  lock: serverLock.nullable(),
});
export type ServerEquipment = z.infer<typeof serverEquipment>;

export const serverAlarm = z.object({
  id,
  state: z.enum(['active', 'acknowledged', 'cleared']),
  severity,
  equipment: z.string(),
  text: z.string(),
  t: timeNs,
});
export type ServerAlarm = z.infer<typeof serverAlarm>;

/** A line of what a server said beside rows: jobs, discovery, health, channels, drops, errors. */
export const serverLine = z.object({ t: timeNs, severity, topic: z.string(), text: z.string(), count: z.int() });
export type ServerLine = z.infer<typeof serverLine>;

/** One stream that is wanted of an attached instrument. */
export const serverStream = z.object({
  equipment: z.string(),
  stream: z.string(),
  source: z.enum(['live', 'polled', 'filled', 'silent']),
  rateHz: z.number(),
  /** From the time of the source to arrival; null while unknown. */
  latencyMs: z.number().nullable(),
  rows: z.number(),
  lost: z.number(),
  filled: z.number(),
  /** Missing, and nothing says why. */
  unaccounted: z.number(),
});
export type ServerStream = z.infer<typeof serverStream>;

/** A lab server of this bench. */
export const serverState = z.object({
  id,
  url: z.string(),
  label: shortText,
  /** Null until it said what it speaks. */
  dialect: labDialect.nullable(),
  name: z.string(),
  version: z.string(),
  link: serverLink,
  /** WebSocket wanted; off: only polled. */
  webSocket: z.boolean(),
  login: z.object({
    user: z.string(),
    /** `absent`: it has no login; `none`: it asks for none, or nobody logged in; `needed`: it refuses without; `mfa`: a one-time code is missing. */
    state: z.enum(['absent', 'none', 'needed', 'mfa', 'in']),
    /** Where the token is kept. */
    kept: z.enum(['keychain', 'memory']),
  }),
  features: z.record(z.string(), z.union([z.boolean(), z.array(z.string())])),
  findings: z.array(serverFinding).max(100),
  clock: z.object({
    /** Server − ours, s; null while unknown. */
    offsetS: z.number().nullable(),
    uncertaintyS: z.number().nullable(),
    base: z.enum(['unix', 'naive-local', 'naive-utc', 'monotonic', 'none']),
    method: z.enum(['two-way', 'one-way', 'http-date', 'none']),
  }),
  traffic: z.object({
    messages: z.number(),
    bytesPerS: z.number(),
    /** Saved by compression: bytes on the wire and after inflating. */
    wireBytes: z.number(),
    bytes: z.number(),
    roundTripMs: z.number().nullable(),
    malformed: z.number(),
    unaccounted: z.number(),
    dropped: z.number(),
    /** What it sends to show that it lives, and when the last one came; null where it sends none. */
    heartbeats: z.object({ count: z.int(), lastNs: timeNs.nullable() }).nullable(),
  }),
  streams: z.array(serverStream).max(500),
  equipment: z.array(serverEquipment).max(500),
  alarms: z.array(serverAlarm).max(200),
  /** Newest last. */
  log: z.array(serverLine).max(100),
});
export type ServerState = z.infer<typeof serverState>;
