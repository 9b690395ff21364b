import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Scope } from '../../src/core/scope.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { type Answer, ask } from './lablink-probe.ts';

const scope = new Scope('lablink rest');
let hub: HubLab;
let admin: string;
let developer: string;
let viewer: string;
/** Asks without a login. */
const NOBODY = '';
const ids: Record<string, string> = {};

beforeAll(async () => {
  hub = scope.use(await openHubLab({ attach: ['supply', 'load', 'meter', 'daq', 'scope'], profiles: ['lablink'] }));
  admin = await hub.token('admin');
  developer = await hub.token('developer');
  viewer = await hub.token('viewer');
  for (const { id, type } of hub.bench.equipment) ids[type] = id;
});

afterAll(() => scope[Symbol.asyncDispose]());

const get = (path: string, token = developer): Promise<Answer> => ask(hub, 'GET', path, { token });
const post = (path: string, body?: unknown, token = developer): Promise<Answer> =>
  ask(hub, 'POST', path, { token, body });

function command(
  type: string,
  action: string,
  parameters: unknown,
  session?: string,
  token = developer,
): Promise<Answer> {
  const body = { command_id: `${Math.random()}`, equipment_id: ids[type], action, parameters, session_id: session };
  return post(`/api/equipment/${ids[type]}/command`, body, token);
}

async function lockAll(session: string): Promise<void> {
  for (const id of Object.values(ids)) {
    const { status } = await post('/api/locks/acquire', { equipment_id: id, session_id: session });
    expect(status).toBe(200);
  }
}

const readBack = (type: string, control: string) =>
  hub.bench.find(ids[type] ?? '').instrument.values[control]?.readBack;

test('says what it is, without a login', async () => {
  expect((await get('/api', NOBODY)).json).toMatchObject({
    name: expect.stringContaining('LabLink'),
    hostname: 'Test bench',
    status: 'running',
    security_enabled: true,
  });
  expect((await get('/health', NOBODY)).json).toMatchObject({ status: 'healthy', connected_devices: 5 });
  expect((await get('/api/system/version', NOBODY)).json).toMatchObject({
    success: true,
    version_info: { major: 1, minor: 3 },
  });
});

describe('logins', () => {
  const login = (username: string, password: string) => post('/api/security/login', { username, password }, NOBODY);

  test('give tokens that work, are renewed once, and end', async () => {
    const { status, json } = await login('developer', 'four words of a bench');
    expect(status).toBe(200);
    expect(json).toMatchObject({
      token_type: 'bearer',
      user: { username: 'developer', roles: ['developer'], is_superuser: false },
    });
    const me = await get('/api/security/me', json.access_token as string);
    expect(me.json).toMatchObject({ username: 'developer', mfa_enabled: false });
    const renewed = await post('/api/security/refresh', { refresh_token: json.refresh_token }, NOBODY);
    expect(renewed.status).toBe(200);
    const token = renewed.json.access_token as string;
    expect((await post('/api/security/logout', undefined, token)).json).toMatchObject({ sessions_destroyed: 1 });
    expect((await get('/api/security/me', token)).status).toBe(401);
  });

  test('are refused with what is left, and nobody is nobody', async () => {
    const wrong = await login('viewer', 'nope');
    expect(wrong.status).toBe(401);
    expect(String(wrong.json.detail).length).toBeGreaterThan(5);
    expect((await get('/api/security/me', NOBODY)).status).toBe(401);
    expect((await post('/api/security/login', { username: 'viewer' }, NOBODY)).status).toBe(422);
  });

  test('with a one-time code say so in the header LabLink clients look for', async () => {
    await post(
      '/api/security/users',
      { username: 'careful', password: 'a careful password', roles: ['viewer'] },
      admin,
    );
    const { json } = await login('careful', 'a careful password');
    const setup = await post('/api/security/mfa/setup', undefined, json.access_token as string);
    expect(setup.json).toMatchObject({ provisioning_uri: expect.stringContaining('otpauth://') });
    const wrong = await post('/api/security/mfa/verify', { token: '000000' }, json.access_token as string);
    expect(wrong.status).toBe(401);
    expect((await get('/api/security/mfa/status', json.access_token as string)).json).toMatchObject({
      mfa_enabled: false,
    });
  });

  test("users, roles and keys are the admin's; a key opens what its user may", async () => {
    expect((await get('/api/security/users')).status).toBe(403);
    const made = await post(
      '/api/security/users',
      { username: 'anna', email: 'a@b.c', password: 'anna has a bench', roles: ['viewer'] },
      admin,
    );
    expect(made.json).toMatchObject({ username: 'anna', roles: ['viewer'] });
    const id = made.json.user_id as string;
    const changed = await ask(hub, 'PATCH', `/api/security/users/${id}`, {
      token: admin,
      body: { roles: ['developer'] },
    });
    expect(changed.json).toMatchObject({ roles: ['developer'] });
    const key = await post('/api/security/api-keys', { name: 'script', expires_in_days: 30 });
    expect(key.json).toMatchObject({ name: 'script', key: expect.stringMatching(/^lw_/), is_active: true });
    const response = await fetch(`${hub.url()}/api/security/me`, { headers: { 'x-api-key': key.json.key as string } });
    expect(await response.json()).toMatchObject({ username: 'developer' });
    expect((await ask(hub, 'DELETE', `/api/security/api-keys/${key.json.key_id}`, { token: developer })).status).toBe(
      200,
    );
    expect((await ask(hub, 'DELETE', `/api/security/users/${id}`, { token: admin })).status).toBe(200);
    expect((await get(`/api/security/users/${id}`, admin)).status).toBe(404);
    expect((await get('/api/security/roles')).json).toHaveLength(4);
  });
});

describe('equipment', () => {
  test('is listed with what LabLink clients read', async () => {
    const { json } = await get('/api/equipment/list');
    const list = json as unknown as Record<string, unknown>[];
    expect(list).toHaveLength(5);
    expect(list.find(({ type }) => type === 'power_supply')).toMatchObject({
      id: ids.power_supply,
      manufacturer: 'RIGOL TECHNOLOGIES',
      model: 'DP832',
      connection_type: 'ethernet',
      resource_string: expect.stringContaining('TCPIP'),
      nickname: 'DP832',
    });
    const status = await get(`/api/equipment/${ids.power_supply}/status`);
    expect(status.json).toMatchObject({
      connected: true,
      capabilities: { num_channels: 3, max_voltage: 32, channels: { ch3: { max_voltage: 5.3 } } },
    });
  });

  test('reads in the words of each kind', async () => {
    expect((await get(`/api/equipment/${ids.power_supply}/readings?channel=2`)).json).toMatchObject({ channel: 2 });
    expect((await get(`/api/equipment/${ids.electronic_load}/readings`)).json).toMatchObject({
      mode: 'CC',
      load_enabled: false,
    });
    expect((await get(`/api/equipment/${ids.multimeter}/readings`)).json).toMatchObject({
      voltage_dc: expect.any(Number),
    });
    expect((await get(`/api/equipment/${ids.data_acquisition}/readings`)).json).toMatchObject({
      dut_voltage: expect.any(Number),
    });
    expect((await get(`/api/equipment/${ids.oscilloscope}/readings`)).status).toBe(501);
    expect((await get('/api/equipment/nope/readings')).status).toBe(404);
    expect((await get(`/api/equipment/${ids.power_supply}/readings?channel=9`)).status).toBe(400);
  });

  test('is found by the name people gave it', async () => {
    const { instrument } = hub.bench.find(ids.multimeter ?? '');
    await hub.screen.client.call('instrument.rename', { instrument: instrument.id, label: 'bench_meter' });
    await expect.poll(async () => (await get('/api/equipment/bench_meter/readings')).status).toBe(200);
  });

  test('is set under a lock only: 401 without a session, 403 without the lock', async () => {
    expect((await command('power_supply', 'set_voltage', { voltage: 5 })).status).toBe(401);
    const refused = await command('power_supply', 'set_voltage', { voltage: 5 }, 'somebody');
    expect(refused.status).toBe(403);
    expect((await command('power_supply', 'set_voltage', { voltage: 5 }, 'somebody', viewer)).status).toBe(403);
  });

  test('does what its commands say, and says why it does not', async () => {
    await lockAll('commands');
    const run = async (type: string, action: string, parameters: unknown) =>
      (await command(type, action, parameters, 'commands')).json;
    expect(await run('power_supply', 'set_voltage', { voltage: 5, channel: 2 })).toMatchObject({
      success: true,
      data: null,
      error: null,
    });
    await expect.poll(() => readBack('power_supply', 'ch2.voltage.set')).toBe(5);
    expect(await run('power_supply', 'set_current', { current: 0.5, channel: 2 })).toMatchObject({ success: true });
    expect(await run('power_supply', 'get_setpoints', { channel: 2 })).toMatchObject({
      data: { voltage: 5, current: 0.5 },
    });
    expect(await run('power_supply', 'set_output', { enabled: true, channel: 2 })).toMatchObject({ success: true });
    await expect.poll(() => readBack('power_supply', 'ch2.output')).toBe(true);
    expect(await run('electronic_load', 'set_mode', { mode: 'CR' })).toMatchObject({ success: true });
    expect(await run('electronic_load', 'set_resistance', { resistance: 50 })).toMatchObject({ success: true });
    await expect.poll(() => readBack('electronic_load', 'level.cr')).toBe(50);
    expect(await run('oscilloscope', 'set_timebase', { scale: 0.0005, offset: 0 })).toMatchObject({ success: true });
    await expect.poll(() => readBack('oscilloscope', 'timebase.scale')).toBe(0.0005);
    expect(
      await run('oscilloscope', 'set_channel', { channel: 2, enabled: true, scale: 0.5, coupling: 'AC' }),
    ).toMatchObject({ success: true });
    expect(await run('oscilloscope', 'trigger_stop', {})).toMatchObject({ success: true });
    await expect.poll(() => readBack('oscilloscope', 'acquire')).toBe('stop');
    expect(await run('oscilloscope', 'trigger_run', {})).toMatchObject({ success: true });
    expect(await run('multimeter', 'set_range', { range: '10 V' })).toMatchObject({ success: true });
    for (const [type, action, parameters, why] of [
      ['power_supply', 'set_voltage', { voltage: 4000 }, /32|range|limit|above/i],
      ['power_supply', 'set_voltage', {}, /missing parameter 'voltage'/],
      ['power_supply', 'set_voltage', { voltage: 1, channel: 7 }, /Invalid channel 7/],
      ['power_supply', 'dance', {}, /Unknown command: dance/],
      ['electronic_load', 'set_mode', { mode: 'XX' }, /Invalid mode/],
      ['oscilloscope', 'autoscale', {}, /cannot do autoscale/],
      ['oscilloscope', 'get_readings', {}, /does not support readings/],
    ] as const)
      expect(await run(type, action, parameters)).toMatchObject({ success: false, error: expect.stringMatching(why) });
    await command('power_supply', 'set_output', { enabled: false, channel: 2 }, 'commands');
    expect(await run('oscilloscope', 'get_measurements', {})).toMatchObject({
      data: { vpp: expect.any(Number), freq: expect.any(Number) },
    });
  });

  test('a command that comes twice is carried out once', async () => {
    await lockAll('commands');
    const body = { command_id: 'twice', action: 'set_voltage', parameters: { voltage: 1.5 }, session_id: 'commands' };
    const path = `/api/equipment/${ids.power_supply}/command`;
    expect((await post(path, body)).json).toMatchObject({ success: true });
    await hub.screen.client.call('outputs.off', {});
    const { exchanges } = await hub.screen.client.call('instrument.exchanges', {
      instrument: hub.bench.find(ids.power_supply ?? '').instrument.id,
      limit: 1000,
    });
    expect((await post(path, body)).json).toMatchObject({ success: true });
    const sets = (list: typeof exchanges) =>
      list.filter(({ direction, text }) => direction === 'sent' && /VOLT.*1\.5|APPL.*1\.5/.test(text)).length;
    const after = await hub.screen.client.call('instrument.exchanges', {
      instrument: hub.bench.find(ids.power_supply ?? '').instrument.id,
      limit: 1000,
    });
    expect(sets(after.exchanges)).toBe(sets(exchanges));
  });

  test('is attached and detached over REST, its outputs off first', async () => {
    const { resource_string } = (
      (await get('/api/equipment/list')).json as unknown as { id: string; resource_string: string }[]
    ).find(({ id }) => id === ids.electronic_load) ?? { resource_string: '' };
    expect((await post(`/api/equipment/disconnect/${ids.electronic_load}?session_id=commands`)).json).toMatchObject({
      status: 'disconnected',
    });
    expect(hub.bench.equipment.some(({ id }) => id === ids.electronic_load)).toBe(false);
    expect((await post(`/api/equipment/disconnect/${ids.electronic_load}`)).status).toBe(404);
    const back = await post('/api/equipment/connect', {
      resource_string,
      equipment_type: 'electronic_load',
      model: 'SDL1020X-E',
    });
    expect(back.json).toMatchObject({ equipment_id: ids.electronic_load, status: 'connected' });
    expect(
      (await post('/api/equipment/connect', { resource_string: 'x', equipment_type: 'blender', model: 'y' })).status,
    ).toBe(422);
  });
});
