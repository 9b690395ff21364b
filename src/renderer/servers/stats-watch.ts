import { useEffect, useState } from 'react';
import type { ServerStats } from '../../contract/server-stats-schema.ts';
import { LabError } from '../../core/errors.ts';
import { call } from '../engine-link.ts';

const EVERY_MS = 1000;

export interface StatsWatch {
  stats: ServerStats | undefined;
  /** Why there are none now; the last ones stay. */
  problem: LabError | undefined;
}

/** What a server counts of its own sending, asked once a second while somebody looks; a server that has no such answer is asked once. */
export function useServerStats(server: string): StatsWatch {
  const [watch, setWatch] = useState<StatsWatch>({ stats: undefined, problem: undefined });
  useEffect(() => {
    const stop = new AbortController();
    let timer: number | undefined;
    const look = async (): Promise<void> => {
      try {
        const stats = await call('server.stats', { server }, { signal: stop.signal });
        if (!stop.signal.aborted) setWatch({ stats, problem: undefined });
      } catch (thrown) {
        const problem = LabError.from(thrown);
        if (stop.signal.aborted) return;
        setWatch(({ stats }) => ({ stats, problem }));
        if (problem.code === 'server.unsupported') return;
      }
      // One question at a time, however slow the answer.
      if (!stop.signal.aborted) timer = window.setTimeout(() => void look(), EVERY_MS);
    };
    void look();
    return () => {
      stop.abort();
      window.clearTimeout(timer);
      setWatch({ stats: undefined, problem: undefined });
    };
  }, [server]);
  return watch;
}
