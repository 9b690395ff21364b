import { afterEach, beforeEach, expect, test } from 'vitest';
import { openScopes } from '../../src/core/scope.ts';
import { openRecording } from '../../src/engine/recording/recording.ts';
import { ADMIN } from '../servers/lablink/mode.ts';
import { type LabLinkServer, startLabLinkServer } from '../servers/lablink/server.ts';
import { openLabwireServer } from '../servers/labwire/labwire-server.ts';
import { type Lab, openLab } from './lab.ts';
import type { LabScreen } from './lab-screen.ts';

/** A server of the bench is given another token: what is attached behind it goes on with the client that has it. */
let lab: Lab;
let screen: LabScreen;
let lablink: LabLinkServer;
let token: string;

beforeEach(async () => {
  lablink = await startLabLinkServer({ mode: 'fixed', mocks: true, security: true, delays: 0 });
  lab = await openLab({ startBench: false });
  screen = await lab.screen();
});

afterEach(async () => {
  await lab[Symbol.asyncDispose]();
  await lablink[Symbol.asyncDispose]();
  expect(openScopes()).toEqual([]);
});

async function realToken(): Promise<string> {
  const response = await fetch(`${lablink.url}/api/security/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: ADMIN.user, password: ADMIN.password }),
  });
  return ((await response.json()) as { access_token: string }).access_token;
}

const add = (given: string): Promise<{ server: string }> =>
  screen.client.call('server.add', { url: lablink.url, token: given });

async function attachSupply(): Promise<string> {
  token = await realToken();
  await add(token);
  const resource = await screen.until(
    'the supply in its list',
    ({ servers }) => servers[0]?.equipment.find(({ role }) => role === 'supply')?.resource,
  );
  const supply = await screen.attach(resource);
  await screen.untilState(supply, 'live');
  return supply;
}

/** Waits for so many new rows. */
async function rows(instrument: string, count: number): Promise<void> {
  let seen = 0;
  await screen.watch([`${instrument}/ch1.voltage`], { kind: 'raw' }, (block) => {
    if (block.kind === 'raw') seen += block.batch.rows;
    return seen >= count;
  });
}

const events = (text: RegExp): number => screen.state.events.filter((event) => text.test(event.text)).length;

test('another token: rows and commands go on by themselves, and the recording has a gap that says why', async () => {
  const supply = await attachSupply();
  await screen.client.call('recording.start', { name: 'token' });
  await rows(supply, 5);
  await add(await realToken());
  await screen.until('that it is back', () => events(/connected again/) === 1);
  await rows(supply, 5);
  await screen.client.call('instrument.set', { instrument: supply, control: 'ch1.voltage.set', value: 4 });
  const { paths } = await screen.client.call('recording.stop', {});
  await using recording = await openRecording(paths[0] ?? '');
  expect(recording.info.gaps).toContainEqual(
    expect.objectContaining({
      stream: expect.stringContaining(`${supply}/`),
      reason: expect.stringMatching(/was given another token/),
    }),
  );
  expect(screen.state.servers).toHaveLength(1);
  expect(screen.state.servers[0]?.streams.length, 'streams of the client there is').toBeGreaterThan(0);
});

test('a token that is refused, then one that holds: the card says what is wrong meanwhile, then goes on', async () => {
  await using own = await openLabwireServer({
    streams: [{ equipment: 'psu', name: 'readings', intervalMs: 20, form: 'grid' }],
  });
  for (const token of ['token-of-ada', 'token-of-bob']) own.world.users.set(token, { user: token, role: 'admin' });
  // What it speaks is not the question here; on a busy machine its greeting may come too late to tell.
  const give = (given: string): Promise<unknown> =>
    screen.client.call('server.add', { url: own.url, token: given, dialect: 'labwire.1' });
  await give('token-of-ada');
  const resource = await screen.until('its equipment', ({ servers }) => servers[0]?.equipment[0]?.resource);
  const psu = await screen.attach(resource);
  await screen.untilState(psu, 'live');
  await give('token-of-eve');
  await screen.until('why it is away', ({ instruments }) =>
    instruments.some(({ id, lastError }) => id === psu && lastError?.code === 'server.unauthorized'),
  );
  expect(screen.state.instruments.find(({ id }) => id === psu)?.state).toBe('reconnecting');
  const order = screen.client.call('instrument.query', { instrument: psu, text: 'status' });
  await expect(order).rejects.toMatchObject({ code: expect.stringMatching(/^server\./) });
  await give('token-of-bob');
  await screen.untilState(psu, 'live');
  await screen.until('new rows', ({ servers }) => (servers[0]?.streams[0]?.rows ?? 0) > 5);
});

test('the token it has already changes nothing while it is connected', async () => {
  const supply = await attachSupply();
  await screen.until('the link', ({ servers }) => servers[0]?.link.word === 'connected');
  await add(token);
  await rows(supply, 5);
  expect(events(/another token|connected again/)).toBe(0);
});
