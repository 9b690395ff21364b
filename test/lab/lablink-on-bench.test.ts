import { afterEach, beforeEach, expect, test } from 'vitest';
import { openScopes } from '../../src/core/scope.ts';
import { ADMIN } from '../servers/lablink/mode.ts';
import { type LabLinkServer, startLabLinkServer } from '../servers/lablink/server.ts';
import { type Lab, openLab } from './lab.ts';
import type { LabScreen } from './lab-screen.ts';

/** A LabLink server that wants a login, from the address to Outputs off. */
let lab: Lab;
let screen: LabScreen;
let lablink: LabLinkServer;

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

async function attachSupply(): Promise<{ server: string; supply: string }> {
  const { server } = await screen.client.call('server.add', { url: lablink.url });
  await screen.client.call('server.login', { server, user: ADMIN.user, password: ADMIN.password });
  const resource = await screen.until(
    'the supply in its list',
    ({ servers }) => servers[0]?.equipment.find(({ role }) => role === 'supply')?.resource,
  );
  return { server, supply: await screen.attach(resource) };
}

test('login, attach, set, read back, off: a supply behind a server is a supply', async () => {
  const { server, supply } = await attachSupply();
  expect(screen.state.servers[0]?.login).toMatchObject({ user: ADMIN.user, state: 'in', kept: 'memory' });
  const set = (control: string, value: number | boolean): Promise<unknown> =>
    screen.client.call('instrument.set', { instrument: supply, control, value });
  await set('ch1.voltage.set', 5);
  await set('ch2.voltage.set', 3);
  await set('ch1.output', true);
  await set('ch2.output', true);
  await screen.untilValue(`${supply}/ch1.voltage`, (value) => Math.abs(value - 5) < 0.2);
  const streams = await screen.until('its streams', ({ servers }) =>
    servers[0]?.streams.filter(({ rows }) => rows > 0).length ? servers[0].streams : undefined,
  );
  expect(streams.every(({ unaccounted }) => unaccounted === 0)).toBe(true);
  const { results } = await screen.client.call('outputs.off', {});
  const ours = results.filter(({ instrument }) => instrument === supply);
  expect(ours.length).toBeGreaterThanOrEqual(2);
  expect(ours.every(({ confirmed }) => confirmed)).toBe(true);
  await screen.untilValue(`${supply}/ch1.voltage`, (value) => Math.abs(value) < 0.2);

  // The server's own stop forgets the second channel; ours does not.
  await set('ch2.output', true);
  const stop = await screen.client.call('server.emergencyStop', { server });
  expect(stop.results.length).toBeGreaterThan(0);
  expect(stop.results.filter(({ confirmed }) => !confirmed)).toEqual([]);
});

test('an emergency stop made here outlives its client, the engine and the server, until it is released here, by name', async () => {
  const { server } = await attachSupply();
  await screen.client.call('server.emergencyStop', { server });
  // The server has forgotten its own, and everything else.
  await lablink.kill();
  await lablink.restart();
  await lab.restart();
  screen = await lab.screen('window');
  const login = () =>
    screen.client.call('server.login', { server, user: ADMIN.user, password: ADMIN.password }).then(
      () => 'in',
      ({ code }: { code: string }) => code,
    );
  await expect.poll(login, { timeout: 20_000 }).toBe('in');
  const supply = await screen.until('the supply is back', ({ instruments }) =>
    instruments.find(({ role, state }) => role === 'supply' && state === 'live'),
  );
  const on = () =>
    screen.client.call('instrument.set', { instrument: supply.id, control: 'ch2.output', value: true }).then(
      () => 'done',
      ({ code }: { code: string }) => code,
    );
  expect(await on()).toBe('safety.refused');
  await screen.client.call('server.command', { server, text: 'release_stop' });
  const told = await screen.until('who it was', ({ events }) =>
    events.find(({ text }) => text.includes('released the emergency stop')),
  );
  expect(told).toMatchObject({ kind: 'safety', data: { who: 'window', server } });
  expect(await on()).toBe('done');
});

test('a login outlives the engine where the system has a keychain, and its end leaves nothing there', async () => {
  const kept = new Map<string, string>();
  lab.host.secrets = {
    kept: 'keychain',
    read: async (name) => kept.get(name),
    write: async (name, value) => void (value === undefined ? kept.delete(name) : kept.set(name, value)),
  };
  screen[Symbol.dispose]();
  await lab.restart();
  screen = await lab.screen();
  const { server, supply } = await attachSupply();
  expect(screen.state.servers[0]?.login).toMatchObject({ state: 'in', kept: 'keychain' });
  expect([...kept.keys()]).toEqual([`session:${server}`]);
  expect([...kept.values()].join()).not.toContain(ADMIN.password);

  screen[Symbol.dispose]();
  await lab.restart();
  screen = await lab.screen();
  await screen.untilState(supply, 'live');
  await screen.until('live data without a login', ({ servers }) => servers[0]?.link.word === 'connected');
  expect(screen.state.servers[0]?.login).toMatchObject({ user: ADMIN.user, state: 'in' });

  await screen.client.call('server.logout', { server });
  expect(kept.size).toBe(0);
});

test('a wrong password is one line, and is nowhere afterwards', async () => {
  const { server } = await screen.client.call('server.add', { url: lablink.url });
  const wrong = screen.client.call('server.login', { server, user: ADMIN.user, password: 'hunter2-wrong' });
  await expect(wrong).rejects.toMatchObject({ code: 'server.unauthorized' });
  expect(JSON.stringify(screen.state)).not.toContain('hunter2');
});

test('the server is killed and comes back: greyed meanwhile, then live again by itself, and what was missed is a gap', async () => {
  const { supply } = await attachSupply();
  await screen.untilValue(`${supply}/ch1.voltage`, Number.isFinite);
  await lablink.kill();
  await screen.untilState(supply, 'silent');
  await screen.until('the tries', ({ servers }) => servers[0]?.link.word === 'reconnecting');
  await lablink.restart();
  await screen.untilState(supply, 'live');
  await screen.untilValue(`${supply}/ch1.voltage`, Number.isFinite);
});

test('an unknown equipment and an unknown server are said', async () => {
  await attachSupply();
  const { port } = lablink;
  await expect(
    screen.client.call('instrument.open', { resource: `LAB::127.0.0.1:${port}::nothing::INSTR` }),
  ).rejects.toMatchObject({ code: 'server.rejected' });
  const { reply } = await screen.client.call('server.command', {
    server: screen.state.servers[0]?.id ?? '',
    text: 'help',
  });
  expect(reply).toContain('connect');
});
