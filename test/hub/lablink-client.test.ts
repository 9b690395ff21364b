import { afterEach, beforeEach, expect, test } from 'vitest';
import { LABLINK_SETTINGS } from '../../src/contract/lablink-settings.ts';
import { Scope } from '../../src/core/scope.ts';
import { openLab } from '../lab/lab.ts';
import type { LabScreen } from '../lab/lab-screen.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { ask } from './lablink-probe.ts';

/** A bench shared over LabLink, and another engine that has it as a lab server. */
let scope: Scope;

beforeEach(() => {
  scope = new Scope('two engines over lablink');
});
afterEach(() => scope[Symbol.asyncDispose]());

async function openBoth(greeting: boolean): Promise<{ hub: HubLab; far: LabScreen; server: string; token: string }> {
  const hub = scope.use(
    await openHubLab({
      attach: ['supply', 'scope'],
      profiles: ['lablink'],
      hub: { ws: { ...LABLINK_SETTINGS, greeting } },
    }),
  );
  const lab = scope.use(await openLab({ startBench: false }));
  const far = await lab.screen('far');
  const token = await hub.token('developer');
  const { server } = await far.client.call('server.add', { url: hub.url(), token, dialect: 'lablink' });
  return { hub, far, server, token };
}

test.each([
  ['lablink-enhanced', true],
  ['lablink', false],
] as const)(
  '141 our client of %s: streams, sets, captures, locks, loses the lock, outputs off',
  async (dialect, greeting) => {
    const { hub, far, server, token } = await openBoth(greeting);
    await far.until('the dialect', ({ servers }) => servers[0]?.dialect === dialect);
    const resource = await far.until(
      'the supply in its list',
      ({ servers }) => servers[0]?.equipment.find(({ role }) => role === 'supply')?.resource,
    );
    const supply = await far.attach(resource);
    const near = hub.bench.equipment.find(({ type }) => type === 'power_supply');
    const instrument = near?.instrument.id ?? '';

    await far.client.call('instrument.set', { instrument: supply, control: 'ch1.voltage.set', value: 4.5 });
    await far.client.call('instrument.set', { instrument: supply, control: 'ch1.output', value: true });
    await hub.screen.untilValue(`${instrument}/ch1.voltage`, (value) => Math.abs(value - 4.5) < 0.1);
    await far.untilValue(`${supply}/ch1.voltage`, (value) => Math.abs(value - 4.5) < 0.1);
    await far.until('live by the socket', ({ servers }) =>
      servers[0]?.streams.some(({ rows, source }) => rows > 3 && source === 'live'),
    );
    expect(far.state.servers[0]?.streams.every(({ unaccounted }) => unaccounted === 0)).toBe(true);

    const equipment = near?.id ?? '';
    const lock = await far.client.call('server.lock', { server, equipment, on: true });
    expect(lock).toMatchObject({ isOurs: true });
    await hub.screen.until('the lock at the bench', ({ instruments }) =>
      instruments.some(({ id, lock: held }) => id === instrument && held),
    );
    await expect(
      hub.screen.client.call('instrument.set', { instrument, control: 'ch1.voltage.set', value: 1 }),
    ).rejects.toMatchObject({ code: 'instrument.locked' });
    const held = hub.screen.state.instruments.find(({ id }) => id === instrument)?.lock;
    const taken = await hub.screen.client.call('lock.force', {
      lock: held?.id ?? '',
      take: { holder: 'the bench', ttlS: 300 },
    });
    await expect(
      far.client.call('instrument.set', { instrument: supply, control: 'ch1.voltage.set', value: 2 }),
    ).rejects.toMatchObject({ code: 'server.busy', message: expect.stringContaining('the bench') });
    await hub.screen.client.call('lock.release', { lock: taken.taken?.lock ?? '' });
    await far.client.call('instrument.set', { instrument: supply, control: 'ch1.voltage.set', value: 2 });
    await hub.screen.untilValue(`${instrument}/ch1.voltage`, (value) => Math.abs(value - 2) < 0.1);

    const { results } = await far.client.call('outputs.off', {});
    expect(results.length).toBeGreaterThanOrEqual(3);
    expect(results.filter(({ confirmed }) => !confirmed)).toEqual([]);
    await hub.screen.untilValue(`${instrument}/ch1.voltage`, (value) => Math.abs(value) < 0.1);

    const scopeResource = far.state.servers[0]?.equipment.find(({ role }) => role === 'scope')?.resource ?? '';
    const oscilloscope = await far.attach(scopeResource);
    let samples = 0;
    const seen = far.watch([`${oscilloscope}/ch1.voltage`], { kind: 'segments', width: 100 }, (block) => {
      if (block.kind === 'segment') samples = block.columns.rows;
      return samples > 0;
    });
    await far.client.call('instrument.capture', { instrument: oscilloscope, channels: ['ch1.voltage'] });
    await seen;
    expect(samples).toBeGreaterThan(1000);
    expect((await ask(hub, 'GET', '/api/websocket/stats', { token })).json).toMatchObject({ active_connections: 1 });
    const bad = far.state.servers[0]?.findings.filter(({ state }) => state === 'broken' || state === 'partly');
    expect(bad).toEqual([]);
  },
  90_000,
);
