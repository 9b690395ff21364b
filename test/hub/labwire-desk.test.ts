import { afterAll, beforeAll, expect, test } from 'vitest';
import { LabError } from '../../src/core/errors.ts';
import { type Lab, openLab } from '../lab/lab.ts';
import type { LabScreen } from '../lab/lab-screen.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';

/** Two benches that have a hub among their servers: what their screens may do with its locks, commands and recordings. */
let shared: HubLab;
const labs: Lab[] = [];
let anna: LabScreen;
let bob: LabScreen;

async function bench(role: 'admin' | 'developer'): Promise<LabScreen> {
  const lab = await openLab({ startBench: false });
  labs.push(lab);
  const screen = await lab.screen();
  await screen.client.call('server.add', { url: new URL(shared.url()).host, token: await shared.token(role) });
  await screen.until('connected', ({ servers }) => servers[0]?.link.word === 'connected' && servers[0].equipment[0]);
  return screen;
}

beforeAll(async () => {
  shared = await openHubLab({ attach: ['supply', 'meter'] });
  anna = await bench('admin');
  bob = await bench('developer');
});

afterAll(async () => {
  for (const lab of labs) await lab[Symbol.asyncDispose]();
  await shared[Symbol.asyncDispose]();
});

const serverOf = ({ state }: LabScreen) => state.servers[0]?.id ?? '';
const supplyOf = ({ state }: LabScreen) => state.servers[0]?.equipment.find(({ role }) => role === 'supply');

function codeOf(act: Promise<unknown>): Promise<string> {
  return act.then(
    () => 'fine',
    (thrown: unknown) => LabError.from(thrown).code,
  );
}

test('whose a lock is, is shown with the server and on the card; whoever loses it by force is told', async () => {
  const equipment = supplyOf(bob)?.id ?? '';
  const instrument = await bob.attach(supplyOf(bob)?.resource ?? '');
  const lock = (screen: LabScreen, on: boolean, force = false) =>
    screen.client.call('server.lock', { server: serverOf(screen), equipment, on, force });
  expect(await lock(bob, true)).toMatchObject({ isOurs: true });
  await anna.until('its owner', () => supplyOf(anna)?.lock?.owner === 'developer');
  expect(await codeOf(lock(anna, true))).toBe('server.busy');
  expect(await lock(anna, true, true)).toMatchObject({ isOurs: true });
  await bob.until('the new owner', () => supplyOf(bob)?.lock?.owner === 'admin' && !supplyOf(bob)?.lock?.isOurs);
  await bob.until(
    'the card',
    ({ instruments }) => instruments.find(({ id }) => id === instrument)?.status.lock === 'admin',
  );
  await bob.until('told', ({ notices }) => notices.some(({ text }) => /lock was taken .*admin has it/.test(text)));
  const set = { instrument, control: 'ch1.voltage.set', value: 1 };
  expect(await codeOf(bob.client.call('instrument.set', set))).toBe('server.busy');
  expect(await codeOf(lock(bob, true, true)), 'a developer takes nothing from an admin').toBe('server.denied');
  await lock(anna, false);
  await bob.until('free', () => supplyOf(bob)?.lock?.owner === '');
  expect(await codeOf(bob.client.call('instrument.set', set))).toBe('fine');
});

test('a screen that may not manage takes no lock by force', async () => {
  const hub = await (labs[0] as Lab).screen('hub', { trusted: true });
  const lock = { server: serverOf(anna), equipment: supplyOf(anna)?.id ?? '', on: true, force: true };
  const as = { user: 'eve', client: 'eve', role: 'developer', rights: ['view', 'control'] } as const;
  expect(await codeOf(hub.client.call('server.lock', lock, { as: { ...as, rights: [...as.rights] } }))).toBe(
    'call.denied',
  );
});

test('a command goes to the equipment that is named, attached or not; the server itself says what it takes', async () => {
  const { client, state } = bob;
  const server = serverOf(bob);
  expect(state.servers[0]?.features).toMatchObject({ console: true, commands: true });
  expect((await client.call('server.command', { server, text: 'help' })).reply).toMatch(/release_stop/);
  expect(await codeOf(client.call('server.command', { server, text: '*IDN?' }))).toBe('server.unsupported');
  for (const { id, identity } of state.servers[0]?.equipment ?? []) {
    const { reply } = await client.call('server.command', { server, equipment: id, text: '*IDN?' });
    expect(reply).toContain(identity.model);
  }
});

test('a recording at the server: begun by name, listed with what it has, ended with its figures', async () => {
  const { client } = bob;
  const server = serverOf(bob);
  expect(bob.state.servers[0]?.features.recording).toContain('csv');
  expect(await client.call('server.recordings', { server })).toEqual({ recordings: [] });
  const started = await client.call('server.startRecording', { server, name: 'night', format: 'csv' });
  expect(started).toEqual({ name: 'night', file: expect.stringMatching(/\.csv(\.gz)?$/) });
  await expect
    .poll(async () => (await anna.client.call('server.recordings', { server: serverOf(anna) })).recordings, {
      timeout: 30_000,
    })
    .toEqual([
      {
        name: 'night',
        file: started.file,
        durationS: expect.any(Number),
        messages: expect.any(Number),
        bytes: expect.any(Number),
      },
    ]);
  expect(await codeOf(client.call('server.startRecording', { server, name: 'night' }))).toBe('server.rejected');
  expect(await client.call('server.stopRecording', { server, name: 'night' })).toMatchObject({ name: 'night' });
  expect(await client.call('server.recordings', { server })).toEqual({ recordings: [] });
  expect(await codeOf(client.call('server.stopRecording', { server, name: 'night' }))).toMatch(/^server\./);
});
