import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type Settings, settings as settingsSchema } from '../../contract/bench-schema.ts';
import { LABLINK_SETTINGS } from '../../contract/lablink-settings.ts';
import { LabError } from '../../core/errors.ts';
import { systemCode } from '../recording/disk.ts';
import { atomicWrite } from './atomic-write.ts';
import { readKeptText } from './kept-text.ts';

export function defaultSettings(dataFolder: string): Settings {
  return {
    theme: 'system',
    motion: 'system',
    recordingsFolder: join(dataFolder, 'recordings'),
    partBytes: 2 * 1024 ** 3,
    historyBytes: 256 * 1024 ** 2,
    diskReserveBytes: 256 * 1024 ** 2,
    startSimulator: true,
    localOnDetach: false,
    timeoutMs: 2000,
    fallbackFolder: '',
    recordingCompression: 'none',
    plainMessages: false,
    operator: '',
    flight: true,
    flightBytes: 2 * 1024 ** 3,
    flightHours: 0,
    thinAfterDays: 0,
    thinIntervalS: 1,
    share: {
      on: false,
      name: '',
      host: '127.0.0.1',
      port: 8000,
      listeners: [],
      tls: null,
      anonymous: false,
      anonymousReadings: false,
      origins: [],
      limits: { connections: 64, queueItems: 10_000, messageBytes: 1_048_576, replayS: 300 },
      lablink: LABLINK_SETTINGS,
    },
  };
}

/**
 * Settings of this data folder. Fields that do not fit fall back to their default one by one; a file that is no JSON is kept
 * beside as `settings.json.bad`; one that cannot be read is left alone, and may not be written (`isUnread`). `problem` says so for the person.
 */
export async function readSettings(
  dataFolder: string,
): Promise<{ settings: Settings; problem?: string; isUnread?: boolean }> {
  const path = join(dataFolder, 'settings.json');
  const defaults = defaultSettings(dataFolder);
  let text: string | undefined;
  try {
    text = await readKeptText(path);
  } catch (error) {
    const code = systemCode(error) || String(error);
    return {
      settings: defaults,
      isUnread: true,
      problem: `The settings cannot be read from ${path} (${code}): they are the defaults now. The file is left as it is. Allow reading it, then start Labwire again.`,
    };
  }
  if (text === undefined) return { settings: defaults };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    await rename(path, `${path}.bad`).catch(() => undefined);
    return {
      settings: defaults,
      problem: `The settings could not be read and are the defaults again; the old file is ${path}.bad.`,
    };
  }
  const whole = settingsSchema.partial().safeParse(value);
  if (whole.success) return { settings: withDefaults(defaults, whole.data) };
  const kept: Record<string, unknown> = {};
  const record = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  for (const [key, field] of Object.entries(settingsSchema.shape)) {
    const parsed = field.safeParse(record[key]);
    if (parsed.success) kept[key] = parsed.data;
  }
  return {
    settings: withDefaults(defaults, settingsSchema.partial().parse(kept)),
    problem: 'Some settings did not fit and are the defaults again. Look through Settings.',
  };
}

/** What changing the settings of a file that was not read is refused with. */
export function unreadSettings(dataFolder: string): LabError {
  const path = join(dataFolder, 'settings.json');
  return new LabError(
    'settings.unwritable',
    `The settings in ${path} could not be read when Labwire started, and are not overwritten. Nothing was changed. Allow reading the file, then start Labwire again.`,
    { path },
  );
}

/** Throws settings.unwritable. */
export async function writeSettings(dataFolder: string, settings: Settings): Promise<void> {
  const path = join(dataFolder, 'settings.json');
  try {
    await atomicWrite(path, `${JSON.stringify(settings, null, 2)}\n`);
  } catch (error) {
    const code = systemCode(error) || String(error);
    throw new LabError(
      'settings.unwritable',
      `The settings cannot be written to ${path} (${code}). They are as they were. Free space on that disk or allow writing, then change them again.`,
      { path, code },
      { cause: error },
    );
  }
}

/** Changes over settings; fields that are undefined change nothing. */
export function withDefaults(base: Settings, changes: Partial<Settings>): Settings {
  const present = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  return { ...base, ...present };
}
