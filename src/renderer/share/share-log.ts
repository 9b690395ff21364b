import type { ShareStats } from '../../contract/share-schema.ts';

/** What the charts show: points by the second, oldest first. */
export interface ShareTrend {
  /** ms since 1970. */
  t: readonly number[];
  /** Of the fullest queue, 0…1. */
  queueUse: readonly (number | null)[];
  /** Items not sent, per second. */
  dropped: readonly (number | null)[];
  /** Bytes before compression over bytes on the wire; null without a connection. */
  ratio: readonly (number | null)[];
  lagMs: readonly (number | null)[];
}

export const NO_TREND: ShareTrend = { t: [], queueUse: [], dropped: [], ratio: [], lagMs: [] };

/** Longer without an answer is a hole in the charts. */
const HOLE_MS = 3500;

/** The trend with one more answer and without what is older than the span; `before`: the answer before it. The same answer twice changes nothing. */
export function addStats(
  trend: ShareTrend,
  before: ShareStats | undefined,
  now: ShareStats,
  spanMs: number,
): ShareTrend {
  const at = msOf(now);
  const last = trend.t.at(-1);
  if (last !== undefined && at <= last) return trend;
  const isHole = last !== undefined && at - last > HOLE_MS;
  const hole = isHole ? [null] : [];
  const t = [...trend.t, ...(isHole ? [last + 1] : []), at];
  const first = t.findIndex((one) => one >= at - spanMs);
  const joined = (known: readonly (number | null)[], value: number | null): (number | null)[] =>
    [...known, ...hole, value].slice(first);
  return {
    t: t.slice(first),
    queueUse: joined(trend.queueUse, now.queueUse),
    dropped: joined(trend.dropped, before && !isHole ? droppedPerS(before, now) : null),
    ratio: joined(trend.ratio, now.connections.length > 0 ? now.compressionRatio : null),
    lagMs: joined(trend.lagMs, now.lagMs),
  };
}

/** By connection: one that left took its count with it, and that is no fall. Null when no time has passed. */
export function droppedPerS(before: ShareStats, now: ShareStats): number | null {
  const seconds = (msOf(now) - msOf(before)) / 1000;
  if (seconds <= 0) return null;
  const known = new Map(before.connections.map(({ id, dropped }) => [id, dropped]));
  const dropped = now.connections.reduce((sum, one) => sum + Math.max(0, one.dropped - (known.get(one.id) ?? 0)), 0);
  return dropped / seconds;
}

function msOf({ t }: ShareStats): number {
  return Number(BigInt(t) / 1_000_000n);
}
