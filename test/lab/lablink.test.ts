import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { openScopes } from '../../src/core/scope.ts';
import { createNodePorts } from '../../src/engine/lab/node-ports.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { openLabLink } from '../../src/lab/lablink/dialect.ts';
import type { LabLinkServer } from '../servers/lablink/server.ts';
import { connectMocks, LOAD, openLabLinkLab, SCOPE, SUPPLY, soon } from './lablink-harness.ts';

/** Machines that run other tests, too, are slow. */
const PATIENT = { timeout: 60_000 };

/** Another client of the server, as it sees the world. */
async function otherClient(
  server: LabLinkServer,
): Promise<{ send(message: unknown): void; types: string[]; socket: WebSocket }> {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws`);
  await once(socket, 'open');
  const types: string[] = [];
  socket.on('message', (data) => {
    const { type, stream_type } = JSON.parse(String(data)) as { type: string; stream_type?: string };
    types.push(stream_type === undefined ? type : `${type}:${stream_type}`);
  });
  return { socket, types, send: (message) => socket.send(JSON.stringify(message)) };
}

const finding = (lab: { about: { findings: readonly { feature: string; state: string }[] } }, feature: string) =>
  lab.about.findings.find((found) => found.feature === feature)?.state;

describe.concurrent('rows', () => {
  test('a repaired server: polled at first, live once it is known to be safe, each row once', async () => {
    await using bench = await openLabLinkLab({ mode: 'fixed' });
    const supply = bench.watch(SUPPLY, 'readings');
    const load = bench.watch(LOAD, 'readings');
    const scope = bench.watch(SCOPE, 'measurements');
    await Promise.all([supply.more(20, 'live'), load.more(20, 'live'), scope.more(5, 'live')]);
    expect(supply.sources).toEqual(['polled', 'live']);
    expect(supply.openings[0]?.columns.map(({ channel, unit }) => `${channel} ${unit}`)).toEqual([
      'ch1.voltage V',
      'ch1.current A',
      'ch1.on ',
      'ch1.limiting ',
    ]);
    for (const { taken } of [supply, load, scope]) {
      const times = taken.map(({ timeNs }) => timeNs);
      expect(times.every((time, index) => index === 0 || time > (times[index - 1] ?? 0n))).toBe(true);
    }
    expect(finding(bench.lab, 'live readings')).toBe('works');
    expect(bench.lab.dialect).toBe('lablink');
    expect(bench.server.world.basic.kills).toBe(0);
    // The session made to look leaves nothing behind.
    expect(bench.server.world.acquisitions.sessions.size).toBe(0);
    await bench.events.until(() => bench.lab.link.word === 'connected', 'connected');
  });

  test('pitfall 1 and 2: as shipped, readings are polled at 5 Hz, nobody is cut off, measurements are live', async () => {
    await using bench = await openLabLinkLab({ mode: 'asis', prepare: (server) => connectMocks(server) });
    const other = await otherClient(bench.server);
    const supply = bench.watch(SUPPLY, 'readings');
    const scope = bench.watch(SCOPE, 'measurements');
    await Promise.all([supply.more(12, 'polled'), scope.more(3, 'live')]);
    await bench.events.until(() => finding(bench.lab, 'live readings') === 'broken', 'the defect is seen');
    await supply.more(3, 'polled');
    other.send({ type: 'start_stream', equipment_id: SCOPE, stream_type: 'measurements', interval_ms: 20 });
    await expect.poll(() => other.types.includes('stream_data:measurements'), PATIENT).toBe(true);
    expect(bench.server.world.basic.kills).toBe(0);
    expect(bench.server.world.basic.received.filter(({ stream_type }) => stream_type === 'readings')).toEqual([]);
    expect(bench.lab.link.word).toBe('degraded');
    expect(bench.lab.link.polled).toBe(1);
    other.socket.terminate();
  });

  test('pitfall 2: the two sets of managers are seen by the counts, and the command connect mends the list', async () => {
    await using bench = await openLabLinkLab({ mode: 'asis' });
    expect(bench.lab.equipment).toEqual([]);
    expect(finding(bench.lab, 'instruments')).toBe('partly');
    const line = 'connect {"resource_string":"MOCK::PSU::0","equipment_type":"power_supply","model":"MockPSU-3030"}';
    const answer = JSON.parse(await bench.lab.command('', line, { signal: soon() })) as { equipment_id: string };
    expect(answer.equipment_id).toBe(SUPPLY);
    await bench.events.until(() => bench.lab.equipment.length === 1, 'the list');
    // Connecting again would replace it and lose its state.
    await bench.lab.setControl(SUPPLY, 'ch1.voltage.set', 4, { signal: soon() });
    await bench.lab.command('', line, { signal: soon() });
    expect(await bench.lab.readControls(SUPPLY, soon())).toMatchObject({ 'ch1.voltage.set': 4 });
  });

  test('pitfall 1: unified managers, dates not repaired: one trial, then never again; the connection is made anew', async () => {
    await using bench = await openLabLinkLab({ mode: 'unified' });
    const supply = bench.watch(SUPPLY, 'readings');
    const scope = bench.watch(SCOPE, 'measurements');
    await bench.events.until(() => finding(bench.lab, 'live readings') === 'broken', 'the trial is over');
    await scope.until(() => scope.sources.at(-1) === 'live' && scope.gaps.length > 0, 'measurements after the trial');
    await Promise.all([supply.more(5, 'polled'), scope.more(3, 'live')]);
    const starts = bench.server.world.basic.received.filter(
      ({ type, stream_type }) => type === 'start_stream' && stream_type === 'readings',
    );
    expect(starts).toHaveLength(1);
    expect(bench.server.world.basic.tasks.has(`${SUPPLY}_readings`)).toBe(false);
    expect(supply.sources).toEqual(['polled']);
  });

  test('pitfall 1: no trial while somebody else watches a stream', async () => {
    await using bench = await openLabLinkLab({ mode: 'unified' });
    const other = await otherClient(bench.server);
    other.send({ type: 'start_stream', equipment_id: SCOPE, stream_type: 'measurements', interval_ms: 20 });
    await expect.poll(() => other.types.includes('stream_data:measurements'), PATIENT).toBe(true);
    const supply = bench.watch(SUPPLY, 'readings');
    const why = () => bench.lab.about.findings[0]?.text ?? '';
    await bench.events.until(() => why().includes('Somebody else'), 'the reason');
    await supply.more(5, 'polled');
    expect(bench.server.world.basic.kills).toBe(0);
    other.socket.terminate();
  });

  test('pitfall 6: data of a stream somebody else started prove it safe, and it is not stopped when we leave', async () => {
    await using bench = await openLabLinkLab({ mode: 'fixed' });
    const other = await otherClient(bench.server);
    other.send({ type: 'start_stream', equipment_id: LOAD, stream_type: 'readings', interval_ms: 30 });
    await expect.poll(() => other.types.includes('stream_data:readings'), PATIENT).toBe(true);
    const load = bench.watch(LOAD, 'readings');
    await load.more(10, 'live');
    // Seen to be safe by their data: nothing had to be tried.
    expect(bench.server.world.acquisitions.sessions.size).toBe(0);
    await load.stream[Symbol.asyncDispose]();
    const before = other.types.length;
    await expect.poll(() => other.types.length > before + 5, PATIENT).toBe(true);
    expect(bench.server.world.basic.received.some(({ type }) => type === 'stop_stream')).toBe(false);
    other.socket.terminate();
  });

  test('pitfall 6: a stream somebody else stopped is asked for once more', async () => {
    await using bench = await openLabLinkLab({ mode: 'fixed' });
    const supply = bench.watch(SUPPLY, 'readings');
    await supply.more(5, 'live');
    const other = await otherClient(bench.server);
    other.send({ type: 'stop_stream', equipment_id: SUPPLY, stream_type: 'readings' });
    const sources = supply.sources.length;
    await supply.until(() => supply.sources.slice(sources).join() === 'polled,live', 'polled, then live again');
    expect(bench.lab.link.reason).toBe('');
    other.socket.terminate();
  });

  test('channels beyond the first are polled by a command each, and that is no fault', async () => {
    await using bench = await openLabLinkLab({ mode: 'fixed' });
    await bench.lab.setControl(SUPPLY, 'ch2.voltage.set', 4, { signal: soon() });
    await bench.lab.setControl(SUPPLY, 'ch2.output', true, { signal: soon() });
    const second = bench.watch(SUPPLY, 'readings-ch2', 200);
    await second.more(3, 'polled');
    expect(second.taken[0]?.values[0]).toBeCloseTo(4, 1);
    expect(bench.lab.link.polled).toBe(0);
  });

  test('a server restarted: polled or silent meanwhile, live again, the hole declared', async () => {
    await using bench = await openLabLinkLab({ mode: 'fixed' });
    const supply = bench.watch(SUPPLY, 'readings');
    await supply.more(10, 'live');
    await bench.server.kill();
    await bench.events.until(() => bench.lab.link.word !== 'connected', 'the end is seen');
    await bench.server.restart();
    await supply.more(10, 'live');
    expect(supply.gaps.length + supply.taken.filter(({ source }) => source === 'polled').length).toBeGreaterThan(0);
    expect(bench.lab.traffic.unaccounted).toBe(0);
  });

  test('a server that could send readings and cannot after a restart: seen at once, not tried again and again', async () => {
    await using bench = await openLabLinkLab({ mode: 'fixed' });
    const supply = bench.watch(SUPPLY, 'readings');
    const scope = bench.watch(SCOPE, 'measurements');
    await supply.more(5, 'live');
    await bench.server.kill();
    await bench.server.restart('asis');
    await connectMocks(bench.server);
    await bench.events.until(() => finding(bench.lab, 'live readings') === 'broken', 'the defect is seen', 30_000);
    await supply.more(3, 'polled');
    const starts = bench.server.world.basic.received.filter(({ stream_type }) => stream_type === 'readings');
    expect(starts.filter(({ type }) => type === 'start_stream').length).toBeLessThanOrEqual(1);
    await scope.more(3, 'live');
    expect(bench.server.world.basic.tasks.has(`${SUPPLY}_readings`)).toBe(false);
  });

  test('WebSocket off: polled; on again: live', async () => {
    await using bench = await openLabLinkLab({ mode: 'fixed', lab: { webSocket: false } });
    const supply = bench.watch(SUPPLY, 'readings');
    await supply.more(4, 'polled');
    expect(bench.server.world.openSockets.size).toBe(0);
    bench.lab.setSocket(true);
    await supply.more(4, 'live');
    bench.lab.setSocket(false);
    await supply.more(4, 'polled');
  });

  test('an instrument taken away and brought back: its stream comes back by itself', async () => {
    await using bench = await openLabLinkLab({ mode: 'fixed' });
    const supply = bench.watch(SUPPLY, 'readings');
    await supply.more(5, 'live');
    await bench.ask('POST', `/api/equipment/disconnect/${SUPPLY}`);
    await bench.events.until(
      () => bench.lab.equipment.find(({ id }) => id === SUPPLY)?.isConnected === false,
      'it is gone',
    );
    await connectMocks(bench.server, ['PSU']);
    await supply.more(5, 'live');
  });

  test('pitfall 5: naive local time of another zone and a wrong clock: rows stand at our time', async () => {
    const zone = { zoneMinutes: 330, clockErrorMs: -90_000 };
    await using bench = await openLabLinkLab({ mode: 'fixed', ...zone });
    const supply = bench.watch(SUPPLY, 'readings');
    await supply.more(10, 'live');
    const last = supply.taken.at(-1)?.timeNs ?? 0n;
    const offMs = Number(last / 1_000_000n) - Date.now();
    expect(Math.abs(offMs)).toBeLessThan(5_000);
    expect(bench.lab.clock.base).toBe('naive-local');
    expect(bench.lab.clock.offsetS).toBeCloseTo(-90, 0);
  });
});

describe.concurrent('enhanced', () => {
  test('found by its greeting; messages sent as they should be; nothing runs on after the end', async () => {
    await using bench = await openLabLinkLab({ mode: 'enhanced' });
    const supply = bench.watch(SUPPLY, 'readings');
    await supply.more(10, 'live');
    expect(bench.lab.dialect).toBe('lablink-enhanced');
    expect(bench.lab.features.priorities).toEqual(['LOW', 'NORMAL', 'HIGH', 'CRITICAL']);
    expect(bench.lab.features.compression).toContain('permessage-deflate');
    // permessage-deflate is there, so no second compression is asked for.
    const { received } = bench.server.world.enhanced;
    expect(received.find(({ type }) => type === 'start_stream')).not.toHaveProperty('compression');
    await bench.lab.command('', 'start_recording {"session_id":"r1"}', { signal: soon() });
    await bench.events.until(() => bench.events.notes('recording').length > 0, 'the recording is told');
    expect(JSON.parse(await bench.lab.command('', 'stats', { signal: soon() }))).toHaveProperty('connection');
    await bench.lab[Symbol.asyncDispose]();
    await expect.poll(() => bench.server.world.enhanced.clients.size, PATIENT).toBe(0);
    expect(bench.server.world.enhanced.leaked).toEqual([]);
  });

  test('on a port of its own it is found where the server has its REST calls, and the other way round', async () => {
    await using bench = await openLabLinkLab({ mode: 'enhanced', isApart: true });
    const supply = bench.watch(SUPPLY, 'readings');
    await supply.more(5, 'live');
    expect(bench.lab.dialect).toBe('lablink-enhanced');
    expect(bench.server.world.basic.received).toEqual([]);
    const ports = createNodePorts(createSystemClock());
    const url = `ws://127.0.0.1:${bench.server.port + 1}/ws`;
    await using other = await openLabLink(ports, { url });
    expect(other.equipment.map(({ id }) => id).sort()).toEqual([LOAD, SUPPLY, SCOPE]);
    await expect.poll(() => other.dialect, PATIENT).toBe('lablink-enhanced');
  });

  test('pitfall 13: without permessage-deflate zlib frames are asked for and read', async () => {
    await using bench = await openLabLinkLab({ mode: 'enhanced', plain: true });
    const supply = bench.watch(SUPPLY, 'readings');
    await supply.more(10, 'live');
    const start = bench.server.world.enhanced.received.find(({ type }) => type === 'start_stream');
    expect(start).toMatchObject({ compression: 'zlib', priority: 'normal' });
    expect(bench.lab.traffic.bytes).toBeGreaterThan(bench.lab.traffic.wireBytes);
  });

  test('pitfall 13: a changed interval stops before it starts, so no stream is left running', async () => {
    await using bench = await openLabLinkLab({ mode: 'enhanced' });
    const supply = bench.watch(SUPPLY, 'readings', 200);
    await supply.more(3, 'live');
    supply.stream.setInterval(50);
    await supply.more(10, 'live');
    const types = bench.server.world.enhanced.received
      .filter(({ type }) => type.endsWith('_stream'))
      .map(({ type }) => type);
    expect(types).toEqual(['start_stream', 'stop_stream', 'start_stream']);
    expect(bench.server.world.enhanced.leaked).toEqual([]);
  });

  test('pitfall 13: ten streams at 10 ms ask for no more than 80 messages a second', async () => {
    const prepare = async (server: LabLinkServer) => {
      for (let n = 1; n < 10; n++) server.world.mainDevices.connect(`MOCK::PSU::${n}`, 'MockPSU-3030');
    };
    await using bench = await openLabLinkLab({ mode: 'enhanced', prepare });
    const supplies = bench.lab.equipment.filter(({ shape }) => shape.role === 'supply');
    expect(supplies).toHaveLength(10);
    const outlets = supplies.map(({ id }) => bench.watch(id, 'readings', 10));
    await Promise.all(outlets.map((outlet) => outlet.more(10, 'live')));
    const intervals = new Map<string, number>();
    for (const { type, equipment_id, interval_ms } of bench.server.world.enhanced.received)
      if (type === 'start_stream') intervals.set(String(equipment_id), Number(interval_ms));
    const rate = [...intervals.values()].reduce((sum, ms) => sum + 1000 / ms, 0);
    expect(rate).toBeLessThanOrEqual(81);
    expect(rate).toBeGreaterThan(60);
    const stats = JSON.parse(await bench.lab.command('', 'stats', { signal: soon() })) as {
      connection: { messages_dropped: number };
    };
    expect(stats.connection.messages_dropped).toBe(0);
    expect(bench.server.world.enhanced.leaked).toEqual([]);
  });

  test('its dates not repaired: only our own connection is lost, then readings are polled', async () => {
    await using bench = await openLabLinkLab({ mode: 'enhanced-raw' });
    const supply = bench.watch(SUPPLY, 'readings');
    const scope = bench.watch(SCOPE, 'measurements');
    await supply.more(5, 'polled');
    await scope.until(() => scope.sources.at(-1) === 'live' && scope.sources.length > 1, 'measurements again');
    expect(finding(bench.lab, 'live readings')).toBe('broken');
    expect(supply.sources).toEqual(['polled']);
  });
});

describe.concurrent('acquisitions', () => {
  test('pitfall 7: overlapping windows give each sample once, in order, numbered without a hole', async () => {
    await using bench = await openLabLinkLab({ mode: 'fixed' });
    const line = 'acquire {"sample_rate":100,"channels":["CH1","CH2"],"buffer_size":1000}';
    await bench.lab.command(SUPPLY, line, { signal: soon() });
    const name = () => bench.lab.equipment.find(({ id }) => id === SUPPLY)?.streams.at(-1)?.name ?? '';
    await bench.events.until(() => name().startsWith('acq-'), 'the acquisition is offered');
    // A stream of readings proves that dates come through.
    const readings = bench.watch(SUPPLY, 'readings', 200);
    await readings.more(1, 'live');
    const acquired = bench.watch(SUPPLY, name(), 100);
    await acquired.more(100, 'live');
    expect(acquired.openings[0]?.columns.map(({ channel }) => channel)).toEqual(['acquired.ch1', 'acquired.ch2']);
    const times = acquired.taken.map(({ timeNs }) => timeNs);
    expect(new Set(times).size).toBe(times.length);
    expect(acquired.stream.stats.duplicates).toBeGreaterThan(0);
    expect(acquired.stream.stats.unaccounted).toBe(0);
  });

  test('two acquisitions of one instrument have channels of their own names', async () => {
    await using bench = await openLabLinkLab({ mode: 'fixed' });
    for (let n = 0; n < 2; n++) await bench.lab.command(SUPPLY, 'acquire {"sample_rate":10}', { signal: soon() });
    const offers = () =>
      bench.lab.equipment.find(({ id }) => id === SUPPLY)?.streams.filter(({ name }) => name.startsWith('acq-')) ?? [];
    await bench.events.until(() => offers().length === 2, 'both are offered');
    expect(offers().map(({ columns }) => columns[0]?.channel)).toEqual(['acquired.ch1', 'acquired2.ch1']);
  });

  test('pitfall 7: what came while the connection was away is filled in from the server', async () => {
    await using bench = await openLabLinkLab({ mode: 'fixed' });
    // Switched on, so that no two samples are alike.
    await bench.lab.setControl(SUPPLY, 'ch1.voltage.set', 5, { signal: soon() });
    await bench.lab.setControl(SUPPLY, 'ch1.output', true, { signal: soon() });
    await bench.lab.command(SUPPLY, 'acquire {"sample_rate":50,"buffer_size":2000}', { signal: soon() });
    const name = () => bench.lab.equipment.find(({ id }) => id === SUPPLY)?.streams.at(-1)?.name ?? '';
    await bench.events.until(() => name().startsWith('acq-'), 'the acquisition is offered');
    const readings = bench.watch(SUPPLY, 'readings', 200);
    await readings.more(1, 'live');
    const acquired = bench.watch(SUPPLY, name(), 50);
    await acquired.more(20, 'live');
    bench.server.drop(0);
    await acquired.more(20, 'live');
    expect(acquired.stream.stats.lost).toBe(0);
    expect(acquired.stream.stats.unaccounted).toBe(0);
    expect(
      acquired.stream.stats.filled + acquired.taken.filter(({ source }) => source === 'polled').length,
    ).toBeGreaterThan(0);
    // Every sample of the session from the first one seen to the last, once, whatever way it came.
    const [session] = bench.server.world.acquisitions.sessions.values();
    const sampled = session?.values.get('CH1') ?? [];
    const first = sampled.indexOf(acquired.taken[0]?.values[0] ?? Number.NaN);
    const mine = acquired.taken.map(({ values }) => values[0]);
    expect(mine).toEqual(sampled.slice(first, first + mine.length));
  });

  test('pitfall 4 and 9: a channel the server does not have gives NaN, the state that sticks is no matter', async () => {
    await using bench = await openLabLinkLab({ mode: 'fixed' });
    const line = 'acquire {"sample_rate":50,"channels":["CH1","CH9"],"buffer_size":100}';
    await bench.lab.command(SUPPLY, line, { signal: soon() });
    const name = () => bench.lab.equipment.find(({ id }) => id === SUPPLY)?.streams.at(-1)?.name ?? '';
    await bench.events.until(() => name().startsWith('acq-'), 'the acquisition is offered');
    const readings = bench.watch(SUPPLY, 'readings', 200);
    await readings.more(1, 'live');
    const acquired = bench.watch(SUPPLY, name(), 50);
    await acquired.more(10, 'live');
    expect(acquired.taken.at(-1)?.values[1]).toBeNaN();
    // REST fails with plain text and a reset connection meanwhile: other questions come through all the same.
    expect(await bench.lab.readControls(SUPPLY, soon())).toHaveProperty('ch1.output');
  });
});

test('a thousand streams opened and closed leave nothing at the server or here', async () => {
  await using bench = await openLabLinkLab({ mode: 'fixed' });
  const first = bench.watch(SUPPLY, 'readings');
  await first.more(3, 'live');
  for (let round = 0; round < 1000; round++) {
    const outlet = bench.watch(LOAD, 'readings', 10 + (round % 7) * 10);
    await outlet.stream[Symbol.asyncDispose]();
  }
  await first.stream[Symbol.asyncDispose]();
  await expect.poll(() => bench.server.world.basic.tasks.size, PATIENT).toBe(0);
  await bench.lab[Symbol.asyncDispose]();
  await expect.poll(() => bench.server.world.openSockets.size, PATIENT).toBe(0);
  expect(openScopes()).toEqual([]);
});
