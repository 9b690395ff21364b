import { z } from 'zod';

/** Formats a session of messages may have, in LabLink's words. */
export const MESSAGE_FORMATS = ['json', 'jsonl', 'csv', 'binary'] as const;
export type MessageFormat = (typeof MESSAGE_FORMATS)[number];

/** Options of LabLink's sockets, by their names there (docs/hub-lablink.md says what each does). */
export const lablinkSettings = z.object({
  /** Whether a new connection is greeted with what it may choose; without it the client takes the socket for the basic one. */
  greeting: z.boolean(),
  recording: z.object({
    isEnabled: z.boolean(),
    format: z.enum(MESSAGE_FORMATS),
    /** A file ends here and the next begins. */
    maxSizeMb: z.number().min(0.01).max(10_000),
    timestamps: z.boolean(),
    metadata: z.boolean(),
    gzip: z.boolean(),
  }),
  compression: z.object({
    isEnabled: z.boolean(),
    level: z.int().min(1).max(9),
    /** Shorter messages are sent as they are; bytes. */
    thresholdBytes: z.int().min(0).max(1_048_576),
  }),
  backpressure: z.object({
    isEnabled: z.boolean(),
    /** Messages that may wait for one client. */
    queueSize: z.int().min(100).max(100_000),
    /** More waiting than this is logged. */
    warningThreshold: z.int().min(1).max(100_000),
    dropLowPriority: z.boolean(),
  }),
  rateLimit: z.object({
    isEnabled: z.boolean(),
    perSecond: z.number().min(1).max(100_000),
    burst: z.int().min(1).max(100_000),
  }),
  /** LabLink sockets at once. */
  maxConnections: z.int().min(1).max(10_000),
});
export type LablinkSettings = z.infer<typeof lablinkSettings>;

/** Schema of one of its numbers, with the limits a screen names. */
export type NumberSchema = z.ZodNumber;

/** As LabLink's documents have them. */
export const LABLINK_SETTINGS: Readonly<LablinkSettings> = {
  greeting: true,
  recording: { isEnabled: true, format: 'jsonl', maxSizeMb: 100, timestamps: true, metadata: true, gzip: true },
  compression: { isEnabled: true, level: 6, thresholdBytes: 1024 },
  backpressure: { isEnabled: true, queueSize: 1000, warningThreshold: 750, dropLowPriority: true },
  rateLimit: { isEnabled: true, perSecond: 100, burst: 50 },
  maxConnections: 100,
};
