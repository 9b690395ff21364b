import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FaultProxy, openFaultProxy } from '../servers/fault-proxy.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { checkSequence } from './labwire-lab.ts';
import { LabwireProbe } from './labwire-probe.ts';

let lab: HubLab;
let proxy: FaultProxy;
let token: string;

beforeAll(async () => {
  lab = await openHubLab({
    attach: ['daq'],
    hub: { limits: { queueItems: 200, messageBytes: 1_048_576, replayS: 300, connections: 20 } },
  });
  token = await lab.token('developer');
  proxy = await openFaultProxy(Number(new URL(lab.url()).port));
  await lab.screen.until('streams', ({ streams }) => streams.length > 0);
});

afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});

test('313 315 345 a link that is too slow for its rows as text: they are thinned, each one left out is said, and the figures are a count of our own', async () => {
  const equipment = lab.bench.equipment[0];
  const name = equipment?.streams[0]?.name ?? '';
  const key = `${equipment?.id}/${name}`;
  proxy.set({ bytesPerS: 12_000 });
  const probe = new LabwireProbe(`ws://${proxy.host}/ws`, { token });
  await probe.hello({ accept: { ack: true }, desired: [{ equipment_id: equipment?.id, stream_type: name }] });
  probe.isAcking = true;
  probe.say({ type: 'ack', bytes: probe.bytes });
  const report = await probe.until(
    'a report',
    () => probe.heard.find(({ type, state }) => type === 'drop_report' && state !== 'NORMAL'),
    60_000,
  );
  expect(report).toMatchObject({
    since: expect.any(Number),
    by_class: expect.any(Object),
    by_stream: expect.any(Object),
  });
  const data = (): LabwireProbe['heard'] => probe.heard.filter(({ type }) => type === 'stream_data');
  await probe.until(
    'rows that were thinned',
    () => data().filter(({ skipped }) => skipped !== undefined).length > 5,
    60_000,
  );
  const first = (await probe.of('stream_started')).seq as number | undefined;
  const seen = checkSequence(probe.order, key, -1, first);
  const reasons = Object.keys(seen.skipped);
  expect(reasons.length).toBeGreaterThan(0);
  for (const reason of reasons) expect(['decimated', 'overflow', 'conflated']).toContain(reason);
  const stats = await probe.ask({ type: 'get_stats', id: 's' });
  const ledger = (stats.streams as Record<string, Record<string, number>>)[key] ?? {};
  const { produced = 0, delivered = 0, conflated = 0, decimated = 0, dropped = 0, queued = 0, inFlight = 0 } = ledger;
  expect(produced).toBe(delivered + conflated + decimated + dropped + queued + inFlight);
  // What came before the answer was on its way when the figures were taken; what came with it need not have been.
  const answered = probe.heard.findIndex(({ type, re }) => type === 'stats' && re === 's');
  const before = probe.heard.slice(0, answered).filter(({ type }) => type === 'stream_data').length;
  expect(delivered).toBeLessThanOrEqual(data().length);
  // Rows that are being made into a message are on no side of the figures for a moment.
  expect(before).toBeLessThanOrEqual(produced);
  expect(conflated + decimated + dropped).toBeGreaterThanOrEqual(
    Object.values(seen.skipped).reduce((sum, n) => sum + n, 0) - 1,
  );
  // On a busy machine rows come so many at once that the first state is the graver one.
  const { backpressure, emergency } = lab.hub.parts.metrics.pressures;
  expect(backpressure + emergency).toBeGreaterThan(0);
  proxy.set({ bytesPerS: 0 });
  await probe.end();
}, 150_000);
