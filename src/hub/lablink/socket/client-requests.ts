import type { Principal } from '../../access/principal.ts';
import { recordingStats } from '../../recording/recording-desk.ts';
import { isoTime } from '../../server-time.ts';
import type { LabLinkPlace } from '../place.ts';
import type { ClientMessage } from './client-message.ts';
import type { StreamDesk } from './stream-desk.ts';

/** Who asks. */
export interface RequestClient {
  readonly id: string;
  readonly principal: Principal;
  readonly streams: StreamDesk;
  say(message: Record<string, unknown>): void;
  stats(): Record<string, unknown>;
}

/** Carries out one request and answers it. Throws what the person is to be told. */
export async function answerClient(
  place: LabLinkPlace,
  connection: RequestClient,
  message: ClientMessage,
): Promise<void> {
  const { streams } = connection;
  switch (message.type) {
    case 'ping':
      connection.say({ type: 'pong', timestamp: isoTime(place.parts.clock.nowNs()) });
      return;
    case 'start_stream': {
      const { equipment_id, stream_type } = message;
      streams.start(message);
      connection.say({ type: 'stream_started', equipment_id, stream_type });
      return;
    }
    case 'stop_stream': {
      const { equipment_id, stream_type } = message;
      streams.stop(message);
      connection.say({ type: 'stream_stopped', equipment_id, stream_type });
      return;
    }
    case 'start_acquisition_stream': {
      const { acquisition_id } = message;
      streams.startAcquisition(message);
      connection.say({ type: 'acquisition_stream_started', acquisition_id });
      return;
    }
    case 'stop_acquisition_stream': {
      const { acquisition_id } = message;
      streams.stopAcquisition(acquisition_id);
      connection.say({ type: 'acquisition_stream_stopped', acquisition_id });
      return;
    }
    case 'set_compression':
      streams.prefer({ compression: message.compression });
      connection.say({ type: 'compression_set', compression: message.compression });
      return;
    case 'set_priority':
      streams.prefer({ priority: message.priority });
      connection.say({ type: 'priority_set', priority: message.priority.toLowerCase() });
      return;
    case 'get_stats':
      connection.say({ type: 'stats', ...connection.stats() });
      return;
    case 'start_recording': {
      const session_id = message.session_id ?? `recording_${connection.id}`;
      const started = await place.recordings.start(connection.principal, session_id, message.metadata);
      const { filepath } = recordingStats(started);
      connection.say({ type: 'recording_started', session_id, filepath });
      return;
    }
    case 'stop_recording': {
      const session_id = message.session_id ?? `recording_${connection.id}`;
      const stopped = await place.recordings.stop(connection.principal, session_id);
      connection.say({ type: 'recording_stopped', session_id, stats: recordingStats(stopped) });
      return;
    }
  }
}
