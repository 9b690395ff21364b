import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import type { RecordingRow } from '../../contract/recording-schema.ts';
import { LabError } from '../../core/errors.ts';
import type { Disk } from './disk.ts';
import { LOCK_SUFFIX } from './file-layout.ts';
import { mendMessages } from './message-log/mend-messages.ts';
import { MESSAGE_EXTENSIONS, type MessageFormat } from './message-log/message-format.ts';
import { type KnownStates, messageState } from './message-log/message-state.ts';

const NAME = /^stream_(.+)_(\d{8})_(\d{6})(?:_(\d{4}))?(?: \d+)?(\.[a-z]+)(\.gz)?$/;

interface SessionFiles {
  session: string;
  startedMs: number;
  format: RecordingRow['format'];
  paths: string[];
}

export interface MendedFile {
  path: string;
  /** finished: it has an end now; running: its writer lives; unreadable: left as it is, with the reason. */
  state: 'finished' | 'running' | 'unreadable';
  finalPath?: string;
  error?: LabError;
}

/** Worst first: a session is what the worst of its files is. */
const STATES = ['recording', 'interrupted', 'recovered', 'complete'] as const;

/**
 * Sessions of messages in a folder, by the names of their files: what is in them is no business of the library, but for their end, which says whether they were cut off.
 * `beingWritten`: paths of those that run; `known`: what was found of files before.
 */
export async function messageRows(
  folder: string,
  names: readonly string[],
  disk: Disk,
  beingWritten: ReadonlySet<string> = new Set(),
  known: KnownStates = new Map(),
): Promise<RecordingRow[]> {
  const locks = new Set(names.filter((name) => name.endsWith(LOCK_SUFFIX)));
  const sessions = new Map<string, SessionFiles>();
  for (const name of [...names].sort()) {
    const [, session = '', day = '', time = '', , extension = ''] = NAME.exec(name) ?? [];
    const format = formatOf(extension);
    if (!format) continue;
    const iso = `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}T${time.slice(0, 2)}:${time.slice(2, 4)}:${time.slice(4)}Z`;
    const startedMs = Date.parse(iso);
    if (Number.isNaN(startedMs)) continue;
    const key = `${session} ${day} ${time} ${extension}`;
    const files = sessions.get(key) ?? { session, startedMs, format, paths: [] };
    sessions.set(key, files);
    files.paths.push(join(folder, name));
  }
  return await Promise.all(
    [...sessions.values()].map(async (session) => {
      const states = await Promise.all(
        session.paths.map((path) =>
          beingWritten.has(path)
            ? 'recording'
            : messageState(disk, path, locks.has(basename(path) + LOCK_SUFFIX), known),
        ),
      );
      return await rowOf(session, disk, STATES.find((state) => states.includes(state)) ?? 'complete');
    }),
  );
}

/** Gives files of sessions whose writer died their end, see `mendMessages`; those whose writer lives, and those that cannot be mended, are left alone. */
export async function recoverMessages(folder: string, names: readonly string[], disk: Disk): Promise<MendedFile[]> {
  const results: MendedFile[] = [];
  const locked = new Set(names);
  for (const name of [...names].sort()) {
    const format = formatOf(NAME.exec(name)?.[5] ?? '');
    if (!format || !locked.has(name + LOCK_SUFFIX)) continue;
    const path = join(folder, name);
    if ((await messageState(disk, path, true, new Map())) === 'recording') {
      results.push({ path, state: 'running' });
      continue;
    }
    try {
      await mendMessages(disk, path, format);
      await disk.remove(path + LOCK_SUFFIX);
      results.push({ path, state: 'finished', finalPath: path });
    } catch (error) {
      results.push({ path, state: 'unreadable', error: LabError.from(error) });
    }
  }
  return results;
}

function formatOf(extension: string): MessageFormat | undefined {
  return (Object.keys(MESSAGE_EXTENSIONS) as MessageFormat[]).find((known) => MESSAGE_EXTENSIONS[known] === extension);
}

async function rowOf(
  { session, startedMs, format, paths }: SessionFiles,
  disk: Disk,
  state: RecordingRow['state'],
): Promise<RecordingRow> {
  const entries = await Promise.all(paths.map((path) => disk.stat(path).catch(() => undefined)));
  const lastMs = Math.max(startedMs, ...entries.map((entry) => entry?.modifiedMs ?? 0));
  return {
    id: `session-${createHash('sha256')
      .update(basename(paths[0] ?? session))
      .digest('hex')
      .slice(0, 16)}`,
    name: session,
    paths,
    startedNs: String(BigInt(startedMs) * 1_000_000n),
    durationS: (lastMs - startedMs) / 1000,
    bytes: entries.reduce((sum, entry) => sum + (entry?.bytes ?? 0), 0),
    instruments: [],
    channels: 0,
    state,
    format,
    operator: '',
    notes: '',
    tags: [],
    verified: null,
    uploaded: null,
    preview: [],
  };
}
