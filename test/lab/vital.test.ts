import { deflateSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { linkLabel } from '../../src/core/link-word.ts';
import { Scope } from '../../src/core/scope.ts';
import { createNodePorts } from '../../src/engine/lab/node-ports.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import type { LabServer, LabServerOptions } from '../../src/lab/lab-server.ts';
import { openLabServer } from '../../src/lab/open-lab-server.ts';
import { VITAL_DIALECT } from '../../src/lab/vital/dialect.ts';
import { openVital } from '../../src/lab/vital/vital-server.ts';
import { packVitalFrame, VITAL_FLAGS } from '../../src/protocol/lab/vital-frame.ts';
import { packMessagePack } from '../../src/protocol/lab/vital-payload.ts';
import type { VitalKnobs } from '../servers/vital/server.ts';
import { VitalServer } from '../servers/vital/server.ts';
import { RecordedEvents, RecordedOutlet } from './recorded-outlet.ts';

let scope: Scope;
beforeEach(() => {
  scope = new Scope('vital test');
});
afterEach(() => scope[Symbol.asyncDispose]());

async function startServer(knobs: Partial<VitalKnobs> = {}): Promise<VitalServer> {
  return scope.use(await VitalServer.start({ ...knobs }));
}

async function openClient(
  server: VitalServer,
  options: Partial<LabServerOptions> = {},
): Promise<{ client: LabServer; events: RecordedEvents }> {
  const ports = scope.use(createNodePorts(createSystemClock()));
  const url = `http://127.0.0.1:${server.port}/?patient=p1`;
  const client = scope.use(await openVital(ports, { url, ...options }));
  return { client, events: scope.use(new RecordedEvents(client)) };
}

/** The values of a lead are the numbers of its samples: a run without a hole goes up by one. */
function expectRun(outlet: RecordedOutlet): void {
  const numbers = outlet.taken.map(({ values }) => values[0] ?? Number.NaN);
  expect(numbers.every((value, at) => at === 0 || value === (numbers[at - 1] ?? 0) + 1)).toBe(true);
  const steps = outlet.taken.slice(1).map(({ timeNs }, at) => Number(timeNs - (outlet.taken[at]?.timeNs ?? 0n)) / 1e6);
  expect(Math.max(...steps)).toBeCloseTo(4, 3);
  expect(Math.min(...steps)).toBeCloseTo(4, 3);
}

describe('VITAL over real sockets', () => {
  test('recognised by its first frame; leads come as regular rows at their rate, compressed or not', async () => {
    const server = await startServer({ block: 100, threshold: 512 });
    const ports = scope.use(createNodePorts(createSystemClock()));
    const url = `http://127.0.0.1:${server.port}?patient=p1`;
    const client = scope.use(await openLabServer(ports, { url }, new AbortController().signal, [VITAL_DIALECT]));
    expect(client.dialect).toBe('vital');
    const events = scope.use(new RecordedEvents(client));
    const outlet = new RecordedOutlet();
    scope.use(client.openStream('patient-p1', 'ecg', 1000, outlet));
    await outlet.more(300, 'live');
    expect(outlet.openings).toEqual([
      {
        columns: [
          { channel: 'I', unit: '' },
          { channel: 'II', unit: '' },
        ],
        rateHz: 250,
      },
    ]);
    expectRun(outlet);
    expect(outlet.taken[10]?.values[1]).toBe(-(outlet.taken[10]?.values[0] ?? 0));
    expect(client.about.version).toBe('protocol 3');
    expect(linkLabel(client.link)).toBe('Live Data');
    expect(client.clock).toMatchObject({ base: 'unix' });
    expect(events.of('error')).toEqual([]);
  });

  for (const version of [1, 2, 3] as const) {
    test(`351 version ${version} is agreed on`, async () => {
      const server = await startServer({ version });
      const { client } = await openClient(server);
      const outlet = new RecordedOutlet();
      scope.use(client.openStream('patient-p1', 'ecg', 1000, outlet));
      await outlet.more(50, 'live');
      expect(client.about.version).toBe(`protocol ${version}`);
      const subscribe = server.seen.find(({ type }) => type === 'SUBSCRIBE');
      expect(subscribe).toMatchObject({ version, body: { subscription_type: 'ecg', target_id: 'p1' } });
      expect(server.seen[0]).toMatchObject({ type: 'VERSION_CHECK', body: { version } });
    });
  }

  test('a server that waits is spoken to', async () => {
    const server = await startServer({ greets: false, version: 2 });
    const { client } = await openClient(server);
    const outlet = new RecordedOutlet();
    scope.use(client.openStream('patient-p1', 'ecg', 1000, outlet));
    await outlet.more(25, 'live');
    expect(client.about.version).toBe('protocol 2');
  });

  test('a server that speaks JSON, and hangs up at a frame, is found out', async () => {
    const server = await startServer({ speaks: 'json', greets: false });
    const { client } = await openClient(server);
    const outlet = new RecordedOutlet();
    scope.use(client.openStream('patient-p1', 'ecg', 1000, outlet));
    await outlet.more(50, 'live');
    expect(client.about.version).toBe('JSON');
    expect(server.connections).toBe(2);
    expectRun(outlet);
  });

  test('the path is found: documents name four', async () => {
    const server = await startServer({ path: '/ws/connect' });
    const { client } = await openClient(server);
    const outlet = new RecordedOutlet();
    scope.use(client.openStream('patient-p1', 'ecg', 1000, outlet));
    await outlet.more(25, 'live');
    expect(client.link.word).toBe('connected');
  });

  test('frames that ask for it are acknowledged after their rows were taken', async () => {
    const server = await startServer({ acks: true });
    const { client } = await openClient(server);
    const outlet = new RecordedOutlet();
    scope.use(client.openStream('patient-p1', 'ecg', 1000, outlet));
    await outlet.more(100, 'live');
    const acks = server.seen.filter(({ type }) => type === 'SUBSCRIPTION_ACK');
    expect(acks.length).toBeGreaterThanOrEqual(3);
    expect(acks[0]?.body).toMatchObject({ ack: 'ECG_DATA', timestamp_us: expect.any(Number) });
  });

  test('NumPy arrays in their wrapper, and a rate that is not said', async () => {
    const server = await startServer({ wraps: true, saysRate: false });
    const { client } = await openClient(server);
    const outlet = new RecordedOutlet();
    scope.use(client.openStream('patient-p1', 'ecg', 1000, outlet));
    await outlet.more(75, 'live');
    expectRun(outlet);
    expect(client.about.findings.some(({ feature }) => feature === 'Sampling rate')).toBe(true);
    expect(client.equipment[0]?.status.rate).toBe('250 Hz (assumed)');
  });

  test('messages the server left out are lost rows with their number; a cut is a gap; nothing is unaccounted', async () => {
    const server = await startServer();
    const { client, events } = await openClient(server);
    const outlet = new RecordedOutlet();
    scope.use(client.openStream('patient-p1', 'ecg', 1000, outlet));
    await outlet.more(50, 'live');
    server.swallow = 2;
    await events.until(() => events.of('loss').length === 1, 'the loss');
    expect(events.of('loss')[0]).toMatchObject({ lost: 50, isUnaccounted: false });
    server.cut();
    await outlet.until(() => outlet.gaps.length === 1, 'the gap');
    await outlet.more(25, 'live');
    expect(client.traffic.unaccounted).toBe(0);
    // By the numbers of the samples: all rows that came or were declared lost.
    const stats = outlet.taken.map(({ values }) => values[0] ?? 0);
    expect(new Set(stats).size).toBe(stats.length);
  });

  test('alerts are alarms; errors are told by their number; predictions are lines', async () => {
    const server = await startServer();
    const { client, events } = await openClient(server);
    await events.until(() => client.link.word === 'connected', 'connected');
    server.send('ANOMALY_ALERT', { patient_id: 'p1', severity: 'critical', message: 'VF', alert_id: 'a1' });
    server.send('ERROR', { code: 0x204, message: 'slow down' });
    server.send('PREDICTION_RESULT', { patient_id: 'p1', risk: 0.2 });
    await events.until(() => events.notes('prediction').length === 1, 'all came');
    expect(events.of('alarm')[0]).toMatchObject({
      id: 'a1',
      severity: 'critical',
      equipment: 'patient-p1',
      text: 'VF',
      state: 'active',
    });
    expect(events.of('error')[0]?.error.message).toMatch(/too many messages: slow down/);
  });

  test('351 frames that are broken, lie, are encrypted or a bomb are counted; the connection stays', async () => {
    const server = await startServer();
    const { client, events } = await openClient(server);
    await events.until(() => client.link.word === 'connected', 'connected');
    const good = packVitalFrame(3, 'HEARTBEAT', 0, packMessagePack({}));
    server.raw(good.with(good.length - 1, 1));
    server.raw(good.subarray(0, 10));
    server.raw(packVitalFrame(3, 'ECG_DATA', VITAL_FLAGS.ENCRYPTED, packMessagePack({})));
    server.raw(packVitalFrame(2, 'ECG_DATA', VITAL_FLAGS.COMPRESSED, Uint8Array.of(1, 2, 3)));
    server.raw(packVitalFrame(2, 'ECG_DATA', VITAL_FLAGS.COMPRESSED, deflateSync(Buffer.alloc(40 * 1024 * 1024))));
    server.raw(packVitalFrame(3, 'ECG_DATA', 0, packMessagePack({ data: 'no' })));
    server.raw('{"type":');
    await expect.poll(() => client.traffic.malformed).toBe(7);
    expect(client.link.word).toBe('connected');
    expect(client.about.findings.find(({ feature }) => feature === 'Encrypted messages')?.state).toBe('broken');
  });

  test('a login that is wanted has failed with what to do; the token goes in a header', async () => {
    const server = await startServer({ token: 'secret-token' });
    const { client, events } = await openClient(server);
    await events.until(() => client.link.word === 'failed', 'failed');
    expect(client.link.error?.code).toBe('server.unauthorized');
    const { client: known, events: told } = await openClient(server, { token: 'secret-token' });
    await told.until(() => known.link.word === 'connected', 'connected');
  });

  test('a patient who is heard and not named in the address is equipment, too', async () => {
    const server = await startServer();
    const { client, events } = await openClient(server);
    await events.until(() => client.link.word === 'connected', 'connected');
    server.send('ECG_DATA', { patient_id: 'p2', signal: [1, 2, 3], sampling_rate: 500, timestamp: Date.now() / 1000 });
    await events.until(() => client.equipment.length === 2, 'the second patient');
    const outlet = new RecordedOutlet();
    scope.use(client.openStream('patient-p2', 'ecg', 1000, outlet));
    await expect.poll(() => server.patients).toContain('p2');
    expect(outlet.openings[0]?.rateHz).toBe(500);
  });
});
