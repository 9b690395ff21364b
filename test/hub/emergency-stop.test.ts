import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LabError } from '../../src/core/errors.ts';
import { Scope } from '../../src/core/scope.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { openAccess } from '../../src/hub/access/hub-access.ts';
import { HubBench } from '../../src/hub/bench/hub-bench.ts';
import { openHub } from '../../src/hub/hub.ts';
import { createHubLog } from '../../src/hub/hub-log.ts';
import { type Lab, openLab } from '../lab/lab.ts';
import type { LabScreen } from '../lab/lab-screen.ts';
import { CHEAP, PASSWORD } from './access-bench.ts';
import { type HubClient, openHubClient } from './labwire-lab.ts';

/** A shared bench whose hub and engine may begin anew, and our own clients at it. */
let scope: Scope;
let lab: Lab;
let screen: LabScreen;
let share: Scope;
let urls: readonly string[];
let token: string;
let supply: string;

beforeEach(async () => {
  scope = new Scope('emergency stop of a test');
  lab = scope.use(await openLab());
  screen = await lab.screen('bench');
  supply = await screen.attach(lab.resource('supply'));
  await openShare();
});
afterEach(async () => {
  await share[Symbol.asyncDispose]();
  await scope[Symbol.asyncDispose]();
});

/** Opens a hub on the engine there is: labwire.1, then LabLink. */
async function openShare(): Promise<void> {
  share = new Scope('hub of a test');
  const clock = createSystemClock();
  const { client } = await lab.screen('hub', { trusted: true });
  const bench = share.use(await HubBench.open({ client, clock, onFault: () => {} }));
  const access = share.use(
    await openAccess({
      folder: join(lab.folder, 'hub'),
      clock,
      costs: CHEAP,
      say: () => {},
      reach: () => ({ host: '127.0.0.1', anonymous: true }),
    }),
  );
  if (!access.users.find('developer')) await access.users.add('developer', 'developer', PASSWORD);
  const log = createHubLog(
    clock,
    (text) => text,
    () => {},
  );
  const hub = share.use(
    await openHub({
      clock,
      bench,
      access,
      log,
      id: 'hub-of-a-test',
      name: 'Test bench',
      version: '0.0.0-test',
      ports: [
        { host: '127.0.0.1', port: 0, profile: 'native' },
        { host: '127.0.0.1', port: 0, profile: 'lablink' },
      ],
      drainMs: 500,
    }),
  );
  ({ urls } = hub);
  ({ access: token } = await access.login({ username: 'developer', password: PASSWORD }, { address: '127.0.0.1' }));
}

/** Ends the hub and opens another one; the engine runs on. */
async function reopenShare(): Promise<void> {
  await share[Symbol.asyncDispose]();
  await openShare();
}

async function enter(): Promise<HubClient & { equipment: string }> {
  const client = openHubClient(new URL(urls[0] ?? '').host, { token });
  await expect.poll(() => client.client.equipment.length).toBeGreaterThan(0);
  const [equipment] = client.client.equipment;
  return Object.assign(client, { equipment: equipment?.id ?? '' });
}

async function lablink(method: 'GET' | 'POST', path: string, body?: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(`${urls[1] ?? ''}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return (await response.json()) as Record<string, unknown>;
}

/** What an output reads back at the instrument itself. */
async function isOn(group = 'ch1'): Promise<unknown> {
  await screen.client.call('instrument.refresh', { instrument: supply });
  return screen.state.instruments.find(({ id }) => id === supply)?.values[`${group}.output`]?.readBack;
}

function switchOn(): Promise<unknown> {
  return screen.client.call('instrument.set', { instrument: supply, control: 'ch1.output', value: true });
}

async function refusal(done: Promise<unknown>): Promise<string> {
  return done.then(
    () => 'done',
    (thrown: unknown) => LabError.from(thrown).message,
  );
}

const signal = (): AbortSignal => AbortSignal.timeout(20_000);
const CONFIRMED = (equipment: string) => ['ch1', 'ch2', 'ch3'].map((group) => ({ equipment, group, confirmed: true }));

test('outputs off over labwire.1 reaches an instrument whose lock a colleague holds, and latches nothing', async () => {
  await switchOn();
  await using colleague = await enter();
  await using client = await enter();
  const { equipment } = client;
  expect(await colleague.client.lock(equipment, true, false, signal())).toMatchObject({ isOurs: true });
  expect(await refusal(client.client.setControl(equipment, 'ch1.output', false, {}))).toMatch(/for themselves/);
  expect(await isOn()).toBe(true);
  expect(await client.client.outputsOff(equipment)).toEqual(CONFIRMED(equipment));
  expect(await isOn()).toBe(false);
  expect(screen.state.instruments[0]?.lock).toBeDefined();
  expect(await refusal(colleague.client.setControl(equipment, 'ch1.output', true, {}))).toBe('done');
});

test('the emergency stop over labwire.1 confirms every output under a colleague’s lock, and nothing is switched on until it is released', async () => {
  await switchOn();
  await using colleague = await enter();
  await using client = await enter();
  const { equipment } = client;
  await colleague.client.lock(equipment, true, false, signal());
  expect(await client.client.emergencyStop()).toEqual(CONFIRMED(equipment));
  expect(await isOn()).toBe(false);
  const on = () => refusal(colleague.client.setControl(equipment, 'ch1.output', true, {}));
  expect(await on()).toMatch(/emergency stop/);
  expect(await refusal(colleague.client.command(equipment, ':OUTP CH1,ON', {}))).toMatch(/emergency stop/);
  await colleague.client.lock(equipment, false, false, signal());
  expect(await refusal(switchOn())).toMatch(/emergency stop \(by developer/);
  expect(await lablink('GET', '/api/safety/status')).toMatchObject({ emergency_stop_active: true });
  expect(await client.client.command('', 'release_stop', {})).toBe('ok');
  const told = await screen.until('who it was', ({ events }) =>
    events.find(({ text }) => text.includes('released the emergency stop')),
  );
  expect(told.text).toMatch(/^developer \(client .*\) released/);
  expect(await isOn(), 'a release switches nothing on').toBe(false);
  expect(await on()).toBe('done');
});

test('the emergency stop holds over a restart of the hub and of the engine, whichever protocol it came by', async () => {
  const stopped = await lablink('POST', '/api/safety/emergency-stop/activate');
  expect(stopped).toMatchObject({ success: true, active: true, equipment_count: 1 });
  const holds = async (when: string): Promise<void> => {
    await using client = await enter();
    const on = client.client.setControl(client.equipment, 'ch1.output', true, {});
    expect(await refusal(on), `${when}: labwire.1`).toMatch(/emergency stop/);
    expect(await lablink('GET', '/api/safety/emergency-stop/status'), `${when}: LabLink`).toMatchObject({
      active: true,
      stop_time: stopped.stop_time,
      equipment_count: 1,
    });
    const session = `session of ${when}`;
    await lablink('POST', '/api/locks/acquire', { equipment_id: client.equipment, session_id: session });
    const command = { action: 'set_output', parameters: { enabled: true, channel: 1 }, session_id: session };
    const path = `/api/equipment/${client.equipment}/command`;
    const answer = await lablink('POST', path, { command_id: when, equipment_id: client.equipment, ...command });
    expect(answer, `${when}: LabLink`).toMatchObject({
      success: false,
      error: expect.stringMatching(/emergency stop/),
    });
    await lablink('POST', '/api/locks/release', { equipment_id: client.equipment, session_id: session });
    expect(await refusal(switchOn()), `${when}: at the bench`).toMatch(/emergency stop/);
  };
  await holds('before');
  await reopenShare();
  await holds('another hub');
  await share[Symbol.asyncDispose]();
  await lab.restart();
  screen = await lab.screen('bench');
  await screen.until('the supply is back', ({ instruments }) => instruments.some(({ state }) => state === 'live'));
  await openShare();
  await holds('another engine');
  expect(await lablink('POST', '/api/safety/emergency-stop/deactivate')).toMatchObject({ active: false });
  expect(await refusal(switchOn())).toBe('done');
});

test('outputs off over LabLink takes no lock from anybody', async () => {
  const far = scope.use(await openLab({ startBench: false }));
  const there = await far.screen('far');
  await there.client.call('server.add', { url: urls[1] ?? '', token, dialect: 'lablink' });
  const resource = await there.until('the supply in its list', ({ servers }) => servers[0]?.equipment[0]?.resource);
  const instrument = await there.attach(resource);
  await switchOn();
  const { lock } = await screen.client.call('lock.take', { instrument: supply, holder: 'me' });
  const { results } = await there.client.call('outputs.off', { instruments: [instrument] });
  expect(results).toEqual(['ch1', 'ch2', 'ch3'].map((group) => ({ instrument, group, confirmed: true })));
  expect(await isOn()).toBe(false);
  expect(screen.state.instruments[0]?.lock?.id).toBe(lock);
});
