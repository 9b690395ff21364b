import { z } from 'zod';
import type { StreamDigest } from './digest.ts';
import { EVENT_CHANNEL_ID, EXCHANGE_TOPIC } from './file-layout.ts';
import type { ChannelRecord } from './part-channels.ts';

/** What the writer of a part counted of one stream: rows [firstRow, endRow), `lost` of them never came, in so many batches. */
export const streamTotals = z.object({
  stream: z.string(),
  epoch: z.number(),
  firstRow: z.number(),
  endRow: z.number(),
  rows: z.number(),
  lost: z.number(),
  batches: z.number(),
});
export type StreamTotals = z.infer<typeof streamTotals>;

/** Counts what is committed to a part, for its metadata record `labwire.totals`. */
export class PartTotals {
  readonly #streams = new Map<string, StreamTotals>();
  #events = 0;
  #exchanges = 0;

  add(
    streams: readonly StreamDigest[],
    counts: ReadonlyMap<number, number>,
    channels: ReadonlyMap<number, ChannelRecord>,
  ): void {
    this.#events += counts.get(EVENT_CHANNEL_ID) ?? 0;
    for (const digest of streams) {
      const channel = channels.get(digest.channel);
      if (channel?.topic === EXCHANGE_TOPIC) this.#exchanges += digest.rows;
      const stream = channel?.metadata.get('stream');
      if (channel && stream !== undefined) this.#addStream(channel.topic, stream, digest);
    }
  }

  /** Of the metadata record. */
  entries(): Map<string, string> {
    const entries = new Map([
      ['events', String(this.#events)],
      ['exchanges', String(this.#exchanges)],
    ]);
    for (const [name, totals] of this.#streams) entries.set(name, JSON.stringify(totals));
    return entries;
  }

  #addStream(key: string, stream: string, digest: StreamDigest): void {
    const { epoch } = epochOf.parse(JSON.parse(stream));
    const name = totalsName(key, epoch);
    const totals = this.#streams.get(name);
    if (!totals) {
      const { firstRow, endRow, rows, lost, batches } = digest;
      this.#streams.set(name, { stream: key, epoch, firstRow, endRow, rows, lost, batches });
      return;
    }
    totals.endRow = digest.endRow;
    totals.rows += digest.rows;
    totals.lost += digest.lost;
    totals.batches += digest.batches;
  }
}

const epochOf = z.object({ epoch: z.number() });

/** Name of the entry of a stream. */
export function totalsName(key: string, epoch: number): string {
  return `${key}#${epoch}`;
}
