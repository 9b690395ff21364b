import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { LabError } from '../../src/core/errors.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { type HubClient, openHubClient } from './labwire-lab.ts';

/** Two of our clients and a screen at the bench: whose the locks are. */
let lab: HubLab;
let equipment: string;
const clients: HubClient[] = [];
const signal = new AbortController().signal;
const PATIENT = { timeout: 20_000 };

beforeAll(async () => {
  lab = await openHubLab({ attach: ['supply'] });
  equipment = lab.bench.equipment[0]?.id ?? '';
});

afterEach(async () => {
  for (const one of clients.splice(0)) await one[Symbol.asyncDispose]();
  expect((await lab.screen.client.call('lock.list', {})).locks, 'nobody keeps a lock').toEqual([]);
});

afterAll(() => lab[Symbol.asyncDispose]());

async function enter(role: 'admin' | 'developer' | 'viewer'): Promise<HubClient> {
  const one = openHubClient(new URL(lab.url()).host, { token: await lab.token(role), name: `bench of ${role}` });
  clients.push(one);
  await expect.poll(() => one.client.link.word === 'connected' && one.client.equipment.length, PATIENT).toBe(1);
  return one;
}

/** The lock as a client heard of it last. */
function heard({ events }: HubClient): { owner: string; isOurs: boolean } | undefined {
  const last = events.filter((event) => event.kind === 'lock').at(-1);
  return last && { owner: last.lock.owner, isOurs: last.lock.isOurs };
}

function shown({ client }: HubClient): string | undefined {
  return client.equipment[0]?.status.lock;
}

async function codeOf(act: Promise<unknown>): Promise<LabError | undefined> {
  return act.then(
    () => undefined,
    (thrown: unknown) => LabError.from(thrown),
  );
}

const setAt = ({ client }: HubClient, value: number) => client.setControl(equipment, 'ch1.voltage.set', value, {});

test('a lock of one client is shown at the other, by name, at once and with its equipment; given back it is free', async () => {
  const [anna, bob] = [await enter('admin'), await enter('developer')];
  expect(await anna.client.lock(equipment, true, false, signal)).toMatchObject({ isOurs: true });
  await expect.poll(() => heard(bob), PATIENT).toEqual({ owner: 'admin', isOurs: false });
  expect(shown(bob)).toBe('admin');
  expect(shown(anna)).toBe('held here');
  expect((await codeOf(setAt(bob, 2)))?.code).toBe('server.busy');
  expect(await setAt(anna, 2)).toMatchObject({ 'ch1.voltage.set': 2 });
  const refused = await codeOf(bob.client.lock(equipment, true, false, signal));
  expect(refused).toMatchObject({ code: 'server.busy', details: { owner: 'admin' } });
  await anna.client.lock(equipment, false, false, signal);
  await expect.poll(() => heard(bob), PATIENT).toEqual({ owner: '', isOurs: false });
  expect(shown(bob)).toBeUndefined();
  expect(await setAt(bob, 3)).toMatchObject({ 'ch1.voltage.set': 3 });
});

test('a lock taken at the bench itself is shown, and to a login that may not hear of locks as well', async () => {
  const [bob, eve] = [await enter('developer'), await enter('viewer')];
  const { client } = lab.screen;
  const instrument = lab.screen.state.instruments[0]?.id ?? '';
  const { lock } = await client.call('lock.take', { instrument, holder: 'whoever sits there' });
  for (const one of [bob, eve])
    await expect.poll(() => heard(one), PATIENT).toEqual({ owner: 'whoever sits there', isOurs: false });
  await client.call('lock.release', { lock });
  for (const one of [bob, eve]) await expect.poll(() => heard(one), PATIENT).toEqual({ owner: '', isOurs: false });
});

test('by force: only who may, and only when told so; its owner is told and takes it back by itself never', async () => {
  const [anna, bob] = [await enter('admin'), await enter('developer')];
  await bob.client.lock(equipment, true, false, signal);
  expect((await codeOf(anna.client.lock(equipment, true, false, signal)))?.code).toBe('server.busy');
  expect(await setAt(bob, 4)).toMatchObject({ 'ch1.voltage.set': 4 });
  expect(await anna.client.lock(equipment, true, true, signal)).toMatchObject({ isOurs: true });
  await expect.poll(() => heard(bob), PATIENT).toEqual({ owner: 'admin', isOurs: false });
  expect(bob.events).toContainEqual(
    expect.objectContaining({ kind: 'note', topic: 'lock', severity: 'warning', text: expect.stringMatching(/taken/) }),
  );
  expect((await codeOf(setAt(bob, 5)))?.code).toBe('server.busy');
  // A developer takes nothing from an admin.
  const refused = await codeOf(bob.client.lock(equipment, true, true, signal));
  expect(refused?.code).toBe('server.denied');
  expect(refused?.message).toMatch(/admin/);
  expect(await setAt(anna, 5)).toMatchObject({ 'ch1.voltage.set': 5 });
});

test('a role that may not control gets no lock, and is told why', async () => {
  const eve = await enter('viewer');
  expect((await codeOf(eve.client.lock(equipment, true, false, signal)))?.code).toBe('server.denied');
});

test('after another session of this client its lock is its own still', async () => {
  const bob = await enter('developer');
  await bob.client.lock(equipment, true, false, signal);
  // It says goodbye, so the hub keeps nothing of it but the lock.
  bob.client.disconnect();
  await expect.poll(() => bob.client.link.word, PATIENT).toBe('disconnected');
  bob.client.reconnect();
  await expect.poll(() => bob.client.link.word, PATIENT).toBe('connected');
  await expect
    .poll(async () => (await codeOf(setAt(bob, 6)))?.code ?? bob.client.equipment[0]?.status.lock, PATIENT)
    .toBe('held here');
  expect(heard(bob)).toEqual({ owner: 'bench of developer', isOurs: true });
});
