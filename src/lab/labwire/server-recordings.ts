import type { LabwireMessage } from '../../protocol/lab/labwire-messages.ts';
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
    const { filepath, duration_seconds, message_count, bytes_written } = answer.stats;
    return {
      name: answer.session_id,
      file: filepath,
      durationS: duration_seconds,
      messages: message_count,
      bytes: bytes_written,
    };
  }

  #send(message: Record<string, unknown>, signal: AbortSignal): Promise<LabwireMessage> {
    return this.#ask(message, { timeoutMs: TIMEOUT_MS, signal });
  }
}
