import { afterEach, expect, test } from 'vitest';
import { openScopes } from '../../src/core/scope.ts';
import { GRID } from '../servers/labwire/produced-stream.ts';
import { checkRows, type Harness, type HarnessOptions, openHarness } from './labwire-harness.ts';

let harness: Harness | undefined;

async function open(options: Partial<HarnessOptions> = {}): Promise<Harness> {
  harness = await openHarness({ streams: [READINGS], rules: { pumpMs: 20, ...options.rules }, ...options });
  return harness;
}

afterEach(async () => {
  await harness?.[Symbol.asyncDispose]();
  harness = undefined;
  expect(openScopes()).toEqual([]);
});

const READINGS = { equipment: 'psu', name: 'readings', intervalMs: 100, form: 'f64' as const };

test('306 greeting: who it is, what both have, 12 bits of window, and its equipment', async () => {
  const { client, server, until } = await open();
  await until('the equipment', () => client.equipment.length > 0);
  expect(client.about).toMatchObject({ name: 'Test lab', version: '1.0.0', instance: 'instance-1' });
  expect(client.features).toMatchObject({ resume: true, acks: true, history: true, alarms: true });
  expect(client.about.findings.find(({ feature }) => feature === 'compression')?.text).toContain('permessage-deflate');
  expect(client.equipment[0]).toMatchObject({
    id: 'psu',
    shape: { role: 'supply' },
    streams: [
      { name: 'readings', columns: [{ channel: 'count' }, { channel: 'wave', unit: 'V' }], defaultIntervalMs: 100 },
    ],
  });
  const hello = server.world.heard.find(({ type }) => type === 'hello');
  expect(hello).toMatchObject({
    version: 1,
    accept: { binary: true, ack: true },
    desired: expect.arrayContaining([{ channel: 'alarms' }]),
  });
  expect(JSON.stringify(hello)).not.toContain('metrics');
});

test('every form of row arrives as it was made: doubles, own times, packed grid; and all of them as text', async () => {
  for (const isTextOnly of [false, true]) {
    const streams = (['f64', 'timed', 'grid'] as const).map((form) => ({ ...READINGS, name: form, form }));
    const { client, server, until, want } = await open({
      streams,
      prepare: ({ world }) => {
        world.knobs.isTextOnly = isTextOnly;
      },
    });
    const logs = streams.map(({ name }) => want(`psu/${name}`, 100));
    await until('rows', () => logs.every(({ log }) => log.count > 120));
    for (const { log, stream } of logs.slice(0, 2))
      expect(checkRows(log, server.world.streams.get(stream.key)!).lost).toBe(0);
    const grid = server.world.streams.get('psu/grid')!;
    const { log } = logs[2]!;
    expect(log.opens).toEqual([
      {
        columns: [
          { channel: 'count', unit: '', ...GRID },
          { channel: 'wave', unit: 'V', ...GRID },
        ],
        rateHz: 10,
      },
    ]);
    const rows = log.rowEntries;
    const first = Array.from({ length: 1000 }, (_, seq) => seq).find((seq) =>
      Object.is(grid.values(seq)[0], rows[0]?.values[0]),
    )!;
    expect(rows.map(({ values }) => values)).toEqual(rows.map((_, index) => grid.values(first + index)));
    expect(client.traffic).toMatchObject({ malformed: 0, unaccounted: 0, dropped: 0 });
    await harness?.[Symbol.asyncDispose]();
  }
});

test('rows lost without a word: told as unaccounted, asked for, and there', async () => {
  const { client, server, events, until, want } = await open();
  const { log, stream } = want('psu/readings', 100);
  await until('rows', () => log.count > 10);
  server.world.loseSilently('psu/readings', 7);
  const before = log.count;
  await until('more rows', () => log.count > before + 20);
  expect(checkRows(log, server.world.streams.get('psu/readings')!).lost).toBe(0);
  expect(events.filter(({ kind }) => kind === 'loss')).toEqual([
    {
      kind: 'loss',
      stream: 'psu/readings',
      lost: 7,
      reason: expect.stringContaining('nothing says why'),
      isUnaccounted: true,
    },
  ]);
  expect(stream.stats).toMatchObject({ unaccounted: 7, lost: 0, filled: 7 });
  expect(client.traffic.unaccounted).toBe(7);
  expect(server.world.heard.filter(({ type }) => type === 'history')).toHaveLength(1);
});

test('where the past is kept nowhere, what was lost without a word is a gap with its number of rows', async () => {
  const { server, until, want } = await open({
    prepare: ({ world }) => Object.assign(world.knobs, { isWithoutHistory: true, isWithoutRest: true }),
  });
  const { log, stream } = want('psu/readings', 100);
  await until('rows', () => log.count > 10);
  server.world.loseSilently('psu/readings', 7);
  const before = log.count;
  await until('more rows', () => log.count > before + 20);
  expect(checkRows(log, server.world.streams.get('psu/readings')!).lost).toBe(7);
  expect(log.gaps).toMatchObject([{ lost: 7, reason: expect.stringContaining('nothing says why') }]);
  expect(stream.stats).toMatchObject({ unaccounted: 7, lost: 7, filled: 0 });
});

test('two losses one after the other are both filled', async () => {
  const { server, until, want } = await open();
  const { log, stream } = want('psu/readings', 100);
  await until('rows', () => log.count > 10);
  server.world.loseSilently('psu/readings', 3);
  // The second while the answer to the first is under way: the first row after it has come by then.
  await until('the first is asked for', () => server.world.heard.some(({ type }) => type === 'history'), 20);
  server.world.loseSilently('psu/readings', 4);
  const before = log.count;
  await until('more rows', () => log.count > before + 20);
  expect(checkRows(log, server.world.streams.get('psu/readings')!).lost).toBe(0);
  expect(stream.stats).toMatchObject({ unaccounted: 7, lost: 0, filled: 7 });
});

test('fewer rows than are made are asked for: left out is not lost, at one rate and at another after a cut', async () => {
  const { server, proxy, client, until, want, pass } = await open({ streams: [{ ...READINGS, intervalMs: 10 }] });
  const { log, stream } = want('psu/readings', 100);
  await until('rows', () => log.count > 20);
  proxy.set({ isRefusing: true });
  proxy.cut();
  await until('the loss is seen', () => client.link.word !== 'connected');
  stream.setInterval(50);
  await pass(3000, 500);
  proxy.set({ isRefusing: false });
  client.reconnect();
  await until('live rows', () => {
    const last = log.rowEntries.slice(-30);
    return stream.stats.source === 'live' && last.every(({ source }) => source === 'live');
  });
  checkRows(log, server.world.streams.get('psu/readings')!, 10);
  expect(stream.stats).toMatchObject({ unaccounted: 0, lost: 0 });
  const last = log.rowEntries.slice(-20).map(({ values }) => values[0] ?? 0);
  expect(last.every((seq, index) => index === 0 || seq - (last[index - 1] ?? 0) === 5)).toBe(true);
});

test('the server is another process: the session is not resumed, what is wanted runs again, the time between is a gap', async () => {
  const { server, client, events, until, want } = await open();
  const { log, stream } = want('psu/readings', 100);
  await until('rows', () => log.count > 10);
  await server.kill();
  await until('the loss is seen', () => client.link.word !== 'connected');
  const old = log.count;
  await server.begin();
  client.reconnect();
  await until('rows', () => log.count > old + 10);
  expect(events).toContainEqual(
    expect.objectContaining({ kind: 'note', data: expect.objectContaining({ reason: 'instance_changed' }) }),
  );
  expect(client.about.instance).toBe('instance-2');
  expect(log.gaps).toHaveLength(1);
  expect(stream.stats).toMatchObject({ unaccounted: 0, lost: 0 });
  expect(log.opens).toHaveLength(2);
});

test('a stream that begins its numbering anew while it runs', async () => {
  const { server, until, want } = await open();
  const { log, stream } = want('psu/readings', 100);
  await until('rows', () => log.count > 10);
  const next = server.world.resetStream('psu/readings')!;
  for (const { outbox } of server.world.connections) {
    const cursor = outbox.cursors.get('psu/readings')!;
    Object.assign(cursor, { stream: next, at: 0 });
    outbox.say({ type: 'stream_reset', key: 'psu/readings', epoch: next.epoch });
  }
  const before = log.count;
  await until('rows', () => log.count > before + 10);
  expect(log.last?.values[0]).toBeLessThan(40);
  expect(stream.stats.unaccounted).toBe(0);
});

test('104 a peer that vanished is seen within 25 s and nothing is missing afterwards', async () => {
  const { server, proxy, client, until, want, pass } = await open({ streams: [{ ...READINGS, intervalMs: 10_000 }] });
  const { log, stream } = want('psu/readings', 10_000);
  await until('rows', () => log.count > 2, 200);
  proxy.halfOpen();
  const connections = proxy.made;
  const since = server.world.clock.monotonicMs();
  await until('another connection', () => proxy.made > connections, 100);
  expect(server.world.clock.monotonicMs() - since).toBeLessThanOrEqual(26_500);
  await until('connected', () => client.link.word === 'connected', 100);
  await pass(40_000, 200);
  expect(checkRows(log, server.world.streams.get('psu/readings')!).lost).toBe(0);
  expect(stream.stats).toMatchObject({ unaccounted: 0, lost: 0 });
});

test('111 a socket that stands and says nothing: the stream is polled meanwhile, no row is missing when it is back', async () => {
  const { server, client, until, want, pass } = await open();
  const { log, stream } = want('psu/readings', 100);
  await until('rows', () => log.count > 10);
  server.world.knobs.isMute = true;
  await until('polled', () => stream.stats.source === 'polled');
  expect(client.link.word).toBe('degraded');
  await pass(5000);
  server.world.knobs.isMute = false;
  await until('live', () => stream.stats.source === 'live');
  const before = log.count;
  await until('rows', () => log.count > before + 20);
  expect(checkRows(log, server.world.streams.get('psu/readings')!).lost).toBe(0);
  expect(new Set(log.rowEntries.map(({ source }) => source))).toContain('polled');
  expect(stream.stats).toMatchObject({ unaccounted: 0, lost: 0 });
});

test('with the socket switched off the rows are polled, every one of them', async () => {
  const { server, client, until, want } = await open();
  const { log, stream } = want('psu/readings', 100);
  await until('rows', () => log.count > 10);
  client.setSocket(false);
  await until('polled rows', () => log.rowEntries.filter(({ source }) => source === 'polled').length > 30);
  client.setSocket(true);
  const before = log.count;
  await until('live rows', () => stream.stats.source === 'live' && log.count > before + 20);
  expect(checkRows(log, server.world.streams.get('psu/readings')!).lost).toBe(0);
  expect(stream.stats.unaccounted).toBe(0);
});

test('the clock of a server that is an hour ahead: rows stand at our time', async () => {
  const { client, server, until, want } = await open({
    prepare: ({ world }) => {
      world.offsetS = 3600;
    },
  });
  const { log } = want('psu/readings', 100);
  await until('a measured clock', () => client.clock.method === 'two-way' && log.count > 20);
  expect(Math.abs(client.clock.offsetS - 3600)).toBeLessThanOrEqual(client.clock.uncertaintyS + 1e-3);
  checkRows(log, server.world.streams.get('psu/readings')!);
});

test('320 an alarm is told once however often it comes, and kept for a client that was away', async () => {
  const { server, proxy, client, events, until, want, pass } = await open();
  const { log } = want('psu/readings', 100);
  await until('rows', () => log.count > 5);
  const alarm = (id: string) => ({
    event_id: id,
    severity: 'critical',
    equipment_id: 'psu',
    message: 'Over temperature',
  });
  server.world.raise('alarms', 'alarm', alarm('a1'));
  await until('the alarm', () => events.some((event) => event.kind === 'alarm' && event.id === 'a1'));
  await pass(8000);
  proxy.set({ isRefusing: true });
  proxy.cut();
  await until('the loss is seen', () => client.link.word !== 'connected');
  server.world.raise('alarms', 'alarm', alarm('a2'));
  await pass(30_000, 500);
  proxy.set({ isRefusing: false });
  client.reconnect();
  await until('the second alarm', () => events.some((event) => event.kind === 'alarm' && event.id === 'a2'));
  await pass(8000);
  expect(events.filter(({ kind }) => kind === 'alarm')).toMatchObject([
    { id: 'a1', state: 'active', severity: 'critical', equipment: 'psu', text: 'Over temperature' },
    { id: 'a2' },
  ]);
  for (const session of server.world.book.sessions) expect(session.events).toEqual([]);
});

test('another connection of the same session took over: no fight', async () => {
  const { server, client, until, want } = await open();
  const { log } = want('psu/readings', 100);
  await until('rows', () => log.count > 5);
  for (const connection of [...server.world.connections]) connection.close(4409, 'superseded');
  await until('it stops', () => client.link.word === 'disconnected');
  expect(client.link.reason).toContain('took over');
});

test('117 `reconnect` is heard: no sooner than the server says, though the end is unclean', async () => {
  const { server, client, until, want } = await open();
  const { log } = want('psu/readings', 100);
  await until('rows', () => log.count > 5);
  const since = server.world.clock.monotonicMs();
  for (const connection of [...server.world.connections]) {
    connection.say({ type: 'reconnect', reason: 'maintenance', retry_after: 5 });
    await until('it is heard', () => client.traffic.messages > 0);
  }
  await until('the wait is known', () => server.world.clock.monotonicMs() > since + 200);
  for (const connection of [...server.world.connections]) connection.cut();
  const cutMs = server.world.clock.monotonicMs();
  await until('back', () => client.link.word !== 'connected');
  await until('connected', () => client.link.word === 'connected');
  expect(server.world.clock.monotonicMs() - cutMs).toBeGreaterThanOrEqual(5000);
});

test('one byte a segment, both ways, changes nothing', async () => {
  const { server, proxy, client, until, want } = await open();
  proxy.set({ segmentBytes: 1 });
  await until('a measured clock', () => client.clock.method === 'two-way', 5);
  const { log } = want('psu/readings', 100);
  await until('rows', () => log.count > 30, 5);
  expect(checkRows(log, server.world.streams.get('psu/readings')!).lost).toBe(0);
});

test('nobody wants it any more: the server stops it, and leaving says bye', async () => {
  const { server, client, until, want } = await open();
  const { log, stream } = want('psu/readings', 100);
  await until('rows', () => log.count > 5);
  await stream[Symbol.asyncDispose]();
  await until('stopped', () => server.world.heard.some(({ type }) => type === 'stop_stream'));
  const disposed = client[Symbol.asyncDispose]();
  await until('bye', () => server.world.heard.some(({ type }) => type === 'bye'));
  await disposed;
  expect(server.world.book.sessions.size).toBe(0);
});
