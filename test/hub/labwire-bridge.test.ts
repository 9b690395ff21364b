import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Scope } from '../../src/core/scope.ts';
import { measuredColumns } from '../../src/core/stream-info.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { openAccess } from '../../src/hub/access/hub-access.ts';
import { HubBench } from '../../src/hub/bench/hub-bench.ts';
import { openHub } from '../../src/hub/hub.ts';
import { createHubLog } from '../../src/hub/hub-log.ts';
import { type Lab, openLab } from '../lab/lab.ts';
import type { LabScreen } from '../lab/lab-screen.ts';
import { CHEAP, PASSWORD } from './access-bench.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { feed, keyOf, trueRows } from './labwire-lab.ts';

/** A bench that is shared, and a second engine that has the hub on its own bench as a lab server. */
let shared: HubLab;
let second: Lab;
let screen: LabScreen;
let instrument: string;

beforeAll(async () => {
  shared = await openHubLab({ attach: ['supply'] });
  await feed(shared, keyOf(shared, 'ps').info.instrument);
  second = await openLab({ startBench: false });
  screen = await second.screen();
  const token = await shared.token('developer');
  await screen.client.call('server.add', { url: new URL(shared.url()).host, token });
  const resource = await screen.until('its equipment', ({ servers }) => servers[0]?.equipment[0]?.resource);
  instrument = await screen.attach(resource);
});

afterAll(async () => {
  await second[Symbol.asyncDispose]();
  await shared[Symbol.asyncDispose]();
});

test('the hub is found by what it says; its instrument stands on the second bench like one of its own', async () => {
  const state = await screen.until('live', ({ servers }) => servers.find(({ link }) => link.word === 'connected'));
  expect(state).toMatchObject({ dialect: 'labwire.1', name: 'Test bench', features: { resume: true, acks: true } });
  expect(state.equipment[0]).toMatchObject({ via: ['hub-of-a-test'], role: 'supply' });
  const there = shared.screen.state.instruments[0];
  const here = screen.state.instruments.find(({ id }) => id === instrument);
  expect(here).toMatchObject({ way: 'server', role: 'supply', identity: there?.identity, state: 'live' });
  expect(here?.controls.map(({ id }) => id)).toEqual([...(there?.controls.map(({ id }) => id) ?? []), 'rate']);
});

test('its rows are recorded there as they were at the instrument', async () => {
  await screen.client.call('recording.start', { name: 'bridge' });
  const channel = `${instrument}/ch1.voltage`;
  const seen: { timeNs: bigint; value: number }[] = [];
  await screen.watch([channel], { kind: 'raw' }, (block) => {
    if (block.kind !== 'raw') return false;
    for (let row = 0; row < block.batch.rows; row++)
      seen.push({
        timeNs: block.batch.t0Ns + BigInt(Math.round((block.batch.times?.[row] ?? 0) * 1e9)),
        value: block.batch.columns[0]?.[row] ?? Number.NaN,
      });
    return seen.length >= 20;
  });
  const { info } = keyOf(shared, 'ps');
  const index = measuredColumns(info).findIndex(({ channel: name }) => name === 'ch1.voltage');
  const truth = [...(await trueRows(shared, info)).values()];
  for (const { value } of seen) expect(truth.some(({ values }) => Object.is(values[index], value))).toBe(true);
  const { recording } = screen.state;
  expect(recording).toMatchObject({ state: 'recording', lost: 0 });
  await screen.client.call('recording.stop', {});
  const stopped = await screen.until('it is written', ({ recording: now }) => (now.state === 'idle' ? now : undefined));
  expect(stopped.error).toBeNull();
  expect(screen.state.servers[0]?.streams[0]).toMatchObject({ source: 'live', lost: 0, unaccounted: 0 });
});

test('a setting from the second bench is done at the instrument, and read back on both', async () => {
  await screen.client.call('instrument.set', { instrument, control: 'ch1.voltage.set', value: 4.25 });
  await shared.screen.until(
    'at the instrument',
    ({ instruments }) => instruments[0]?.values['ch1.voltage.set']?.readBack === 4.25,
  );
  await screen.until('there', ({ instruments }) =>
    instruments.some(({ id, values }) => id === instrument && values['ch1.voltage.set']?.readBack === 4.25),
  );
  await screen.untilValue(`${instrument}/ch1.voltage`, (value) => Math.abs(value - 4.25) < 0.2);
});

test('Outputs off on the second bench switches off there, confirmed', async () => {
  const { results } = await screen.client.call('outputs.off', {});
  expect(results.map(({ group, confirmed }) => [group, confirmed])).toEqual([
    ['ch1', true],
    ['ch2', true],
    ['ch3', true],
  ]);
  await shared.screen.until('off', ({ instruments }) => instruments[0]?.values['ch1.output']?.readBack === false);
});

test('an alarm of the first bench is shown on the second', async () => {
  const { info } = keyOf(shared, 'ps');
  await shared.screen.client.call('alarm.set', {
    rule: {
      id: 'r1',
      name: 'Too low',
      channel: `${info.instrument}/ch1.voltage`,
      condition: { kind: 'below', limit: 1000 },
      severity: 'warning',
      actions: [],
    },
  });
  const alarm = await screen.until('the alarm', ({ servers }) =>
    servers[0]?.alarms.find(({ state }) => state === 'active'),
  );
  expect(alarm).toMatchObject({ severity: 'warning', text: expect.stringContaining('Too low') });
  await screen.client.call('server.acknowledge', { server: screen.state.servers[0]?.id ?? '', alarm: alarm.id });
  await shared.screen.until('acknowledged', ({ alarms }) =>
    alarms.find(({ rule, acknowledged }) => rule === 'r1' && acknowledged),
  );
});

test('two hubs that have each other: each sees the other’s, neither passes its own instruments on again', async () => {
  await using scope = new Scope('second hub');
  const clock = createSystemClock();
  const hubScreen = await second.screen('hub', { trusted: true });
  const bench = scope.use(await HubBench.open({ client: hubScreen.client, clock, onFault: () => {} }));
  const access = scope.use(
    await openAccess({
      folder: join(second.folder, 'hub'),
      clock,
      costs: CHEAP,
      say: () => {},
      reach: () => ({ host: '127.0.0.1', anonymous: true }),
    }),
  );
  await access.users.add('developer', 'developer', PASSWORD);
  const hub = scope.use(
    await openHub({
      clock,
      bench,
      access,
      log: createHubLog(
        clock,
        (text) => text,
        () => {},
      ),
      id: 'hub-of-the-second',
      name: 'Second bench',
      version: '0.0.0-test',
      ports: [{ host: '127.0.0.1', port: 0, profile: 'native' }],
      drainMs: 500,
    }),
  );
  const { access: token } = await access.login({ username: 'developer', password: PASSWORD }, { address: '127.0.0.1' });
  const url = hub.urls[0] ?? '';
  const there = await list(url, token);
  expect(there.map(({ via }) => via)).toEqual([['hub-of-a-test', 'hub-of-the-second']]);
  await shared.screen.client.call('server.add', { url: new URL(url).host, token });
  const seen = await shared.screen.until('its equipment', ({ servers }) => servers[0]?.equipment[0]);
  expect(seen.via).toEqual(['hub-of-a-test', 'hub-of-the-second']);
  await shared.screen.client.call('instrument.open', { resource: seen.resource }).catch(() => undefined);
  await shared.screen.until('the list is read', ({ servers }) => servers[0]?.link.word === 'connected');
  const own = await list(shared.url(), await shared.token('developer'));
  expect(own.map(({ via }) => via)).toEqual([['hub-of-a-test']]);
  await shared.screen.client.call('server.remove', { server: shared.screen.state.servers[0]?.id ?? '' });
});

async function list(url: string, token: string): Promise<{ id: string; via: string[] }[]> {
  const answer = await fetch(`${url}/api/equipment/list`, { headers: { authorization: `Bearer ${token}` } });
  return (await answer.json()) as { id: string; via: string[] }[];
}
