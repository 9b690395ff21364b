import type { RowPage } from '../../core/ring.ts';
import { channelId } from '../../core/stream-info.ts';
import type { LatestValue } from './latest-values.ts';
import type { StreamFeed } from './stream-feed.ts';

/** Time of one row of a page. */
export function rowTimeNs(page: RowPage, index: number): bigint {
  const seconds = page.timeS ? (page.timeS[index] ?? 0) : index * page.dtS;
  return page.t0Ns + BigInt(Math.round(seconds * 1e9));
}

/** Time of the newest row a feed has; undefined: it has none. */
export function newestTimeNs(feed: StreamFeed): bigint | undefined {
  const page = feed.ring.pages.at(-1);
  return page && page.rows > 0 ? rowTimeNs(page, page.rows - 1) : undefined;
}

/** Puts the newest row of a feed into `values`, by channel id. */
export function takeNewest(feed: StreamFeed, values: Map<string, LatestValue>): void {
  const page = feed.ring.pages.at(-1);
  if (!page || page.rows === 0) return;
  const index = page.rows - 1;
  const timeNs = rowTimeNs(page, index);
  feed.info.columns.forEach(({ channel }, column) => {
    if (channel.startsWith('~')) return;
    values.set(channelId(feed.info.instrument, channel), {
      value: page.columns[column]?.[index] ?? Number.NaN,
      timeNs,
    });
  });
}
