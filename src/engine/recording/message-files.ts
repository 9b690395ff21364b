import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import type { RecordingRow } from '../../contract/recording-schema.ts';
import type { Disk } from './disk.ts';
import { MESSAGE_EXTENSIONS } from './message-log/message-format.ts';

const NAME = /^stream_(.+)_(\d{8})_(\d{6})(?:_(\d{4}))?(?: \d+)?(\.[a-z]+)(\.gz)?$/;

interface SessionFiles {
  session: string;
  startedMs: number;
  format: RecordingRow['format'];
  paths: string[];
}

/** Sessions of messages in a folder, by the names of their files alone: what is in them is no business of the library. `beingWritten`: paths of those that run. */
export async function messageRows(
  folder: string,
  names: readonly string[],
  disk: Disk,
  beingWritten: ReadonlySet<string> = new Set(),
): Promise<RecordingRow[]> {
  const sessions = new Map<string, SessionFiles>();
  for (const name of [...names].sort()) {
    const [, session = '', day = '', time = '', , extension = ''] = NAME.exec(name) ?? [];
    const format = (Object.keys(MESSAGE_EXTENSIONS) as (keyof typeof MESSAGE_EXTENSIONS)[]).find(
      (known) => MESSAGE_EXTENSIONS[known] === extension,
    );
    if (!format) continue;
    const iso = `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}T${time.slice(0, 2)}:${time.slice(2, 4)}:${time.slice(4)}Z`;
    const startedMs = Date.parse(iso);
    if (Number.isNaN(startedMs)) continue;
    const key = `${session} ${day} ${time} ${extension}`;
    const known = sessions.get(key) ?? { session, startedMs, format, paths: [] };
    sessions.set(key, known);
    known.paths.push(join(folder, name));
  }
  return await Promise.all([...sessions.values()].map((session) => rowOf(session, disk, beingWritten)));
}

async function rowOf(
  { session, startedMs, format, paths }: SessionFiles,
  disk: Disk,
  beingWritten: ReadonlySet<string>,
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
    state: paths.some((path) => beingWritten.has(path)) ? 'recording' : 'complete',
    format,
    operator: '',
    notes: '',
    tags: [],
    verified: null,
    uploaded: null,
    preview: [],
  };
}
