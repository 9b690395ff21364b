import { afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { openScopes } from '../../src/core/scope.ts';
import { checkRows, type Harness, type HarnessOptions, openHarness } from './labwire-harness.ts';

let harness: Harness | undefined;

afterEach(async () => {
  await harness?.[Symbol.asyncDispose]();
  harness = undefined;
  expect(openScopes()).toEqual([]);
});

const RULES = { pumpMs: 20 };
const STREAMS = [
  { equipment: 'psu', name: 'readings', intervalMs: 100, form: 'f64' as const },
  { equipment: 'psu', name: 'events', intervalMs: 100, form: 'timed' as const },
];

test.each([5, 60, 299])('267 a cut of %i s: every row is there, sent again, none unaccounted', async (seconds) => {
  // Without REST nothing is polled meanwhile: every row must come by the resume.
  const prepare: HarnessOptions['prepare'] = ({ world }) => {
    world.knobs.isWithoutRest = true;
  };
  harness = await openHarness({ streams: STREAMS, rules: RULES, prepare });
  const { server, proxy, client, until, pass } = harness;
  const both = [harness.want('psu/readings', 100), harness.want('psu/events', 100)];
  await until('rows', () => both.every(({ log }) => log.count > 20));
  proxy.set({ isRefusing: true });
  proxy.cut();
  await until('the loss is seen', () => client.link.word !== 'connected');
  await pass(seconds * 1000 - 500, 500);
  const before = both.map(({ log }) => log.count);
  proxy.set({ isRefusing: false });
  client.reconnect();
  await until('live again', () => client.link.word === 'connected');
  await until('rows again', () => both.every(({ log }, index) => log.count > (before[index] ?? 0) + seconds * 10 + 20));
  for (const { log, stream } of both) {
    const checked = checkRows(log, server.world.streams.get(stream.key)!);
    expect(checked.lost).toBe(0);
    expect(stream.stats).toMatchObject({ unaccounted: 0, lost: 0, duplicates: 0 });
    expect(stream.stats.filled).toBeGreaterThan(seconds * 10 - 20);
    expect(log.rowEntries.filter(({ source }) => source === 'filled').length).toBe(stream.stats.filled);
  }
  expect(client.traffic.unaccounted).toBe(0);
});

test('263 after 301 s the token is expired: the rows come from the past the server keeps instead', async () => {
  harness = await openHarness({ streams: STREAMS.slice(0, 1), rules: RULES });
  const { server, proxy, client, events, until, pass } = harness;
  const { log, stream } = harness.want('psu/readings', 100);
  await until('rows', () => log.count > 20);
  proxy.set({ isRefusing: true });
  proxy.cut();
  await until('the loss is seen', () => client.link.word !== 'connected');
  await pass(301_000, 500);
  proxy.set({ isRefusing: false });
  client.reconnect();
  await until('rows again', () => log.count > 3000);
  expect(checkRows(log, server.world.streams.get('psu/readings')!).lost).toBe(0);
  expect(stream.stats).toMatchObject({ unaccounted: 0, lost: 0 });
  expect(events).toContainEqual(
    expect.objectContaining({ kind: 'note', data: expect.objectContaining({ reason: 'expired' }) }),
  );
});

test('beyond the replay the gap is declared and then filled over REST; what is let go stays a gap', async () => {
  const streams = [{ ...STREAMS[0]!, ringRows: 500 }];
  harness = await openHarness({ streams, rules: { ...RULES, replayRows: 100 } });
  const { server, proxy, client, until, pass } = harness;
  const { log, stream } = harness.want('psu/readings', 100);
  await until('rows', () => log.count > 20);
  proxy.set({ isRefusing: true });
  proxy.cut();
  await until('the loss is seen', () => client.link.word !== 'connected');
  await pass(100_000, 500);
  proxy.set({ isRefusing: false });
  client.reconnect();
  await until('rows again', () => log.count > 550);
  const checked = checkRows(log, server.world.streams.get('psu/readings')!);
  expect(checked.lost).toBeGreaterThan(400);
  expect(checked.lost).toBeLessThan(600);
  expect(stream.stats).toMatchObject({ unaccounted: 0, lost: checked.lost });
  expect(log.gaps).toHaveLength(1);
  expect(log.gaps[0]?.reason).toContain('beyond the replay');
});

test('268 a token works once: who comes second begins a new session, and still has every row', async () => {
  harness = await openHarness({ streams: STREAMS.slice(0, 1), rules: RULES });
  const { server, client, events, until, pass } = harness;
  let token = '';
  server.world.knobs.tap = (data) => {
    const said =
      typeof data === 'string' ? (JSON.parse(data) as { type: string; resume?: { token: string } }) : undefined;
    if (said?.type === 'connected') token = said.resume?.token ?? '';
  };
  const { log, stream } = harness.want('psu/readings', 100);
  await until('rows', () => log.count > 20 && token !== '');
  // Somebody else with the same token: the session is theirs now.
  const other = new WebSocket(`ws://127.0.0.1:${server.port}/ws`, 'labwire.1');
  const stolen = token;
  other.once('message', () =>
    other.send(JSON.stringify({ type: 'hello', version: 1, resume: { token: stolen, streams: [] }, desired: [] })),
  );
  await until('put out', () => client.link.word === 'disconnected');
  other.terminate();
  await pass(3000);
  client.reconnect();
  const before = log.count;
  await until('rows again', () => log.count > before + 40);
  expect(events).toContainEqual(expect.objectContaining({ data: expect.objectContaining({ reason: 'used' }) }));
  expect(checkRows(log, server.world.streams.get('psu/readings')!).lost).toBe(0);
  expect(stream.stats).toMatchObject({ lost: 0, unaccounted: 0 });
});
