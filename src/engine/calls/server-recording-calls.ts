import type { Handlers } from '../../contract/serve.ts';
import { LabError } from '../../core/errors.ts';
import type { EngineParts } from '../engine-parts.ts';

type ServerRecordingCall = 'server.recordings' | 'server.startRecording' | 'server.stopRecording';

/** Recordings of messages that lab servers make at their own place. */
export function createServerRecordingCalls({ servers }: EngineParts): Pick<Handlers, ServerRecordingCall> {
  return {
    'server.recordings': async ({ server }, { signal }) => {
      const { open } = servers.find(server);
      if (!open.recordings) throw lacksRecordings();
      const running = await open.recordings(signal);
      return { recordings: running ? running.slice(0, 1000).map((one) => ({ ...one })) : null };
    },
    'server.startRecording': async ({ server, name, format }, { signal }) => {
      const { open } = servers.find(server);
      if (!open.startRecording || open.features.recording.length === 0) throw lacksRecordings();
      return { ...(await open.startRecording({ name, format }, signal)) };
    },
    'server.stopRecording': async ({ server, name }, { signal }) => {
      const { open } = servers.find(server);
      if (!open.stopRecording) throw lacksRecordings();
      return { ...(await open.stopRecording(name, signal)) };
    },
  };
}

function lacksRecordings(): LabError {
  return new LabError(
    'server.unsupported',
    'This lab server takes no recordings for others. Nothing was changed there.',
  );
}
