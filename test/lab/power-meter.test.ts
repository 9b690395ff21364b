import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { linkLabel } from '../../src/core/link-word.ts';
import { Scope } from '../../src/core/scope.ts';
import { createNodePorts } from '../../src/engine/lab/node-ports.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import type { LabServer } from '../../src/lab/lab-server.ts';
import { openLabServer } from '../../src/lab/open-lab-server.ts';
import { POWER_METER_DIALECT } from '../../src/lab/power-meter/dialect.ts';
import type { PowerMeterOptions } from '../../src/lab/power-meter/power-meter-server.ts';
import { openPowerMeter } from '../../src/lab/power-meter/power-meter-server.ts';
import type { FaultProxy } from '../servers/fault-proxy.ts';
import { openFaultProxy } from '../servers/fault-proxy.ts';
import { PowerMeterServer } from '../servers/power-meter/server.ts';
import type { PowerMeterKnobs } from '../servers/power-meter/state.ts';
import { RecordedEvents, RecordedOutlet } from './recorded-outlet.ts';

let stack: Scope;
beforeEach(() => {
  stack = new Scope('power meter test');
});
afterEach(() => stack[Symbol.asyncDispose]());

const GATE = { openMs: 60_000, closedMs: 100, leastMs: 20 };

interface Bench {
  server: PowerMeterServer;
  client: LabServer;
  events: RecordedEvents;
  outlet: RecordedOutlet;
}

async function startServer(knobs: Partial<PowerMeterKnobs> = {}, port = 0): Promise<PowerMeterServer> {
  const server = await PowerMeterServer.start({ sweepMs: 1200, ...knobs }, port);
  stack.use(server);
  return server;
}

async function openClient(options: PowerMeterOptions): Promise<LabServer> {
  const ports = createNodePorts(createSystemClock());
  stack.use(ports);
  const client = await openPowerMeter(ports, { gate: GATE, ...options });
  stack.use(client);
  return client;
}

async function startBench(
  knobs: Partial<PowerMeterKnobs> = {},
  options: Partial<PowerMeterOptions> = {},
): Promise<Bench> {
  const server = await startServer(knobs);
  const client = await openClient({ ...options, url: options.url ?? server.url });
  const events = stack.use(new RecordedEvents(client));
  return { server, client, events, outlet: new RecordedOutlet() };
}

async function startProxy(server: PowerMeterServer): Promise<FaultProxy> {
  return stack.use(await openFaultProxy(server.port));
}

const nowNs = (): bigint => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6));

describe('power meter over real sockets', () => {
  test('115 127 recognised by what it says; four powers and the wavelength come live', async () => {
    const server = await startServer();
    const ports = stack.use(createNodePorts(createSystemClock()));
    const client = stack.use(
      await openLabServer(ports, { url: server.url }, new AbortController().signal, [POWER_METER_DIALECT]),
    );
    const events = stack.use(new RecordedEvents(client));
    expect(client.dialect).toBe('power-meter');
    const outlet = new RecordedOutlet();
    stack.use(client.openStream('module4', 'power', 50, outlet));
    await outlet.more(5, 'live');
    expect(outlet.openings[0]?.columns).toEqual([
      ...[1, 2, 3, 4].map((n) => ({ channel: `ch${n}.power`, unit: 'dBm' })),
      { channel: 'wavelength', unit: 'nm' },
    ]);
    const [ch1 = 0, , , ch4 = 0, wavelength] = outlet.taken.at(-1)?.values ?? [];
    expect(ch1).toBeCloseTo(-13.3, 0);
    expect(ch4).toBeCloseTo(-6.4, 0);
    expect(wavelength).toBe(1310);
    await events.until(() => client.link.word === 'connected', 'connected');
    expect(linkLabel(client.link)).toBe('Live Data');
    expect(client.equipment.map(({ id, identity }) => [id, identity.serial])).toEqual([
      ['module4', '12345678-4'],
      ['mainframe', '12345678'],
    ]);
  });

  test('130 not one byte is sent on the power socket, over heartbeats and a change of nothing', async () => {
    const { server, client, outlet } = await startBench({ heartbeatMs: 60, killMs: 50 });
    stack.use(client.openStream('module4', 'power', 20, outlet));
    await outlet.more(25, 'live');
    client.equipment.map(({ status }) => status);
    await outlet.more(10, 'live');
    expect(server.power).toHaveLength(1);
    expect(server.power.map(({ bytes, received }) => [bytes, received])).toEqual([[0, []]]);
    // The health socket, where it is allowed, is another one.
    expect(server.sockets.map(({ path }) => path).sort()).toEqual(['/ws/health', '/ws/power']);
  });

  test('130 the defect is real: a client that does send is cut', async () => {
    const server = await startServer({ killMs: 100 });
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws/power?interval=0.05`);
    socket.on('open', () => socket.send('ping'));
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
    expect([code, String(reason)]).toEqual([1011, 'keepalive ping timeout']);
  });

  test('115 rows of a monotonic clock get our time, and heartbeats of another clock change nothing', async () => {
    const { server, client, outlet } = await startBench({ heartbeatMs: 60, zoneMinutes: 330, monotonicS: 12_345 });
    stack.use(client.openStream('module4', 'power', 20, outlet));
    await outlet.more(30, 'live');
    expect(server.state.knobs.monotonicS).toBe(12_345);
    expect(client.clock).toMatchObject({ base: 'monotonic', method: 'one-way' });
    const away = Number(nowNs() - (outlet.taken.at(-1)?.timeNs ?? 0n)) / 1e9;
    expect(Math.abs(away)).toBeLessThan(5);
    for (let at = 1; at < outlet.taken.length; at++) {
      expect(outlet.taken[at]?.timeNs).toBeGreaterThan(outlet.taken[at - 1]?.timeNs ?? 0n);
    }
    expect(outlet.uncertaintyS).toBeGreaterThanOrEqual(0);
  });

  test('108 two modules at two rates at once, each on a socket of its own', async () => {
    const { server, client } = await startBench({}, {});
    const two = await openClient({ url: `${server.url}/?module=4,7` });
    const fast = new RecordedOutlet();
    const slow = new RecordedOutlet();
    stack.use(two.openStream('module4', 'power', 20, fast));
    stack.use(two.openStream('module7', 'power', 500, slow));
    await Promise.all([fast.more(20, 'live'), slow.more(2, 'live')]);
    expect(server.power.map(({ module, intervalS }) => [module, intervalS]).sort()).toEqual([
      [4, 0.02],
      [7, 0.5],
    ]);
    expect(client.link.streams).toBe(0);
    expect(two.link.streams).toBe(2);
  });

  test('108 another interval is another connection; the last consumer to leave closes it', async () => {
    const { server, client, outlet } = await startBench();
    const stream = client.openStream('module4', 'power', 200, outlet);
    await outlet.more(2, 'live');
    stream.setInterval(50);
    await outlet.until(() => server.power.some(({ intervalS }) => intervalS === 0.05), 'the faster connection');
    await outlet.more(3, 'live');
    expect(server.power).toHaveLength(1);
    await stream[Symbol.asyncDispose]();
    await expect.poll(() => server.power.length).toBe(0);
  });

  test('118 a wrong module or interval is named, and nothing is connected', async () => {
    const { server, client, outlet } = await startBench();
    expect(() => client.openStream('module4', 'power', 5, outlet)).toThrow(/interval/);
    expect(() => client.openStream('module4', 'power', 20_000, outlet)).toThrow(/interval/);
    await expect(openClient({ url: `${server.url}/ws/power?module=21` })).rejects.toThrow(/Module 21/);
    expect(server.refused).toEqual([]);
  });

  test('118 120 the address of the seed works, its path included', async () => {
    const server = await startServer();
    const client = await openClient({ url: `ws://127.0.0.1:${server.port}/api/v1/ws/v2/power?module=4&interval=0.1` });
    const outlet = new RecordedOutlet();
    const offer = client.equipment[0]?.streams[0];
    expect(offer?.defaultIntervalMs).toBe(100);
    stack.use(client.openStream('module4', 'power', offer?.defaultIntervalMs ?? 0, outlet));
    await outlet.more(2, 'live');
    expect(server.power[0]?.path).toBe('/api/v1/ws/v2/power');
  });

  test('123 the instrument goes: the socket closes before the tenth error, nothing is retried; it comes back: rows', async () => {
    const { server, client, events, outlet } = await startBench();
    stack.use(client.openStream('module4', 'power', 100, outlet));
    await outlet.more(3, 'live');
    server.state.isConnected = false;
    await events.until(() => client.link.word === 'disconnected', 'the gate closed');
    expect(client.link.reason).toMatch(/not connected to its server/);
    expect(linkLabel(client.link)).toBe('Disconnected');
    await expect.poll(() => server.power.length).toBe(0);
    // It is away, not another one.
    expect(client.equipment[0]).toMatchObject({ isConnected: false, identity: { serial: '12345678-4' } });
    const made = server.sockets.length;
    // 126: one line for the storm, not one for each error.
    expect(events.notes('hardware').filter(({ severity }) => severity === 'warning')).toHaveLength(1);
    const asked = server.requests.filter((line) => line.includes('/connection/status')).length;
    await expect
      .poll(() => server.requests.filter((line) => line.includes('/connection/status')).length, { timeout: 10_000 })
      .toBeGreaterThan(asked + 3);
    expect(server.sockets.length).toBe(made);
    expect(events.of('link').some(({ link }) => link.word === 'reconnecting')).toBe(false);
    server.state.isConnected = true;
    await outlet.more(2, 'live');
    expect(outlet.gaps.length).toBeGreaterThan(0);
  });

  test('105 106 126 errors with the instrument still there keep the socket; the count is shown, begins anew, one line is said', async () => {
    const { server, client, events, outlet } = await startBench({ maxErrors: 1000 });
    stack.use(client.openStream('module4', 'power', 30, outlet));
    await outlet.more(3, 'live');
    const socket = server.power[0];
    server.state.broken.add(2);
    const hardware = (): string | undefined => client.equipment[0]?.status.hardware;
    await events.until(() => /\((1[0-9]|[2-9][0-9])\)/.test(hardware() ?? ''), 'more than ten errors');
    expect(events.notes('hardware')).toHaveLength(1);
    server.state.broken.clear();
    await outlet.more(3, 'live');
    expect(hardware()).toBeUndefined();
    expect(server.power[0]).toBe(socket);
    server.state.broken.add(1);
    await events.until(() => /\(1\)/.test(hardware() ?? ''), 'the count begins at 1');
  });

  test('117 the tenth error drops the socket without a word: not tried before its 5 s, meanwhile polled', async () => {
    const { server, client, events, outlet } = await startBench();
    stack.use(client.openStream('module4', 'power', 20, outlet));
    await outlet.more(3, 'live');
    server.state.broken.add(3);
    await events.until(() => client.link.word === 'reconnecting', 'reconnecting');
    const { nextTryMs = 0, sinceMs, reason } = client.link;
    expect(reason).toMatch(/Too many consecutive errors/);
    expect(nextTryMs - sinceMs).toBeGreaterThanOrEqual(4999);
    expect(nextTryMs - sinceMs).toBeLessThanOrEqual(6001);
    expect(linkLabel(client.link)).toBe('Reconnecting (1/10)');
    server.state.broken.clear();
    await outlet.more(1, 'polled');
    expect(outlet.sources).toContain('polled');
  });

  test('133 a socket that delivers nothing is polled, at most once a second, and goes back to live without doubles', async () => {
    const { server, client, outlet } = await startBench();
    stack.use(client.openStream('module4', 'power', 100, outlet));
    await outlet.more(3, 'live');
    server.state.isFrozen = true;
    const before = server.requests.filter((line) => line.includes('/detector/snapshot')).length;
    const startMs = performance.now();
    await outlet.more(2, 'polled');
    const polls = server.requests.filter((line) => line.includes('/detector/snapshot')).length - before;
    expect(polls).toBeLessThanOrEqual(Math.ceil((performance.now() - startMs) / 1000) + 1);
    server.state.isFrozen = false;
    await outlet.more(3, 'live');
    const times = outlet.taken.map(({ timeNs }) => timeNs);
    expect(new Set(times).size).toBe(times.length);
    expect(times.every((time, at) => at === 0 || time > (times[at - 1] ?? 0n))).toBe(true);
  });

  test('128 the server is killed and starts again on its port: reconnecting, then live, with a gap', async () => {
    const first = await startServer({ monotonicS: 5000 });
    const proxy = await startProxy(first);
    const client = await openClient({ url: `http://${proxy.host}` });
    const events = stack.use(new RecordedEvents(client));
    const outlet = new RecordedOutlet();
    stack.use(client.openStream('module4', 'power', 50, outlet));
    await outlet.more(5, 'live');
    await first[Symbol.asyncDispose]();
    proxy.set({ isRefusing: true });
    proxy.cut();
    await events.until(() => client.link.word === 'reconnecting', 'reconnecting');
    expect(linkLabel(client.link)).toMatch(/^Reconnecting \(\d+\/10\)$/);
    // Another process, on another machine: its clock began elsewhere.
    const second = await startServer({ monotonicS: 17 });
    proxy.retarget(second.port);
    proxy.set({ isRefusing: false });
    await outlet.more(5, 'live', 30_000);
    expect(outlet.gaps.length).toBeGreaterThan(0);
    const last = outlet.taken.at(-1)?.timeNs ?? 0n;
    expect(Math.abs(Number(nowNs() - last)) / 1e9).toBeLessThan(5);
  });

  test('128 with nothing streamed the health socket tells that the server went and came', async () => {
    const first = await startServer();
    const proxy = await startProxy(first);
    const client = await openClient({ url: `http://${proxy.host}` });
    const events = stack.use(new RecordedEvents(client));
    await events.until(() => client.link.word === 'connected', 'connected');
    proxy.set({ isRefusing: true });
    proxy.cut();
    await events.until(() => client.link.word === 'reconnecting', 'reconnecting');
    proxy.set({ isRefusing: false });
    await events.until(() => client.link.word === 'connected', 'connected again');
    expect(first.power).toEqual([]);
  });

  test('129 a cut network is seen, the gap is declared with its reason, rows go on', async () => {
    const server = await startServer();
    const proxy = await startProxy(server);
    const client = await openClient({ url: `http://${proxy.host}` });
    const outlet = new RecordedOutlet();
    stack.use(client.openStream('module4', 'power', 30, outlet));
    await outlet.more(5, 'live');
    proxy.cut();
    await outlet.more(5, 'live');
    expect(outlet.gaps).toHaveLength(1);
    expect(outlet.gaps[0]?.reason).not.toBe('');
    expect(client.traffic.unaccounted).toBe(0);
  });

  test('the unit changes: the stream opens anew with it', async () => {
    const { client, outlet } = await startBench();
    stack.use(client.openStream('module4', 'power', 30, outlet));
    await outlet.more(2, 'live');
    const read = await client.setControl('module4', 'unit', 'mW', {});
    expect(read.unit).toBe('mW');
    await outlet.until(() => outlet.openings.length === 2, 'the second opening');
    expect(outlet.openings[1]?.columns[0]).toEqual({ channel: 'ch1.power', unit: 'mW' });
    await outlet.more(2, 'live');
    expect(outlet.taken.at(-1)?.values[0]).toBeGreaterThan(0);
  });

  test('settings are read and set where the server can, and a refusal names the limit', async () => {
    const { server, client, events } = await startBench();
    const signal = new AbortController().signal;
    expect(await client.readControls('module4', signal)).toEqual({ unit: 'dBm', wavelength: 1310, resolution: 0.1 });
    expect(await client.setControl('module4', 'wavelength', 1550, {})).toMatchObject({ wavelength: 1550 });
    expect(await client.setControl('module4', 'resolution', 1, {})).toMatchObject({ resolution: 1 });
    // Which lasers there are is found out first.
    await events.until(() => client.about.findings.some(({ feature }) => feature === 'Limits of the sweep'), 'probed');
    expect(await client.setControl('mainframe', 'tls1.speed', 50, {})).toMatchObject({ 'tls1.speed': 50 });
    await expect(client.setControl('mainframe', 'tls1.power', 50, {})).rejects.toMatchObject({
      code: 'server.rejected',
      message: expect.stringMatching(/laser_power_dbm.*less than or equal to 10/),
    });
    await expect(client.setControl('module4', 'nothing', 1, {})).rejects.toMatchObject({ code: 'call.invalid' });
    expect(await client.setControl('mainframe', 'laser1.output', true, {})).toMatchObject({ 'laser1.output': true });
    const off = await client.outputsOff('mainframe');
    expect(off).toHaveLength(10);
    expect(off.every(({ confirmed }) => confirmed)).toBe(true);
    expect(server.state.lasers.some(({ is_on }) => is_on)).toBe(false);
    expect(await client.command('mainframe', 'GET /connection/condition', {})).toContain('"is_idle":true');
    expect(client.features).toMatchObject({ console: true, commands: false });
    expect(await client.command('', 'help', {})).toContain('GET /');
    await expect(client.command('mainframe', '*IDN?', {})).rejects.toMatchObject({ code: 'server.unsupported' });
  });

  test('140 a sweep is followed at 2 Hz to its end', async () => {
    const { server, client, events } = await startBench({ sweepMs: 5000 });
    await client.readControls('mainframe', new AbortController().signal);
    const asked = (): number => server.requests.filter((line) => line.includes('/sweep/status')).length;
    const before = asked();
    const beganNs = nowNs();
    await client.setControl('mainframe', 'sweep.start', true, {});
    await events.until(
      () => events.notes('sweep').some(({ data }) => data.is_sweeping === false),
      'the end of the sweep',
    );
    const during = asked() - before;
    expect(during).toBeGreaterThanOrEqual(3);
    // Two a second, one at the start and one at the end.
    expect(during).toBeLessThanOrEqual(Number(nowNs() - beganNs) / 5e8 + 2);
    expect(events.notes('sweep').at(-1)).toMatchObject({ text: expect.stringMatching(/^Sweep complete/) });
  });

  test('116 119 heartbeats count the streams; the findings say what is broken', async () => {
    const { server, client, events, outlet } = await startBench({ healthMs: 50 });
    stack.use(client.openStream('module4', 'power', 50, outlet));
    await outlet.more(1, 'live');
    await expect.poll(() => client.equipment[0]?.status.streams).toBe('1 on the server');
    await events.until(
      () =>
        client.about.findings.some(({ feature, state }) => feature === 'Reading the wavelength' && state === 'broken'),
      'the failing call is found',
    );
    expect(server.requests).toContain('GET /detector/wavelength?module=4&channel=1');
  });

  test('103 heartbeats are counted, each once, whatever the interval of the data; when the last one came is known', async () => {
    const server = await startServer({ heartbeatMs: 50, healthMs: 600_000 });
    const client = await openClient({ url: `${server.url}/?module=4,7` });
    const sinceNs = nowNs();
    const fast = new RecordedOutlet();
    stack.use(client.openStream('module4', 'power', 20, fast));
    stack.use(client.openStream('module7', 'power', 300, new RecordedOutlet()));
    await expect.poll(() => server.heartbeats).toBeGreaterThan(6);
    await fast.more(1, 'live');
    server.state.isFrozen = true;
    await expect.poll(() => client.traffic.heartbeats?.count).toSatisfy((count) => count === server.heartbeats);
    const { lastNs = 0n } = client.traffic.heartbeats ?? {};
    expect(lastNs).toBeGreaterThan(sinceNs);
    expect(lastNs).toBeLessThanOrEqual(nowNs());
  });

  test('what Python writes for numbers that are none comes through: NaN missing, infinity overload', async () => {
    const { server, client, outlet } = await startBench();
    server.state.odd.set(2, Number.NaN).set(3, Number.NEGATIVE_INFINITY);
    stack.use(client.openStream('module4', 'power', 30, outlet));
    await outlet.more(2, 'live');
    expect(outlet.taken[0]?.values.slice(1, 3)).toEqual([Number.NaN, Number.NEGATIVE_INFINITY]);
    expect(client.traffic.malformed).toBe(0);
  });

  test('124 by the person: disconnected and connected again; the WebSocket switched off polls', async () => {
    const { server, client, events, outlet } = await startBench();
    stack.use(client.openStream('module4', 'power', 50, outlet));
    await outlet.more(2, 'live');
    client.setSocket(false);
    await outlet.more(2, 'polled');
    expect(client.link).toMatchObject({ word: 'degraded', polled: 1, pollS: 1 });
    client.setSocket(true);
    await outlet.more(2, 'live');
    client.disconnect();
    await expect.poll(() => server.sockets.filter(({ isOpen }) => isOpen).length).toBe(0);
    expect(client.link.word).toBe('disconnected');
    client.reconnect();
    await outlet.more(2, 'live');
    await events.until(() => client.link.word === 'connected', 'connected again');
  });

  test('134 135 bytes of messages are counted: some 210 each, which is 2 KB/s at 10 Hz', async () => {
    const { client, outlet } = await startBench();
    stack.use(client.openStream('module4', 'power', 20, outlet));
    await outlet.more(12, 'live');
    const { bytes, messages } = client.traffic;
    expect(bytes / messages).toBeGreaterThan(180);
    expect(bytes / messages).toBeLessThan(230);
    expect(client.traffic.wireBytes).toBeLessThanOrEqual(bytes + 10 * messages);
  });
});
