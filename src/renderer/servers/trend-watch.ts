import { useEffect, useState } from 'react';
import type { ServerTrend, TrendSpan } from '../../contract/server-stats-schema.ts';
import { call } from '../engine-link.ts';

const EVERY_MS = 1000;
/** What a span may hold here; the engine keeps as much. */
const SPAN_MS: Record<TrendSpan, number> = { minutes: 600_000, day: 86_400_000 };

/** How a server did, kept up to date while somebody looks; undefined until the first answer. */
export function useServerTrend(server: string, span: TrendSpan): ServerTrend | undefined {
  const [trend, setTrend] = useState<ServerTrend>();
  useEffect(() => {
    let known: ServerTrend | undefined;
    const stop = new AbortController();
    const look = async (): Promise<void> => {
      const last = known?.t.at(-1);
      const after = last === undefined ? {} : { after: last };
      const more = await call('server.trend', { server, span, ...after }, { signal: stop.signal });
      if (stop.signal.aborted || (known && more.t.length === 0)) return;
      known = known ? joinTrends(known, more, SPAN_MS[span]) : more;
      setTrend(known);
    };
    const timer = setInterval(() => void look().catch(() => undefined), EVERY_MS);
    void look().catch(() => undefined);
    return () => {
      clearInterval(timer);
      stop.abort();
      setTrend(undefined);
    };
  }, [server, span]);
  return trend;
}

/** The points of both, without those older than the span. */
export function joinTrends(known: ServerTrend, more: ServerTrend, spanMs: number): ServerTrend {
  const t = [...known.t, ...more.t];
  const oldest = (t.at(-1) ?? 0) - spanMs;
  const first = t.findIndex((at) => at >= oldest);
  const joined = (one: readonly (number | null)[], other: readonly (number | null)[]): (number | null)[] =>
    [...one, ...other].slice(first);
  return {
    stepS: more.stepS,
    t: t.slice(first),
    lost: joined(known.lost, more.lost),
    latencyMs: joined(known.latencyMs, more.latencyMs),
    saved: joined(known.saved, more.saved),
    bytesPerS: joined(known.bytesPerS, more.bytesPerS),
  };
}
