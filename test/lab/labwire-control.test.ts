import { afterEach, expect, test } from 'vitest';
import { LabError } from '../../src/core/errors.ts';
import { openScopes } from '../../src/core/scope.ts';
import type { LabwireServer } from '../../src/lab/labwire/labwire-server.ts';
import { type Harness, type HarnessOptions, openHarness } from './labwire-harness.ts';

let harness: Harness | undefined;

async function open(options: Partial<HarnessOptions> = {}): Promise<Harness> {
  harness = await openHarness({
    streams: [{ equipment: 'psu', name: 'readings', intervalMs: 100, form: 'f64' }],
    rules: { pumpMs: 20 },
    ...options,
  });
  const { client, until } = harness;
  if (!options.client && !options.prepare) await until('the equipment', () => client.equipment.length > 0);
  return harness;
}

afterEach(async () => {
  await harness?.[Symbol.asyncDispose]();
  harness = undefined;
  expect(openScopes()).toEqual([]);
});

/** What a promise came to, while time goes on. */
async function settled<T>({ until }: Harness, promise: Promise<T>): Promise<T | LabError> {
  let end: { value: T | LabError } | undefined;
  promise.then(
    (value) => {
      end = { value };
    },
    (thrown: unknown) => {
      end = { value: LabError.from(thrown) };
    },
  );
  await until('an answer', () => end);
  return end!.value;
}

const signal = new AbortController().signal;

test('a control is set at the server and read back; what it refuses changes nothing', async () => {
  const h = await open();
  const { client, server } = h;
  const set = await settled(h, client.setControl('psu', 'ch1.voltage.set', 7.5, {}));
  expect(set).toMatchObject({ 'ch1.voltage.set': 7.5, 'ch1.output': true });
  expect(server.world.bench.controls.get('psu')?.get('ch1.voltage.set')).toBe(7.5);
  expect(await settled(h, client.readControls('psu', signal))).toEqual(set);
  expect(await settled(h, client.setControl('psu', 'ch1.voltage.set', 99, {}))).toMatchObject({
    code: 'server.rejected',
    message: expect.stringContaining('30 V at most'),
  });
  expect(await settled(h, client.setControl('psu', 'nothing', 1, {}))).toMatchObject({ code: 'server.unsupported' });
  expect(await settled(h, client.command('psu', '*IDN?', {}))).toBe('heard *IDN?');
  expect(server.world.bench.controls.get('psu')?.get('ch1.voltage.set')).toBe(7.5);
});

test('a lock of somebody else refuses; ours lets through; force only when asked', async () => {
  const h = await open();
  const { client, server, events } = h;
  server.world.bench.locks.set('psu', 'grace');
  expect(await settled(h, client.setControl('psu', 'ch1.voltage.set', 3, {}))).toMatchObject({ code: 'server.busy' });
  expect(await settled(h, client.lock('psu', true, false, signal))).toMatchObject({
    code: 'server.busy',
    message: expect.stringContaining('grace'),
  });
  expect(server.world.bench.locks.get('psu')).toBe('grace');
  expect(await settled(h, client.lock('psu', true, true, signal))).toMatchObject({ isOurs: true });
  expect(await settled(h, client.setControl('psu', 'ch1.voltage.set', 3, {}))).toMatchObject({ 'ch1.voltage.set': 3 });
  await settled(h, client.lock('psu', false, false, signal));
  expect(server.world.bench.locks.has('psu')).toBe(false);
  const owners = events.flatMap((event) => (event.kind === 'lock' ? [event.lock.owner] : []));
  expect(owners).toEqual(['grace', 'Labwire', '']);
});

test('whose a lock is, is heard when the server says that one changed, and else within five seconds', async () => {
  const { client, server, until, pass } = await open();
  const { world } = server;
  const lockOf = (): string | undefined => client.equipment[0]?.status.lock;
  world.bench.locks.set('psu', 'grace');
  world.raise('control', 'lock.taken', { equipment_id: 'psu' });
  // The manual clock stands still: no round is due.
  await until('the owner', () => lockOf() === 'grace', 0);
  world.bench.locks.set('psu', 'ada');
  await pass(5000);
  await until('the next owner', () => lockOf() === 'ada', 0);
});

test('a command whose answer is lost with the connection is carried out once, and its answer comes', async () => {
  const h = await open();
  const { client, server } = h;
  server.world.knobs.isCutAfterCommand = true;
  const set = client.setControl('psu', 'ch1.voltage.set', 4, { timeoutMs: 10_000 });
  expect(await settled(h, set)).toMatchObject({ 'ch1.voltage.set': 4 });
  expect(server.world.bench.done).toEqual(['psu ch1.voltage.set 4']);
  expect(server.world.heard.filter(({ type }) => type === 'command')).toHaveLength(2);
});

test('without an answer in time it is not known whether it was done; cancelling ends the wait', async () => {
  const h = await open();
  const { client, server } = h;
  server.world.knobs.isDeafToCommands = true;
  const since = server.world.clock.monotonicMs();
  expect(await settled(h, client.setControl('psu', 'ch1.voltage.set', 4, { timeoutMs: 2000 }))).toMatchObject({
    code: 'server.timeout',
    message: expect.stringContaining('not known'),
  });
  expect(server.world.clock.monotonicMs() - since).toBeGreaterThanOrEqual(2000);
  const stop = new AbortController();
  const cancelled = client.readControls('psu', stop.signal);
  stop.abort(new LabError('call.cancelled', 'Cancelled.'));
  expect(await settled(h, cancelled)).toMatchObject({ code: 'call.cancelled' });
});

test('outputs off: each is switched off and read back; one that stays on is said to', async () => {
  const h = await open();
  const { client, server } = h;
  server.world.bench.stuck.add('psu/ch2.output');
  expect(await settled(h, client.outputsOff('psu'))).toEqual([
    { equipment: 'psu', group: 'ch1', confirmed: true },
    { equipment: 'psu', group: 'ch2', confirmed: false, reason: expect.stringContaining('Treat it as on') },
  ]);
  expect(await settled(h, client.outputsOff('gone'))).toMatchObject([{ confirmed: false }]);
});

test('emergency stop: the server forgets channel 2, this client does not', async () => {
  const h = await open();
  const { client, server } = h;
  const results = (await settled(h, client.emergencyStop())) as Awaited<ReturnType<LabwireServer['emergencyStop']>>;
  expect(results.every(({ confirmed }) => confirmed)).toBe(true);
  expect(server.world.bench.done[0]).toBe('emergency_stop');
  expect(server.world.bench.controls.get('psu')?.get('ch2.output')).toBe(false);
});

test('emergency stop: what either way confirms is confirmed, though somebody else has the lock', async () => {
  const h = await open();
  const { client, server } = h;
  server.world.bench.tellsOfStop = true;
  server.world.bench.locks.set('psu', 'grace');
  expect(await settled(h, client.emergencyStop())).toEqual([
    { equipment: 'psu', group: 'ch1', confirmed: true },
    { equipment: 'psu', group: 'ch2', confirmed: false, reason: expect.stringContaining('grace') },
  ]);
});

test('emergency stop: no output waits for the server to answer', async () => {
  const h = await open();
  const { client, server, until, events } = h;
  server.world.knobs.isDeafToStop = true;
  const since = server.world.clock.monotonicMs();
  const stopped = client.emergencyStop();
  await until('every output is off', () => server.world.bench.controls.get('psu')?.get('ch2.output') === false);
  expect(server.world.clock.monotonicMs() - since).toBeLessThan(3000);
  const results = (await settled(h, stopped)) as Awaited<typeof stopped>;
  expect(results.map(({ confirmed }) => confirmed)).toEqual([true, true]);
  expect(events.some((event) => event.kind === 'note' && event.topic === 'safety')).toBe(true);
});

test('outputs off without a connection says so in time', async () => {
  const h = await open();
  const { client, proxy, until } = h;
  proxy.set({ isRefusing: true });
  proxy.cut();
  await until('the loss is seen', () => client.link.word !== 'connected');
  const results = await settled(h, client.outputsOff('psu'));
  expect(results).toMatchObject([{ confirmed: false }, { confirmed: false }]);
});

test('a role that may not control is denied', async () => {
  const h = await open({ anonymousRole: 'viewer' });
  expect(await settled(h, h.client.setControl('psu', 'ch1.voltage.set', 4, {}))).toMatchObject({
    code: 'server.denied',
  });
});

const withUsers: NonNullable<HarnessOptions['prepare']> = ({ world }) => {
  world.users.set('good', { user: 'bob', role: 'viewer' });
};

test('a token the server does not know: no more tries, and what to do', async () => {
  const { client, until, server } = await open({ prepare: withUsers, client: { token: 'secret-bad-token' } });
  await until('it gives up', () => client.link.word === 'failed');
  expect(client.link.error).toMatchObject({ code: 'server.unauthorized' });
  expect(JSON.stringify(client.link)).not.toContain('secret-bad-token');
  expect(server.world.heard.filter(({ type }) => type === 'hello').length).toBe(1);
});

test('a login gets a token, renews it before it ends, and again when the server forgets it', async () => {
  const { client, server, until, want, pass } = await open({
    prepare: (server) => {
      withUsers(server);
      server.world.knobs.tokenS = 100;
    },
    client: { login: { user: 'ada', password: 'secret' } },
  });
  const { log, stream } = want('psu/readings', 100);
  await until('rows', () => log.count > 5);
  await pass(78_000, 200);
  await until('another token', () => server.world.heard.some(({ type }) => type === 'auth_refresh'));
  expect(stream.stats).toMatchObject({ lost: 0, unaccounted: 0 });
  server.world.users.clear();
  server.world.users.set('other', { user: 'bob', role: 'viewer' });
  for (const connection of [...server.world.connections]) connection.close(4401, 'expired');
  const before = log.count;
  await until('rows again', () => log.count > before + 20);
  expect(client.link.word).toBe('connected');
  expect(stream.stats).toMatchObject({ lost: 0, unaccounted: 0 });
});

test('a login by hand brings a failed link back', async () => {
  const h = await open({ prepare: withUsers, client: {} });
  const { client, until } = h;
  await until('it gives up', () => client.link.word === 'failed');
  expect(await settled(h, client.login({ user: 'ada', password: 'wrong' }, signal))).toMatchObject({
    code: 'server.unauthorized',
  });
  expect(await settled(h, client.login({ user: 'ada', password: 'secret' }, signal))).toBeUndefined();
  await until('connected', () => client.link.word === 'connected');
});

test('a session of another user is not given to this one', async () => {
  const h = await open({ prepare: withUsers, client: { token: 'good' } });
  const { client, server, events, until, want } = h;
  const { log } = want('psu/readings', 100);
  await until('rows', () => log.count > 5);
  server.world.users.set('good', { user: 'eve', role: 'viewer' });
  for (const connection of [...server.world.connections]) connection.cut();
  await until('the answer', () =>
    events.some((event) => event.kind === 'note' && event.data.reason === 'user_mismatch'),
  );
  expect(client.link.word).toBe('connected');
});

test('a proxy that answers 503 with a time, and a path that is none', async () => {
  const { client, server, until } = await open({
    prepare: ({ world }) => {
      world.knobs.refuseUpgrade = { status: 503, headers: { 'Retry-After': '7' } };
    },
  });
  await until('the refusal', () => client.link.word === 'reconnecting');
  expect(client.link.nextTryMs! - server.world.clock.monotonicMs()).toBeGreaterThan(6000);
  expect(client.link.reason).toContain('503');
  server.world.knobs.refuseUpgrade = undefined;
  await until('connected', () => client.link.word === 'connected');
});
