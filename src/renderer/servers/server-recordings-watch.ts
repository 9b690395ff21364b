import { useEffect, useState } from 'react';
import type { ServerRecordingRow } from '../../contract/server-schema.ts';
import { LabError } from '../../core/errors.ts';
import { call } from '../engine-link.ts';

const EVERY_MS = 2000;

export interface RecordingsWatch {
  /** Null: the server tells this login of none; undefined: not known yet. */
  recordings: readonly ServerRecordingRow[] | null | undefined;
  problem: LabError | undefined;
  /** Asks now. */
  look(): void;
}

/** Recordings that run at a server, asked each 2 s while somebody looks. */
export function useServerRecordings(server: string): RecordingsWatch {
  const [watch, setWatch] = useState<Omit<RecordingsWatch, 'look'>>({ recordings: undefined, problem: undefined });
  const [asked, setAsked] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked begins another round.
  useEffect(() => {
    const stop = new AbortController();
    let timer: number | undefined;
    const look = async (): Promise<void> => {
      try {
        const { recordings } = await call('server.recordings', { server }, { signal: stop.signal });
        if (!stop.signal.aborted) setWatch({ recordings, problem: undefined });
      } catch (thrown) {
        if (!stop.signal.aborted) setWatch({ recordings: undefined, problem: LabError.from(thrown) });
      }
      if (!stop.signal.aborted) timer = window.setTimeout(() => void look(), EVERY_MS);
    };
    void look();
    return () => {
      stop.abort();
      window.clearTimeout(timer);
    };
  }, [server, asked]);
  return { ...watch, look: () => setAsked((count) => count + 1) };
}
