import { basename } from 'node:path';
import type { LablinkSettings, MessageFormat } from '../../contract/lablink-settings.ts';
import { findRecordingRow } from '../../contract/recording-pages.ts';
import type { MessageSession } from '../../contract/recording-schema.ts';
import { LabError } from '../../core/errors.ts';
import { askerOf } from '../access/asker.ts';
import type { Principal } from '../access/principal.ts';
import type { HubBench } from '../bench/hub-bench.ts';
import { isoTime } from '../server-time.ts';

/** Figures of a session, in the words of LabLink. `filepath` is the name of its newest file: where the bench keeps them is no client's business. */
export interface RecordingStats {
  filepath: string;
  duration_seconds: number;
  message_count: number;
  bytes_written: number;
  messages_per_second: number;
}

/** Bytes of one piece of a download. */
const PIECE_BYTES = 1_048_576;
/** Stopped sessions whose files can be had by their name. */
const MAX_STOPPED = 200;

/** Recordings of messages that clients start, whatever they speak: sessions of the engine, in the recordings folder of the bench, which gives the files their names. */
export class RecordingDesk {
  readonly #bench: HubBench;
  readonly #settings: LablinkSettings['recording'];
  readonly #stopped = new Map<string, readonly string[]>();

  constructor(bench: HubBench, settings: LablinkSettings['recording']) {
    this.#bench = bench;
    this.#settings = settings;
  }

  /** `format`: default that of the settings. Throws hub.unsupported where recording is switched off, recording.session-known, call.denied, call.limit, recording.*. */
  async start(
    principal: Principal,
    session: string,
    about: Record<string, unknown>,
    format: MessageFormat = this.#settings.format,
  ): Promise<MessageSession> {
    const { isEnabled, gzip, timestamps, metadata, maxSizeMb } = this.#settings;
    if (!isEnabled)
      throw new LabError(
        'hub.unsupported',
        'Recording is switched off on this hub (LABWIRE_WS_RECORDING_ENABLED). Nothing is recorded.',
      );
    const rotateBytes = Math.max(10_000, Math.round(maxSizeMb * 1_000_000));
    const options = { format: `lablink-${format}` as const, gzip, timestamps, metadata, rotateBytes };
    return this.#bench.client.call(
      'session.start',
      { session, options, about },
      { as: askerOf(principal, 'hub', 'recording') },
    );
  }

  /** Throws recording.session-unknown, call.denied. */
  async stop(principal: Principal, session: string): Promise<MessageSession> {
    const as = askerOf(principal, 'hub', 'recording');
    const stopped = await this.#bench.client.call('session.stop', { session }, { as });
    this.#stopped.delete(session);
    this.#stopped.set(session, stopped.paths);
    if (this.#stopped.size > MAX_STOPPED) {
      const [oldest] = this.#stopped.keys();
      if (oldest !== undefined) this.#stopped.delete(oldest);
    }
    return stopped;
  }

  /** Of one that runs. Throws recording.session-unknown. */
  stats(session: string): Promise<MessageSession> {
    return this.#bench.client.call('session.stats', { session });
  }

  /** What a client may be told of recording. */
  get isEnabled(): boolean {
    return this.#settings.isEnabled;
  }

  /** Names of those that run, whoever started them. */
  get active(): string[] {
    return this.#bench.state.sessions.map(({ session }) => session);
  }

  /** Bytes of a file of a stopped session, piece by piece; `part` from 1. Throws recording.unknown. */
  async file(
    session: string,
    part: number,
  ): Promise<{ name: string; sizeBytes: number; pieces: AsyncIterable<Buffer> }> {
    const { name, sizeBytes, read } = await this.open(session, part);
    async function* pieces(): AsyncIterable<Buffer> {
      for (let offset = 0; offset < sizeBytes; ) {
        const bytes = await read(offset, PIECE_BYTES);
        if (bytes.length === 0) return;
        offset += bytes.length;
        yield bytes;
      }
    }
    return { name, sizeBytes, pieces: pieces() };
  }

  /** A file of a stopped session, to be read anywhere, at most 1 MiB at once; `part` from 1. Throws recording.unknown. */
  async open(
    session: string,
    part: number,
  ): Promise<{ name: string; sizeBytes: number; read(offset: number, bytes: number): Promise<Buffer> }> {
    const recording = await this.#recordingOf(session);
    const { name, sizeBytes } = await this.#read(recording, part, 0, 1);
    const read = async (offset: number, most: number): Promise<Buffer> =>
      (await this.#read(recording, part, offset, Math.min(most, PIECE_BYTES))).bytes;
    return { name, sizeBytes, read };
  }

  async #read(recording: string, part: number, offset: number, most: number) {
    const input = { recording, part, offset, bytes: most };
    const { base64, sizeBytes, name } = await this.#bench.client.call('recording.read', input);
    return { bytes: Buffer.from(base64, 'base64'), sizeBytes, name: basename(name) };
  }

  async #recordingOf(session: string): Promise<string> {
    const paths = this.#stopped.get(session);
    if (paths) {
      const { row } = await findRecordingRow(this.#bench.client, (one) =>
        one.paths.some((path) => paths.includes(path)),
      );
      if (row) return row.id;
    }
    const isRunning = this.active.includes(session);
    throw new LabError(
      'recording.unknown',
      isRunning
        ? `The session ${session.slice(0, 100)} is still being recorded. Stop it, then its files can be had.`
        : `Recording session ${session.slice(0, 100)} not found among those stopped since the hub began.`,
    );
  }
}

export function recordingStats(session: MessageSession): RecordingStats {
  return {
    filepath: basename(session.path),
    duration_seconds: session.duration_seconds,
    message_count: session.message_count,
    bytes_written: session.bytes_written,
    messages_per_second: session.messages_per_second,
  };
}

export function startedAt({ startedNs }: MessageSession): string {
  return isoTime(BigInt(startedNs));
}
