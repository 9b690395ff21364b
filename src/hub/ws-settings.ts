import type { z } from 'zod';
import { LABLINK_SETTINGS, type LablinkSettings, lablinkSettings } from '../contract/lablink-settings.ts';
import { type DeliveryOptions, deliveryOptions, LABLINK_DELIVERY } from './delivery/delivery-options.ts';

/** Compression a LabLink client may choose. */
export const SOCKET_COMPRESSIONS = ['none', 'gzip', 'zlib'] as const;
export type SocketCompression = (typeof SOCKET_COMPRESSIONS)[number];

/** Names tried, in this order. */
const PREFIXES = ['LABWIRE_WS_', 'LABLINK_WS_'] as const;

const WORDS: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  1: true,
  false: false,
  no: false,
  off: false,
  0: false,
};

/** What came of reading the environment. */
export interface ReadSettings {
  settings: LablinkSettings;
  /** Names that hold no value they may hold; what was in force is. */
  problems: string[];
  /** Names that are understood and have no effect here, with the reason. */
  ignored: string[];
}

/** `base` with what the environment says: `LABWIRE_WS_…` goes before `LABLINK_WS_…`, which the documents of LabLink name. */
export function readWsSettings(
  env: Readonly<Record<string, string | undefined>>,
  base: Readonly<LablinkSettings> = LABLINK_SETTINGS,
): ReadSettings {
  const problems: string[] = [];
  const read = <T>(name: string, type: z.ZodType<T>, fallback: T): T => {
    for (const prefix of PREFIXES) {
      const text = env[`${prefix}${name}`];
      if (text === undefined || text === '') continue;
      const parsed = type.safeParse(textValue(text, fallback));
      if (parsed.success) return parsed.data;
      problems.push(`${prefix}${name}=${text.slice(0, 60)}: ${parsed.error.issues[0]?.message ?? 'does not fit'}`);
    }
    return fallback;
  };
  const { recording, compression, backpressure, rateLimit, maxConnections, greeting } = lablinkSettings.shape;
  const settings: LablinkSettings = {
    greeting: read('GREETING', greeting, base.greeting),
    recording: {
      isEnabled: read('RECORDING_ENABLED', recording.shape.isEnabled, base.recording.isEnabled),
      format: read('RECORDING_FORMAT', recording.shape.format, base.recording.format),
      maxSizeMb: read('RECORDING_MAX_SIZE_MB', recording.shape.maxSizeMb, base.recording.maxSizeMb),
      timestamps: read('RECORDING_TIMESTAMPS', recording.shape.timestamps, base.recording.timestamps),
      metadata: read('RECORDING_METADATA', recording.shape.metadata, base.recording.metadata),
      gzip: read('RECORDING_COMPRESS', recording.shape.gzip, base.recording.gzip),
    },
    compression: {
      isEnabled: read('COMPRESSION_ENABLED', compression.shape.isEnabled, base.compression.isEnabled),
      level: read('COMPRESSION_LEVEL', compression.shape.level, base.compression.level),
      thresholdBytes: read('COMPRESSION_THRESHOLD', compression.shape.thresholdBytes, base.compression.thresholdBytes),
    },
    backpressure: {
      isEnabled: read('BACKPRESSURE_ENABLED', backpressure.shape.isEnabled, base.backpressure.isEnabled),
      queueSize: read('MESSAGE_QUEUE_SIZE', backpressure.shape.queueSize, base.backpressure.queueSize),
      warningThreshold: read(
        'QUEUE_WARNING_THRESHOLD',
        backpressure.shape.warningThreshold,
        base.backpressure.warningThreshold,
      ),
      dropLowPriority: read('DROP_LOW_PRIORITY', backpressure.shape.dropLowPriority, base.backpressure.dropLowPriority),
    },
    rateLimit: {
      isEnabled: read('RATE_LIMIT_ENABLED', rateLimit.shape.isEnabled, base.rateLimit.isEnabled),
      perSecond: read('MAX_MESSAGES_PER_SECOND', rateLimit.shape.perSecond, base.rateLimit.perSecond),
      burst: read('BURST_SIZE', rateLimit.shape.burst, base.rateLimit.burst),
    },
    maxConnections: read('MAX_CONNECTIONS', maxConnections, base.maxConnections),
  };
  return { settings, problems, ignored: ignoredNames(env) };
}

/** What a text says where a value like `like` is meant; the text itself where it says none, which no schema of those takes. */
function textValue(text: string, like: unknown): unknown {
  const word = text.trim().toLowerCase();
  if (typeof like === 'boolean') return WORDS[word] ?? text;
  return typeof like === 'number' && word !== '' ? Number(word) : text;
}

/** What an outbox makes of them. */
export function deliveryOf({ backpressure, rateLimit }: LablinkSettings): DeliveryOptions {
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
