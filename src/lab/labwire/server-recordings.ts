import {
  type LabwireMessage,
  type LabwireRecordingStats,
  parseRunningRecordings,
} from '../../protocol/lab/labwire-messages.ts';
import type { ServerRecording, ServerRecordingEnd, ServerRecordingOptions } from '../lab-server.ts';
import { type Ask, refused } from './equipment-control.ts';

const TIMEOUT_MS = 10_000;

/** Recordings of messages a server makes at its own place. */
export class ServerRecordings {
  readonly #ask: Ask;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** Throws server.denied, server.unsupported, server.rejected, server.closed, server.timeout. */
  async start({ name, format, about }: ServerRecordingOptions, signal: AbortSignal): Promise<ServerRecording> {
    const answer = await this.#send(
      {
        type: 'start_recording',
        ...(name === undefined ? {} : { session_id: name }),
        ...(format === undefined ? {} : { format }),
        metadata: about ?? {},
      },
      signal,
    );
    if (answer.type === 'recording_started') return { name: answer.session_id, file: answer.filepath };
    throw refused(answer, '', 'start_recording');
  }

  /** Throws as `start`. */
  async stop(name: string, signal: AbortSignal): Promise<ServerRecordingEnd> {
    const answer = await this.#send({ type: 'stop_recording', session_id: name }, signal);
    if (answer.type !== 'recording_stopped') throw refused(answer, '', 'stop_recording');
    return endOf(answer.session_id, answer.stats);
  }

  /** Those that run, as the statistics name them; undefined: this login is not told. Throws as `start`. */
  async list(signal: AbortSignal): Promise<readonly ServerRecordingEnd[] | undefined> {
    const answer = await this.#send({ type: 'get_stats' }, signal);
    if (answer.type !== 'stats') throw refused(answer, '', 'get_stats');
    return parseRunningRecordings(answer)?.map(({ name, stats }) => endOf(name, stats));
  }

  #send(message: Record<string, unknown>, signal: AbortSignal): Promise<LabwireMessage> {
    return this.#ask(message, { timeoutMs: TIMEOUT_MS, signal });
  }
}

function endOf(name: string, stats: LabwireRecordingStats): ServerRecordingEnd {
  const { filepath, duration_seconds, message_count, bytes_written } = stats;
  return { name, file: filepath, durationS: duration_seconds, messages: message_count, bytes: bytes_written };
}
