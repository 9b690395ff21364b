import { z } from 'zod';
import { type DeliveryOptions, deliveryOptions, LABLINK_DELIVERY } from './delivery/delivery-options.ts';

/** Formats a session of messages may have, in LabLink's words. */
export const MESSAGE_FORMATS = ['json', 'jsonl', 'csv', 'binary'] as const;
export type MessageFormat = (typeof MESSAGE_FORMATS)[number];

/** Compression a LabLink client may choose. */
export const SOCKET_COMPRESSIONS = ['none', 'gzip', 'zlib'] as const;
export type SocketCompression = (typeof SOCKET_COMPRESSIONS)[number];

/** The options of LabLink's sockets, by their names there (docs/hub-lablink.md says what each does). */
export interface WsSettings {
  /** Whether a new connection is greeted with what it may choose; without it the client takes the socket for the basic one. */
  greeting: boolean;
  recording: {
    isEnabled: boolean;
    format: MessageFormat;
    /** A file ends here and the next begins. */
    maxSizeMb: number;
    timestamps: boolean;
    metadata: boolean;
    gzip: boolean;
  };
  compression: {
    isEnabled: boolean;
    /** 1–9. */
    level: number;
    /** Shorter messages are sent as they are; bytes. */
    thresholdBytes: number;
  };
  backpressure: {
    isEnabled: boolean;
    /** Messages that may wait for one client; 100–100,000. */
    queueSize: number;
    /** More waiting than this is logged. */
    warningThreshold: number;
    dropLowPriority: boolean;
  };
  rateLimit: { isEnabled: boolean; perSecond: number; burst: number };
  /** LabLink sockets at once. */
  maxConnections: number;
}

export const WS_SETTINGS: Readonly<WsSettings> = {
  greeting: true,
  recording: { isEnabled: true, format: 'jsonl', maxSizeMb: 100, timestamps: true, metadata: true, gzip: true },
  compression: { isEnabled: true, level: 6, thresholdBytes: 1024 },
  backpressure: { isEnabled: true, queueSize: 1000, warningThreshold: 750, dropLowPriority: true },
  rateLimit: { isEnabled: true, perSecond: 100, burst: 50 },
  maxConnections: 100,
};

/** Names tried, in this order. */
const PREFIXES = ['LABWIRE_WS_', 'LABLINK_WS_'] as const;

const switched = z
  .string()
  .toLowerCase()
  .pipe(z.enum(['true', 'false', '1', '0', 'yes', 'no', 'on', 'off']))
  .transform((word) => ['true', '1', 'yes', 'on'].includes(word));
const between = (low: number, high: number) => z.coerce.number().min(low).max(high);
const whole = (low: number, high: number) => z.coerce.number().int().min(low).max(high);

/** What came of reading the environment. */
export interface ReadSettings {
  settings: WsSettings;
  /** Names that hold no value they may hold; their defaults are in force. */
  problems: string[];
  /** Names that are understood and have no effect here, with the reason. */
  ignored: string[];
}

/** Settings from the environment: `LABWIRE_WS_…` goes before `LABLINK_WS_…`, which the documents of LabLink name. */
export function readWsSettings(env: Readonly<Record<string, string | undefined>>): ReadSettings {
  const problems: string[] = [];
  const read = <T>(name: string, type: z.ZodType<T, unknown>, fallback: T): T => {
    for (const prefix of PREFIXES) {
      const text = env[`${prefix}${name}`];
      if (text === undefined || text === '') continue;
      const parsed = type.safeParse(text);
      if (parsed.success) return parsed.data;
      problems.push(`${prefix}${name}=${text.slice(0, 60)}: ${parsed.error.issues[0]?.message ?? 'does not fit'}`);
    }
    return fallback;
  };
  const { recording, compression, backpressure, rateLimit, maxConnections, greeting } = WS_SETTINGS;
  const settings: WsSettings = {
    greeting: read('GREETING', switched, greeting),
    recording: {
      isEnabled: read('RECORDING_ENABLED', switched, recording.isEnabled),
      format: read('RECORDING_FORMAT', z.enum(MESSAGE_FORMATS), recording.format),
      maxSizeMb: read('RECORDING_MAX_SIZE_MB', between(0.01, 10_000), recording.maxSizeMb),
      timestamps: read('RECORDING_TIMESTAMPS', switched, recording.timestamps),
      metadata: read('RECORDING_METADATA', switched, recording.metadata),
      gzip: read('RECORDING_COMPRESS', switched, recording.gzip),
    },
    compression: {
      isEnabled: read('COMPRESSION_ENABLED', switched, compression.isEnabled),
      level: read('COMPRESSION_LEVEL', whole(1, 9), compression.level),
      thresholdBytes: read('COMPRESSION_THRESHOLD', whole(0, 1_048_576), compression.thresholdBytes),
    },
    backpressure: {
      isEnabled: read('BACKPRESSURE_ENABLED', switched, backpressure.isEnabled),
      queueSize: read('MESSAGE_QUEUE_SIZE', whole(100, 100_000), backpressure.queueSize),
      warningThreshold: read('QUEUE_WARNING_THRESHOLD', whole(1, 100_000), backpressure.warningThreshold),
      dropLowPriority: read('DROP_LOW_PRIORITY', switched, backpressure.dropLowPriority),
    },
    rateLimit: {
      isEnabled: read('RATE_LIMIT_ENABLED', switched, rateLimit.isEnabled),
      perSecond: read('MAX_MESSAGES_PER_SECOND', between(1, 100_000), rateLimit.perSecond),
      burst: read('BURST_SIZE', whole(1, 100_000), rateLimit.burst),
    },
    maxConnections: read('MAX_CONNECTIONS', whole(1, 10_000), maxConnections),
  };
  return { settings, problems, ignored: ignoredNames(env) };
}

/** What an outbox makes of them. */
export function deliveryOf({ backpressure, rateLimit }: WsSettings): DeliveryOptions {
  return deliveryOptions(LABLINK_DELIVERY, {
    isEnabled: backpressure.isEnabled,
    maxMessages: backpressure.queueSize,
    warningMessages: backpressure.warningThreshold,
    dropLowPriority: backpressure.dropLowPriority,
    rate: rateLimit.isEnabled ? { perS: rateLimit.perSecond, burst: rateLimit.burst } : undefined,
  });
}

function ignoredNames(env: Readonly<Record<string, string | undefined>>): string[] {
  return PREFIXES.filter((prefix) => (env[`${prefix}RECORDING_DIR`] ?? '') !== '').map(
    (prefix) =>
      `${prefix}RECORDING_DIR: sessions are kept in the recordings folder of the bench, which its settings say`,
  );
}
