import { z } from 'zod';
import { LabError } from '../../core/errors.ts';
import { maySubscribe } from '../access/role.ts';
import type { HubBench } from '../bench/hub-bench.ts';
import type { StreamFeed } from '../bench/stream-feed.ts';
import type { HubApp } from '../server/door.ts';
import { streamOf } from './history-desk.ts';
import type { LabwireRoom } from './labwire-room.ts';
import type { Past, PastRows } from './past-reader.ts';
import { RowForm, timeOf } from './row-form.ts';
import { isOffered, schemaOf } from './stream-form.ts';

const rowNumber = z.coerce.number().int().nonnegative();
const query = z.object({
  epoch: z.coerce.number().int().optional(),
  from: rowNumber.optional(),
  to: rowNumber.optional(),
  limit: z.coerce.number().int().min(1).max(10_000).default(5000),
});
const page = z.object({
  key: z.string(),
  epoch: z.number(),
  schema: z.looseObject({ channels: z.array(z.string()) }),
  /** `[row number, µs since 1970, a value for each channel]`; missing and overload are null. */
  rows: z.array(z.array(z.number().nullable())),
  /** Overload: `[row number, index of the channel, 'overload' or '-overload']`. */
  states: z.array(z.tuple([z.number(), z.number(), z.string()])),
  missing: z.array(z.object({ from: z.number(), to: z.number(), reason: z.string() })),
  /** There is more: from this row on. */
  next: z.number().optional(),
});
type HistoryPage = z.infer<typeof page>;

/** `GET /api/v1/streams/{key}/history`: rows of the past by their numbers; without a range the newest row. */
export function addHistoryRoute(app: HubApp, room: LabwireRoom): void {
  app.get(
    '/api/v1/streams/:key/history',
    {
      schema: {
        summary: 'Rows of a stream by their numbers',
        params: z.object({ key: z.string().max(500) }),
        querystring: query,
        response: { 200: page },
      },
    },
    async (request): Promise<HistoryPage> => {
      const { parts, past } = room;
      const { role } = request.principal;
      if (!maySubscribe(role, 'readings', parts.roles))
        throw new LabError('hub.forbidden', 'Values are for those with a login here. Nothing was read; log in first.');
      const { key } = request.params;
      const { info } = streamOf(parts.bench, key);
      if (!isOffered(info))
        throw new LabError('hub.no-stream', `${key} holds waveforms, which are taken one by one. Nothing was read.`);
      return withFeed(parts.bench, info.key, async (feed) => {
        const { epoch = info.epoch, limit, from, to = Number.POSITIVE_INFINITY } = request.query;
        if (from !== undefined)
          return pageOf(key, epoch, await past.read({ info, epoch, feed, from, to, maxRows: limit }));
        const newest = newestOf(feed) ?? (await past.newest(info));
        return pageOf(key, info.epoch, { info, rows: newest ? [newest] : [], missing: [], next: undefined });
      });
    },
  );
}

/** The feed while somebody holds it; nobody does: it is held until the answer, which takes nothing from the instrument. */
async function withFeed<T>(bench: HubBench, key: string, read: (feed: StreamFeed) => Promise<T>): Promise<T> {
  const hold = bench.hold(key, { rows() {}, reset() {}, ended() {} });
  try {
    return await read(hold.feed);
  } finally {
    hold[Symbol.dispose]();
  }
}

function newestOf({ ring }: StreamFeed): PastRows | undefined {
  const page = ring.pages.at(-1);
  return page && page.rows > 0 ? { page, from: page.rows - 1, to: page.rows } : undefined;
}

function pageOf(key: string, epoch: number, { info, rows, missing, next }: Past): HistoryPage {
  const form = new RowForm(info, new Set());
  const states: HistoryPage['states'] = [];
  const lines = rows.flatMap(({ page: { firstRow }, page: from, from: begin, to }) => {
    const columns = form.columnsOf(from);
    return Array.from({ length: to - begin }, (_, offset) => {
      const index = begin + offset;
      const seq = firstRow + index;
      const values = columns.map((column, channel) => {
        const value = column[index] ?? Number.NaN;
        if (Number.isFinite(value)) return value;
        if (!Number.isNaN(value)) states.push([seq, channel, value > 0 ? 'overload' : '-overload']);
        return null;
      });
      return [seq, Number(timeOf(from, index)) / 1000, ...values];
    });
  });
  return {
    key,
    epoch,
    schema: { ...schemaOf(info) },
    rows: lines,
    states,
    missing,
    ...(next === undefined ? {} : { next }),
  };
}
