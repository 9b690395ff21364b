import { z } from 'zod';

/** ns since 1970 as decimal text: JSON has no int64 and a float64 would lose 256 ns. */
export const timeNs = z.string().regex(/^-?\d{1,19}$/, 'a time is ns since 1970 as decimal digits');

/** Names and notes people type. */
export const shortText = z.string().max(200);
export const longText = z.string().max(10_000);

/** Ids of instruments, channels, rules, recordings: never used as a path. */
export const id = z.string().min(1).max(300);

export const controlValue = z.union([z.number(), z.boolean(), z.string().max(200)]);

export const errorRecord = z.object({
  code: z.string(),
  message: z.string(),
  details: z.record(z.string(), z.unknown()).optional(),
});

export const severity = z.enum(['info', 'warning', 'error', 'critical']);
export type Severity = z.infer<typeof severity>;

export const role = z.enum(['supply', 'meter', 'scope', 'load', 'stream', 'unknown']);

/** What a caller may: see, change the measurement, change the program. */
export const right = z.enum(['view', 'control', 'manage']);

export const nothing = z.object({});
