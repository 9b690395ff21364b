import { afterAll, beforeAll, expect, test } from 'vitest';
import { Scope } from '../../src/core/scope.ts';
import { parseEventId, sseEvent } from '../../src/hub/sse/sse-wire.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';

const scope = new Scope('server-sent events');
let hub: HubLab;
let key: string;
let token: string;

beforeAll(async () => {
  hub = scope.use(await openHubLab());
  key = `${hub.bench.equipment[0]?.id}/readings`;
  token = await hub.token('viewer');
});

afterAll(() => scope[Symbol.asyncDispose]());

interface Event {
  id: string | undefined;
  event: string;
  data: Record<string, unknown>;
}

/** Reads events until there are so many with rows, then goes away. */
async function read(rows: number, lastEventId?: string, interval = 0): Promise<Event[]> {
  const abort = new AbortController();
  const answer = await fetch(`${hub.url()}/api/v1/sse/${encodeURIComponent(key)}?interval_ms=${interval}`, {
    headers: { authorization: `Bearer ${token}`, ...(lastEventId ? { 'last-event-id': lastEventId } : {}) },
    signal: abort.signal,
  });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toBe('text/event-stream');
  const events: Event[] = [];
  let text = '';
  for await (const chunk of answer.body ?? []) {
    text += new TextDecoder().decode(chunk as Uint8Array);
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      const field = (name: string): string | undefined =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const data = field('data');
      if (data !== undefined)
        events.push({
          id: field('id'),
          event: field('event') ?? '',
          data: JSON.parse(data) as Record<string, unknown>,
        });
    }
    if (events.filter(({ event }) => event === 'stream_data').length >= rows) break;
  }
  abort.abort();
  return events;
}

const seqs = (events: Event[]): number[] =>
  events.filter(({ event }) => event === 'stream_data').map(({ data }) => Number(data.seq));

test('rows come with their numbers as ids, one after the other', async () => {
  const events = await read(5);
  const numbers = seqs(events);
  expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index));
  for (const { id, event, data } of events)
    if (event === 'stream_data') expect(id).toBe(`${String(data.ep)}:${String(data.seq)}`);
});

test('267 who comes back with Last-Event-ID gets what it missed, row after row', async () => {
  const before = await read(3);
  const last = before.findLast(({ event }) => event === 'stream_data');
  await expect.poll(() => hub.bench.feeds.size).toBe(0);
  const info = hub.bench.equipment[0]?.streams.find(({ name }) => name === 'readings')?.info;
  using hold = hub.bench.hold(info?.key ?? '', { rows() {}, reset() {}, ended() {} });
  await expect.poll(() => hold.feed.endRow - hold.feed.beginRow).toBeGreaterThan(5);
  // Nobody has a feed now: what came meanwhile is in the engine's history only.
  hold[Symbol.dispose]();
  const after = await read(8, last?.id);
  const all = [...seqs(before), ...seqs(after)];
  expect(all).toEqual(all.map((_, index) => (all[0] ?? 0) + index));
  expect(after.filter(({ event }) => event === 'gap')).toEqual([]);
});

test('a place in another numbering is said, and the stream begins where it is', async () => {
  const events = await read(2, '12345:7');
  expect(events[0]).toMatchObject({ event: 'stream_reset', data: { key } });
  expect(seqs(events).length).toBeGreaterThanOrEqual(2);
});

test('a slower reader is told what is left out: seq = previous + 1 + skipped', async () => {
  const events = (await read(4, undefined, 500)).filter(({ event }) => event === 'stream_data');
  for (let index = 1; index < events.length; index++) {
    const skipped = (events[index]?.data.skipped as { n?: number } | undefined)?.n ?? 0;
    expect(Number(events[index]?.data.seq)).toBe(Number(events[index - 1]?.data.seq) + 1 + skipped);
  }
});

test('a reader that goes ends its stream; one without a login is refused where values are for those with one', async () => {
  await read(1);
  await expect.poll(() => hub.hub.parts.connections.size).toBe(0);
  expect((await fetch(`${hub.url()}/api/v1/sse/${encodeURIComponent(key)}`)).status).toBe(403);
  expect(
    (await fetch(`${hub.url()}/api/v1/sse/ps_00000000%2Freadings`, { headers: { authorization: `Bearer ${token}` } }))
      .status,
  ).toBe(404);
});

test('ids: ours and nothing else', () => {
  expect(parseEventId('17:4')).toEqual({ epoch: 17, seq: 4 });
  for (const bad of ['', '17', '17:', ':4', '17:4:1', 'a:b', '-1:2', `9${'9'.repeat(18)}:1`])
    expect(parseEventId(bad)).toBeUndefined();
  expect(sseEvent('{"type":"gap","key":"a"}')).toBe('event: gap\ndata: {"type":"gap","key":"a"}\n\n');
});
