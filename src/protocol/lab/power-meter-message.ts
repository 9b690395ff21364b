import { z } from 'zod';

/** Python writes NaN and Infinity into its JSON, and null stands for a channel that failed: all are numbers here, NaN = missing. */
const reading = z.preprocess(
  (value) => (value === null || value === undefined ? Number.NaN : value),
  z.custom<number>((value) => typeof value === 'number'),
);

const text = z.string().max(4096);

/** Four powers of one module. `timestamp` is the server's monotonic clock (s), not Unix time. */
const snapshot = z.object({
  timestamp: z.number(),
  module: z.number().int(),
  wavelength_nm: reading,
  unit: z.string().max(16),
  ch1_power: reading,
  ch2_power: reading,
  ch3_power: reading,
  ch4_power: reading,
});

const data = snapshot.extend({ type: z.literal('data') });
/** `timestamp`: naive local ISO. */
const heartbeat = z.object({
  type: z.literal('heartbeat'),
  timestamp: text.default(''),
  active_streams: z.number().int().nonnegative().default(0),
});
const error = z.object({
  type: z.literal('error'),
  message: text.default('Hardware error'),
  timestamp: text.default(''),
  recoverable: z.boolean().default(true),
  error_count: z.number().int().nonnegative().default(0),
});
const reconnect = z.object({
  type: z.literal('reconnect'),
  reason: text.default(''),
  retry_after: z.number().nonnegative().max(86_400).default(5),
});
/** Answer of the health socket to the bare text `ping`. */
const pong = z.object({ type: z.literal('pong'), timestamp: text.default('') });

const message = z.discriminatedUnion('type', [data, heartbeat, error, reconnect, pong]);

export type PowerSnapshot = z.infer<typeof snapshot>;
export type PowerMeterMessage = z.infer<typeof message>;

/** One message of `/ws/power` or `/ws/health` from its JSON; undefined for what is none. Never throws. */
export function parsePowerMeterMessage(value: unknown): PowerMeterMessage | undefined {
  return message.safeParse(value).data;
}

/** Answer of `GET /detector/snapshot`: the body of `data` without its type. */
export function parsePowerSnapshot(value: unknown): PowerSnapshot | undefined {
  return snapshot.safeParse(value).data;
}

/** Answer of `GET /connection/status`. */
const status = z.object({
  connected: z.boolean(),
  instrument_id: text.nullish(),
  address: text.nullish(),
});

export type PowerMeterStatus = z.infer<typeof status>;

/** Answer of `GET /connection/status`; undefined when it is another server's. */
export function parsePowerMeterStatus(value: unknown): PowerMeterStatus | undefined {
  return status.safeParse(value).data;
}

/** Answer of `GET /measurement/sweep/status`. */
const sweep = z.object({
  is_sweeping: z.boolean(),
  is_complete: z.boolean().default(false),
  condition_register: z.number().default(0),
});

export type SweepStatus = z.infer<typeof sweep>;

/** Answer of `GET /measurement/sweep/status`; undefined for what is none. */
export function parseSweepStatus(value: unknown): SweepStatus | undefined {
  return sweep.safeParse(value).data;
}
