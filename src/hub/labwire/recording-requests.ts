import { randomUUID } from 'node:crypto';
import type { Principal } from '../access/principal.ts';
import { maySubscribe } from '../access/role.ts';
import type { HubParts } from '../hub-parts.ts';
import { recordingStats, startedAt } from '../recording/recording-desk.ts';
import type { ClientMessage } from './client-message.ts';
import type { LabwireSession } from './labwire-session.ts';
import type { Body } from './outgoing.ts';

export type RecordingRequest = Extract<ClientMessage, { type: 'start_recording' | 'stop_recording' }>;

/**
 * Starts or stops a recording of messages at the bench and gives the answer. A client that names none means its own, which it finds again after a resume. Files are
 * named by the bench alone. Throws hub.unsupported, recording.session-known, recording.session-unknown, call.denied.
 */
export async function answerRecording(
  { recordings }: Pick<HubParts, 'recordings'>,
  client: { principal: Principal; session: LabwireSession },
  message: RecordingRequest,
): Promise<Body> {
  const { principal, session } = client;
  session.recording ??= `recording_${randomUUID()}`;
  const session_id = message.session_id ?? session.recording;
  if (message.type === 'stop_recording') {
    const stopped = await recordings.stop(principal, session_id);
    return { type: 'recording_stopped', session_id, stats: recordingStats(stopped) };
  }
  const started = await recordings.start(principal, session_id, message.metadata, message.format);
  return {
    type: 'recording_started',
    session_id,
    format: started.format.replace('lablink-', ''),
    filepath: recordingStats(started).filepath,
    started_at: startedAt(started),
  };
}

/** `recording` of get_stats, for who may know: the recordings of messages that run, with their figures. */
export function recordingFigures(
  { bench, roles }: Pick<HubParts, 'bench' | 'roles'>,
  principal: Principal,
): Record<string, unknown> {
  if (!maySubscribe(principal.role, 'recordings', roles)) return {};
  const { sessions } = bench.state;
  return {
    recording: {
      active: sessions.map(({ session }) => session),
      sessions: Object.fromEntries(sessions.map((session) => [session.session, recordingStats(session)])),
    },
  };
}
