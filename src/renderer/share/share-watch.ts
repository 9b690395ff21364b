import { useEffect } from 'react';
import type { ShareStats } from '../../contract/share-schema.ts';
import { LabError } from '../../core/errors.ts';
import { call } from '../engine-link.ts';
import { createStore, useStore } from '../store.ts';
import { addStats, NO_TREND, type ShareTrend } from './share-log.ts';

const EVERY_MS = 1000;
/** What is kept for the charts, also while the dialog is closed. */
export const TREND_MS = 600_000;

interface ShareFigures {
  stats: ShareStats | undefined;
  trend: ShareTrend;
  /** Why there are none now; the last ones stay. */
  problem: LabError | undefined;
}

const figuresStore = createStore<ShareFigures>({ stats: undefined, trend: NO_TREND, problem: undefined });

/** What the hub counts, asked once a second while somebody looks and the bench is shared. */
export function useShareFigures(isShared: boolean): ShareFigures {
  useEffect(() => {
    if (!isShared) return;
    const stop = new AbortController();
    let timer: number | undefined;
    const look = async (): Promise<void> => {
      try {
        const stats = await call('share.stats', {}, { signal: stop.signal });
        if (stop.signal.aborted) return;
        figuresStore.update((known) => ({
          stats,
          trend: addStats(known.trend, known.stats, stats, TREND_MS),
          problem: undefined,
        }));
      } catch (thrown) {
        if (stop.signal.aborted) return;
        figuresStore.update((known) => ({ ...known, problem: LabError.from(thrown) }));
      }
      // One question at a time, however slow the answer.
      timer = window.setTimeout(() => void look(), EVERY_MS);
    };
    void look();
    return () => {
      stop.abort();
      window.clearTimeout(timer);
    };
  }, [isShared]);
  return useStore(figuresStore, (figures) => figures);
}
