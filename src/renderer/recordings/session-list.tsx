import type { ReactElement } from 'react';
import { act, toast } from '../actions.ts';
import { benchStore } from '../engine-link.ts';
import { useStore } from '../store.ts';
import { fileName, formatBytes, formatCount, formatDuration } from '../text-format.ts';
import { FORMAT_WORDS } from './recording-words.ts';

/** Sessions of messages that are being recorded beside everything else. */
export function SessionList(): ReactElement | null {
  const sessions = useStore(benchStore, (bench) => bench?.sessions) ?? [];
  if (sessions.length === 0) return null;
  const stop = async (session: string): Promise<void> => {
    const ended = await act('session.stop', { session });
    if (ended)
      toast({
        severity: 'done',
        text: `Session “${session}”: ${formatCount(ended.message_count)} messages in ${fileName(ended.path)}.`,
      });
  };
  return (
    <ul className="jobs" aria-label="Sessions">
      {sessions.map(({ session, format, duration_seconds, message_count, bytes_written, error }) => (
        <li key={session} data-testid="session-row">
          <span className="cut">
            <b>{session}</b> <span className="quiet">{FORMAT_WORDS[format]}</span>
          </span>
          <span className="grow" />
          {error ? (
            <span className="tone-bad">{error.message}</span>
          ) : (
            <span className="num quiet">
              {formatDuration(duration_seconds)} · {formatCount(message_count)} messages · {formatBytes(bytes_written)}
            </span>
          )}
          <button type="button" className="btn small" onClick={() => void stop(session)}>
            {error ? 'Close' : 'Stop'}
          </button>
        </li>
      ))}
    </ul>
  );
}
