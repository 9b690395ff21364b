import type { StreamFeed } from '../bench/stream-feed.ts';
import type { StreamPlace } from './client-message.ts';
import type { LabwireLimits } from './greeting.ts';
import { RowForm } from './row-form.ts';

/** Where a stream goes on after a connection was lost. */
export interface ResumePlan {
  handle: number;
  epoch: number;
  /** First row that is sent. */
  from: number | undefined;
  /** Rows before this are sent again. */
  replayTo: number | undefined;
  result: 'replayed' | 'snapshot' | 'partial' | 'lost';
  /** Rows the client lacks that are not sent again; both ends belong to it. */
  gap: { from: number; to: number } | undefined;
}

/** Plans one stream from the last row its client has. `budget`: bytes that may be sent again, of all streams together; it is drawn from. */
export function planResume(
  feed: StreamFeed,
  place: StreamPlace,
  handle: number,
  limits: LabwireLimits,
  budget: { bytes: number },
  isLatest = false,
): ResumePlan {
  const { epoch } = feed.info;
  const isSame = place.epoch === epoch;
  const live = feed.ring.firstRow === undefined ? undefined : feed.endRow;
  if (live === undefined)
    return {
      handle,
      epoch,
      from: isSame ? place.seq + 1 : undefined,
      replayTo: undefined,
      result: isSame ? 'replayed' : 'lost',
      gap: undefined,
    };
  // Nothing is sent again: the newest value, and how many rows were before it.
  if (isLatest) {
    const from = isSame ? Math.min(place.seq + 1, live) : live - 1;
    return { handle, epoch, from, replayTo: undefined, result: isSame ? 'snapshot' : 'lost', gap: undefined };
  }
  const reach = Math.max(feed.firstRow, live - rowsWithin(feed, limits, budget));
  const wanted = isSame ? Math.min(place.seq + 1, live) : reach;
  const from = Math.max(wanted, reach);
  spend(feed, live - from, budget);
  return {
    handle,
    epoch,
    from,
    replayTo: live,
    result: !isSame ? 'lost' : from > wanted ? 'partial' : 'replayed',
    gap: isSame && from > wanted ? { from: wanted, to: from - 1 } : undefined,
  };
}

/** What of a `connected` says how a stream goes on. */
export function resumedEntry(key: string, plan: ResumePlan): Record<string, unknown> {
  const { handle, epoch, from, replayTo, result } = plan;
  const isSent = from !== undefined && replayTo !== undefined && replayTo > from;
  return {
    key,
    handle,
    epoch,
    ...(replayTo === undefined ? (from === undefined ? {} : { seq: from }) : { seq: replayTo }),
    result,
    ...(isSent ? { from, to: replayTo - 1, n: replayTo - from } : { n: 0 }),
  };
}

/** Newest rows that may be sent again: so many, so much older than the newest, so large. */
function rowsWithin(feed: StreamFeed, { replayRows, replayS }: LabwireLimits, budget: { bytes: number }): number {
  const newestNs = feed.ring.pages.at(-1)?.arrivedNs ?? 0n;
  const oldestNs = newestNs - BigInt(Math.round(replayS * 1e9));
  const young = feed.ring.pages.find(({ arrivedNs }) => arrivedNs >= oldestNs);
  const youngRows = young ? feed.endRow - young.firstRow : 0;
  return Math.min(replayRows, youngRows, Math.floor(budget.bytes / rowBytesOf(feed)));
}

function spend(feed: StreamFeed, rows: number, budget: { bytes: number }): void {
  budget.bytes = Math.max(0, budget.bytes - rows * rowBytesOf(feed));
}

function rowBytesOf(feed: StreamFeed): number {
  const page = feed.ring.pages.at(-1);
  return page ? Math.max(1, new RowForm(feed.info, new Set()).rowBytes(page)) : 8;
}
