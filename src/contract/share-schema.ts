import { z } from 'zod';
import { LABLINK_SETTINGS, lablinkSettings } from './lablink-settings.ts';
import { id, shortText, timeNs } from './value-schema.ts';

/** What a port of the hub speaks: our own protocol with all surfaces, or one of the three others, alone. */
export const shareProfile = z.enum(['native', 'lablink', 'power-meter', 'neurograph']);
export type ShareProfile = z.infer<typeof shareProfile>;

/** Roles of people and programs that reach the bench through the hub; what each may is the hub's table. */
export const shareRole = z.enum(['admin', 'developer', 'viewer', 'bot', 'anonymous']);
export type ShareRole = z.infer<typeof shareRole>;

const port = z.int().min(1).max(65_535);
const host = z.string().min(1).max(253);

/** Where a page came from, as browsers say it: `https://lab.example:8443`, in small letters, without a path. */
export const webOrigin = z
  .string()
  .max(300)
  .regex(
    /^https?:\/\/([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/,
    'an origin is http(s)://name, perhaps with a port, and nothing after it',
  );

/** How this bench is shared. Given whole: who changes one field sends the others as they are. The hub follows each change by itself. */
export const shareSettings = z.object({
  /** The hub runs. */
  on: z.boolean(),
  /** How the bench calls itself to its clients; '': its own name. */
  name: shortText,
  /** Address the ports are opened on: `127.0.0.1` for programs of this machine alone, `0.0.0.0` for everybody who reaches it. */
  host,
  port,
  /** Further ports, each with one protocol alone, for clients that know only that one. */
  listeners: z.array(z.object({ port, profile: shareProfile })).max(8),
  /** Paths of PEM files; null: no TLS. */
  tls: z.object({ cert: z.string().min(1).max(4000), key: z.string().min(1).max(4000) }).nullable(),
  /** Clients without a login may look. */
  anonymous: z.boolean(),
  /** …and read values, too; else they see what there is and no more. Counts only with `anonymous`. */
  anonymousReadings: z.boolean().default(false),
  /** Pages of other web servers that may use the bench from a browser; those of this bench always may. */
  origins: z.array(webOrigin).max(32).default([]),
  limits: z.object({
    connections: z.int().min(1).max(1000),
    /** Messages that wait for one client at most. */
    queueItems: z.int().min(16).max(100_000),
    /** The longest message a client may send. */
    messageBytes: z.int().min(1024).max(16_777_216),
    /** How long a lost client may come back and get what it missed. */
    replayS: z.int().min(0).max(3600),
  }),
  /** What clients of LabLink find; the environment of the hub (`LABWIRE_WS_…`, `LABLINK_WS_…`) goes before it. */
  lablink: lablinkSettings.default(LABLINK_SETTINGS),
});
export type ShareSettings = z.infer<typeof shareSettings>;

/** A client of the hub. */
export const shareConnection = z.object({
  id,
  user: shortText,
  role: shareRole,
  /** What it speaks: `labwire.1`, `lablink`, `neurograph`, … */
  dialect: z.string().max(40),
  address: z.string().max(100),
  sinceNs: timeNs,
  /** Messages sent to it per second. */
  rateHz: z.number().nonnegative(),
  /** Messages that wait for it. */
  queue: z.int().nonnegative(),
  /** Items it was not sent since it came; each is declared to it. */
  dropped: z.number().nonnegative(),
  /** Sent on the wire. */
  bytes: z.number().nonnegative(),
  /** Of its queue; `lost`: its connection broke and it may come back. */
  state: z.enum(['greeting', 'normal', 'backpressure', 'emergency', 'lost']),
  /** Of a lost one: how long its session is still kept for it; s. */
  leftS: z.number().nonnegative().optional(),
});
export type ShareConnection = z.infer<typeof shareConnection>;

/** off → starting → on; failed: `reason` says why, and whether it is tried again. */
export const shareState = z.object({
  state: z.enum(['off', 'starting', 'on', 'failed']),
  urls: z.array(z.string().max(2000)).max(32),
  reason: z.string().max(2000).optional(),
  /** Newest last. */
  connections: z.array(shareConnection).max(200),
  /** Users with a login of their own. */
  users: z.int().nonnegative(),
});
export type ShareState = z.infer<typeof shareState>;

export const userName = z.string().regex(/^[A-Za-z0-9._@-]{1,64}$/, 'a user is letters, digits, dot, dash, _ and @');

export const shareUser = z.object({
  user: userName,
  role: shareRole,
  createdNs: timeNs,
  /** Last login; null: never. */
  seenNs: timeNs.nullable(),
  /** The login wants a one-time code, too. */
  hasCodes: z.boolean().default(false),
});
export type ShareUser = z.infer<typeof shareUser>;

/** A token for programs; its text is told once, when it is made. */
export const shareToken = z.object({
  id,
  user: userName,
  label: shortText,
  createdNs: timeNs,
  /** null: until it is removed. */
  expiresNs: timeNs.nullable(),
  usedNs: timeNs.nullable(),
});
export type ShareToken = z.infer<typeof shareToken>;

/** Gauges of one connection, now. */
const connectionGauges = z.object({
  id,
  /** Queue in use, 0…1. */
  queueUse: z.number().min(0),
  delivered: z.number(),
  /** Merged into a newer value of the same key. */
  conflated: z.number(),
  decimated: z.number(),
  dropped: z.number(),
  bytesPerS: z.number(),
  /** Bytes before compression over bytes on the wire; 1 without. */
  compressionRatio: z.number(),
  compressionLevel: z.int().min(0).max(9),
  roundTripMs: z.number().nullable(),
});

/** Gauges of the hub, for charts. */
export const shareStats = z.object({
  t: timeNs,
  /** Of the fullest queue. */
  queueUse: z.number().min(0),
  delivered: z.number(),
  conflated: z.number(),
  decimated: z.number(),
  dropped: z.number(),
  bytesPerS: z.number(),
  compressionRatio: z.number(),
  /** Entered since it started: states of queues. */
  backpressure: z.number(),
  emergency: z.number(),
  /** Lag of the hub's event loop, the worst of the last second. */
  lagMs: z.number(),
  connections: z.array(connectionGauges).max(200),
});
export type ShareStats = z.infer<typeof shareStats>;
