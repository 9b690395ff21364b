import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../src/core/clock.ts';
import { createDeferred } from '../../src/core/deferred.ts';
import { LabError } from '../../src/core/errors.ts';
import { createNodePorts } from '../../src/engine/lab/node-ports.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { recognizesLabLink } from '../../src/lab/lablink/recognize.ts';
import { createServerProbe } from '../../src/lab/server-probe.ts';
import { ADMIN } from '../servers/lablink/mode.ts';
import type { LabLinkLab } from './lablink-harness.ts';
import { LOAD, openLabLinkLab, SCOPE, SUPPLY, soon } from './lablink-harness.ts';

const PATIENT = { timeout: 60_000 };

/** The code of what it throws, or 'fine'. */
async function codeOf(act: Promise<unknown>): Promise<string> {
  try {
    await act;
    return 'fine';
  } catch (thrown) {
    return LabError.from(thrown).code;
  }
}

async function lockedBy(bench: LabLinkLab, session: string): Promise<void> {
  await bench.ask('POST', '/api/locks/acquire', { equipment_id: SUPPLY, session_id: session });
}

describe.concurrent('login', () => {
  const security = { security: true };
  const login = { user: ADMIN.user, password: ADMIN.password };

  test('without a login: the link fails and says so, rows are polled; with it they are live', async () => {
    await using bench = await openLabLinkLab(security);
    const supply = bench.watch(SUPPLY, 'readings');
    await bench.events.until(() => bench.lab.link.word !== 'connecting', 'the refusal');
    await bench.events.until(() => bench.lab.link.error?.code === 'server.unauthorized', 'why');
    await supply.more(3, 'polled');
    await bench.lab.login?.(login, soon());
    await supply.more(3, 'live');
    expect(JSON.stringify(bench.events.events, (_, v: unknown) => (typeof v === 'bigint' ? `${v}` : v))).not.toContain(
      ADMIN.password,
    );
  });

  test('pitfall 3: a token that ran out is refreshed at the 403, and the connection stands again', async () => {
    await using bench = await openLabLinkLab({ ...security, lab: { login } });
    const supply = bench.watch(SUPPLY, 'readings');
    await supply.more(3, 'live');
    bench.server.world.security.expireAll();
    bench.server.drop(0);
    await expect.poll(() => bench.server.world.security.refreshes, PATIENT).toBe(1);
    await supply.more(3, 'live');
    expect(bench.server.world.security.logins).toBe(1);
  });

  test('a restarted server knows no token: logged in again by itself', async () => {
    await using bench = await openLabLinkLab({ ...security, lab: { login } });
    const supply = bench.watch(SUPPLY, 'readings');
    await supply.more(3, 'live');
    await bench.server.kill();
    await bench.server.restart();
    await expect.poll(() => bench.server.world.security.logins, PATIENT).toBe(1);
    await supply.more(3, 'live');
  });

  test('wrong password, one-time code wanted, too many tries: each with its own code', async () => {
    await using bench = await openLabLinkLab({ ...security, mfa: '123456' });
    const tryLogin = (password: string, mfaToken?: string) =>
      codeOf(bench.lab.login?.({ user: ADMIN.user, password, mfaToken }, soon()) ?? Promise.resolve());
    expect(await tryLogin(ADMIN.password)).toBe('server.mfa-required');
    expect(await tryLogin(ADMIN.password, '000000')).toBe('server.unauthorized');
    expect(await tryLogin(ADMIN.password, '123456')).toBe('fine');
    for (let tries = 0; tries < 5; tries++) expect(await tryLogin('wrong')).toBe('server.unauthorized');
    expect(await tryLogin('wrong')).toBe('server.busy');
  });
});

describe.concurrent('locks', () => {
  test('pitfall 11: taken for a command when free, never from its owner, who is named', async () => {
    await using bench = await openLabLinkLab();
    const { session_id } = await bench.ask('POST', '/api/locks/sessions/create', { client_name: 'Ada' });
    await lockedBy(bench, String(session_id));
    const set = () => bench.lab.setControl(SUPPLY, 'ch1.voltage.set', 3, { signal: soon() });
    const error = await set().then(
      () => undefined,
      (thrown: unknown) => LabError.from(thrown),
    );
    expect(error?.code).toBe('server.busy');
    expect(error?.message).toContain('Ada');
    expect(bench.events.of('lock').at(-1)?.lock).toMatchObject({ equipment: SUPPLY, isOurs: false });
    expect(bench.server.world.requests.some(({ body }) => (body as { force?: boolean }).force === true)).toBe(false);
    // By force only when a person said so.
    expect(await bench.lab.lock?.(SUPPLY, true, true, soon())).toMatchObject({ isOurs: true });
    expect(await set()).toMatchObject({ 'ch1.voltage.set': 3 });
  });

  test('pitfall 11: kept alive while it is held, given back in the end', async () => {
    const clock = new ManualClock();
    await using bench = await openLabLinkLab({ clock });
    await bench.lab.lock?.(SUPPLY, true, false, soon());
    const { locks } = bench.server.world;
    // It is touched again only when the last touch was answered, so the clock goes on meanwhile.
    const touched = async () => {
      await clock.advance(20_000);
      return locks.activities;
    };
    await expect.poll(touched, PATIENT).toBeGreaterThanOrEqual(3);
    expect(locks.exclusive.size).toBe(1);
    await bench.lab[Symbol.asyncDispose]();
    expect(locks.exclusive.size).toBe(0);
    expect(locks.sessions.size).toBe(0);
  });

  test('a lock taken only for a command is given back when no more commands come', async () => {
    const clock = new ManualClock();
    await using bench = await openLabLinkLab({ clock });
    await bench.lab.setControl(SUPPLY, 'ch1.voltage.set', 3, { signal: soon() });
    expect(bench.server.world.locks.exclusive.size).toBe(1);
    await clock.advance(20_001);
    await expect.poll(() => bench.server.world.locks.exclusive.size, PATIENT).toBe(0);
  });

  test.each([500, 503])(
    'HTTP %i to who gives it back: it is ours still, is shown so and kept; the next try gives it back',
    async (status) => {
      const clock = new ManualClock();
      await using bench = await openLabLinkLab({ clock });
      await bench.lab.lock?.(SUPPLY, true, false, soon());
      bench.server.world.fault = (_method, path) => (path === '/api/locks/release' ? status : undefined);
      expect(await codeOf(bench.lab.lock?.(SUPPLY, false, false, soon()) ?? Promise.resolve())).toMatch(/^server\./);
      expect(bench.events.of('lock').at(-1)?.lock).toMatchObject({ isOurs: true });
      const { locks } = bench.server.world;
      const before = locks.activities;
      const kept = async (): Promise<number> => {
        await clock.advance(20_000);
        return locks.activities;
      };
      await expect.poll(kept, PATIENT).toBeGreaterThan(before);
      bench.server.world.fault = undefined;
      expect(await bench.lab.lock?.(SUPPLY, false, false, soon())).toMatchObject({ owner: '' });
      expect(locks.exclusive.size).toBe(0);
    },
  );

  test("HTTP 403 to who gives it back: it is another's, and is shown as nobody's never", async () => {
    await using bench = await openLabLinkLab();
    await bench.lab.lock?.(SUPPLY, true, false, soon());
    bench.server.world.locks.exclusive.clear();
    await lockedBy(bench, 'ada');
    expect(await codeOf(bench.lab.lock?.(SUPPLY, false, false, soon()) ?? Promise.resolve())).toBe('server.denied');
    await bench.events.until(() => bench.events.of('lock').at(-1)?.lock.owner === 'ada', 'the owner');
    expect(bench.events.of('lock').map(({ lock }) => lock.owner)).not.toContain('');
  });

  test('a lock that ran out, or that a restart forgot, is taken again for the next command', async () => {
    await using bench = await openLabLinkLab();
    await bench.lab.lock?.(SUPPLY, true, false, soon());
    bench.server.world.locks.exclusive.clear();
    expect(await bench.lab.setControl(SUPPLY, 'ch1.voltage.set', 3, { signal: soon() })).toMatchObject({
      'ch1.voltage.set': 3,
    });
    expect(bench.server.world.locks.exclusive.size).toBe(1);
  });

  test('a server without locks: commands are sent without one', async () => {
    await using bench = await openLabLinkLab();
    bench.server.world.fault = (_method, path) => (path.startsWith('/api/locks/') ? 404 : undefined);
    bench.server.world.locks.refuse = () => undefined;
    expect(await bench.lab.setControl(SUPPLY, 'ch1.voltage.set', 3, { signal: soon() })).toMatchObject({
      'ch1.voltage.set': 3,
    });
    expect((await bench.lab.outputsOff(SUPPLY)).every(({ confirmed }) => confirmed)).toBe(true);
  });

  test('a lock of somebody else shows on the card without a word on the socket', async () => {
    await using bench = await openLabLinkLab();
    await lockedBy(bench, 'somebody');
    const status = () => bench.lab.equipment.find(({ id }) => id === SUPPLY)?.status.lock;
    await bench.events.until(() => status() === 'somebody', 'the owner on the card');
    // It changes hands between two rounds.
    bench.server.world.locks.exclusive.clear();
    await lockedBy(bench, 'another');
    await bench.events.until(() => status() === 'another', 'the next owner on the card');
  });
});

describe.concurrent('safety', () => {
  async function allOn(bench: LabLinkLab): Promise<void> {
    for (const [id, control] of [
      [SUPPLY, 'ch1.output'],
      [SUPPLY, 'ch2.output'],
      [SUPPLY, 'ch3.output'],
      [LOAD, 'input'],
    ] as const)
      expect(await bench.lab.setControl(id, control, true, { signal: soon() })).toMatchObject({ [control]: true });
  }

  test('pitfall 10: every channel is off, confirmed and latched, though the server forgets all but the first', async () => {
    await using bench = await openLabLinkLab();
    await allOn(bench);
    const results = await bench.lab.emergencyStop?.();
    expect(results).toEqual([
      { equipment: SUPPLY, group: 'ch1', confirmed: true },
      { equipment: SUPPLY, group: 'ch2', confirmed: true },
      { equipment: SUPPLY, group: 'ch3', confirmed: true },
      { equipment: LOAD, group: '', confirmed: true },
    ]);
    expect(await bench.lab.readControls(SUPPLY, soon())).toMatchObject({ 'ch2.output': false, 'ch3.output': false });
    const on = () => bench.lab.setControl(SUPPLY, 'ch2.output', true, { signal: soon() });
    expect(await codeOf(on())).toBe('safety.refused');
    expect(await codeOf(bench.lab.command(SUPPLY, 'set_output {"enabled":true}', {}))).toBe('safety.refused');
    // Off is always allowed, and so is a setting.
    expect(await bench.lab.setControl(SUPPLY, 'ch1.output', false, { signal: soon() })).toMatchObject({
      'ch1.output': false,
    });
    await bench.lab.command('', 'release_stop', { signal: soon() });
    expect(await on()).toMatchObject({ 'ch2.output': true });
  });

  test('the lock of somebody else does not keep an output on, and that it was taken is told', async () => {
    await using bench = await openLabLinkLab();
    await allOn(bench);
    await bench.ask('POST', '/api/locks/release', { equipment_id: SUPPLY, session_id: 'x', force: true });
    await lockedBy(bench, 'somebody');
    const results = await bench.lab.outputsOff(SUPPLY);
    expect(results.map(({ confirmed }) => confirmed)).toEqual([true, true, true]);
    expect(bench.events.notes('lock').some(({ text }) => text.includes('somebody'))).toBe(true);
  });

  test('a server that does not answer: nothing is confirmed, and each output says why', async () => {
    await using bench = await openLabLinkLab();
    await bench.server.kill();
    const results = (await bench.lab.emergencyStop?.()) ?? [];
    expect(results).toHaveLength(4);
    expect(results.every(({ confirmed, reason }) => !confirmed && (reason ?? '') !== '')).toBe(true);
    expect(await codeOf(bench.lab.setControl(LOAD, 'input', true, {}))).toBe('safety.refused');
  });

  test('a server that begins anew, its stop forgotten, does not end ours', async () => {
    await using bench = await openLabLinkLab();
    await bench.lab.emergencyStop?.();
    await bench.server.kill();
    await bench.server.restart();
    await bench.events.until(
      () => bench.events.notes('emergency-stop').some(({ text }) => text.includes('holds until it is released here')),
      'that only the stop of the server is over',
    );
    const on = () => bench.lab.setControl(SUPPLY, 'ch2.output', true, { signal: soon() });
    expect(await codeOf(on())).toBe('safety.refused');
    const lines = [
      'apply_profile {"name":"on"}',
      `POST /api/equipment/${SUPPLY}/command {"action":"set_output","parameters":{"enabled":true}}`,
    ];
    for (const line of lines)
      expect(await codeOf(bench.lab.command(SUPPLY, line, { signal: soon() })), line).toBe('safety.refused');
    await bench.lab.command('', 'release_stop', { signal: soon() });
    expect(await on()).toMatchObject({ 'ch2.output': true });
  });

  test('an answer about the stop that was asked for before it ends nothing', async () => {
    await using bench = await openLabLinkLab();
    const { world } = bench.server;
    const [first, second] = [createDeferred<void>(), createDeferred<void>()];
    const asked = [createDeferred<void>(), createDeferred<void>()];
    let turn = 0;
    world.holdSafetyStatus = async () => {
      const mine = turn++;
      asked[mine]?.resolve();
      await [first, second][mine]?.promise;
    };
    await asked[0]?.promise;
    await bench.lab.emergencyStop?.();
    first.resolve();
    await asked[1]?.promise;
    const refused = await codeOf(bench.lab.setControl(SUPPLY, 'ch2.output', true, { signal: soon() }));
    expect(refused).toBe('safety.refused');
    expect(bench.events.notes('emergency-stop').map(({ text }) => text)).toEqual([
      'The emergency stop of the lab server is active.',
    ]);
    second.resolve();
  });

  test("the server's own stop, made by somebody else, holds here, too", async () => {
    await using bench = await openLabLinkLab();
    await bench.ask('POST', '/api/safety/emergency-stop/activate');
    await bench.events.until(() => bench.events.notes('emergency-stop').length > 0, 'it is told');
    expect(await codeOf(bench.lab.setControl(LOAD, 'input', true, {}))).toBe('safety.refused');
  });
});

describe.concurrent('commands', () => {
  test('pitfall 9: success:false with 200 is a refusal, with the words of the instrument', async () => {
    await using bench = await openLabLinkLab();
    const answer = bench.lab.command(SUPPLY, 'set_voltage {"channel":1,"voltage":99}', { signal: soon() });
    await expect(answer).rejects.toThrow(/Voltage must be between 0 and 30.0V/);
    expect(await codeOf(bench.lab.command(SUPPLY, 'bogus', { signal: soon() }))).toBe('server.rejected');
    expect(await bench.lab.command(SUPPLY, 'set_voltage {"channel":1,"voltage":5}', { signal: soon() })).toBe('ok');
    const readings = await bench.lab.command(SUPPLY, 'get_readings {"channel":1}', { signal: soon() });
    expect(JSON.parse(readings)).toMatchObject({ voltage_set: 5 });
    expect(await codeOf(bench.lab.command(SCOPE, 'get_waveform_raw', { signal: soon() }))).toBe('server.rejected');
    expect(await codeOf(bench.lab.command('nope', 'get_readings', { signal: soon() }))).toBe('server.unsupported');
  });

  test('a load: mode, levels, input', async () => {
    await using bench = await openLabLinkLab();
    const set = (id: string, value: number | string | boolean) =>
      bench.lab.setControl(LOAD, id, value, { signal: soon() });
    expect(await set('level.cc', 2.5)).toMatchObject({ mode: 'CC', 'level.cc': 2.5 });
    expect(await set('input', true)).toMatchObject({ input: true });
    expect(await set('mode', 'CP')).toMatchObject({ mode: 'CP', 'level.cp': 0 });
    expect(await codeOf(set('level.cc', 99))).toBe('server.rejected');
  });

  test('jobs, profiles, health, discovery and any call of the server; what they tell comes as notes', async () => {
    await using bench = await openLabLinkLab();
    const run = async (line: string) => JSON.parse(await bench.lab.command(SUPPLY, line, { signal: soon() })) as object;
    expect(await run('profiles')).toMatchObject({ count: 2 });
    expect(await run('apply_profile {"name":"Power Supply - 5V Logic"}')).toMatchObject({ success: true });
    expect(await run('create_job {"name":"j","schedule_type":"measurement","trigger_type":"interval"}')).toMatchObject({
      success: true,
    });
    expect(await run('jobs')).toMatchObject({ count: 1 });
    expect(await run('health')).toMatchObject({ health: { health_status: 'critical' } });
    expect(await run('GET /api/alarms')).toMatchObject({ count: 0 });
    expect(await codeOf(run('GET /login.html'))).toBe('call.invalid');
    expect(await bench.lab.command(SUPPLY, 'help', {})).toContain('set_voltage');
    await bench.events.until(() => bench.lab.link.word === 'connected', 'the socket');
    await run('discover');
    await bench.events.until(() => bench.events.notes('discovery').length >= 5, 'progress');
    bench.server.world.basic.broadcast({ type: 'job_failed', data: { job_id: 'j1', name: 'night', error: 'no' } });
    await bench.events.until(() => bench.events.notes('job').length > 0, 'the job');
    expect(bench.events.notes('job')[0]).toMatchObject({ severity: 'error', text: 'Job night failed: no' });
  });

  test('a capture of an oscilloscope: its samples with their step', async () => {
    await using bench = await openLabLinkLab();
    const waveform = await bench.lab.capture?.(SCOPE, ['ch1.voltage', 'ch2.voltage'], soon());
    expect(waveform?.columns.map(({ channel }) => channel)).toEqual(['ch1.voltage', 'ch2.voltage']);
    expect(waveform?.samples.map(({ length }) => length)).toEqual([1000, 1000]);
    expect(waveform?.dtS).toBeCloseTo(1e-9, 12);
    expect(await codeOf(bench.lab.capture?.(SCOPE, ['ch9.voltage'], soon()) ?? Promise.resolve())).toBe('call.invalid');
    expect(bench.lab.link.error).toBeUndefined();
  });

  test('pitfall 4: a plain 500 and a reset connection: the question is asked again', async () => {
    await using bench = await openLabLinkLab({ lab: { webSocket: false } });
    let asked = 0;
    bench.server.world.fault = (_method, path) => {
      if (!path.endsWith('/readings')) return undefined;
      asked++;
      return asked % 2 === 1 ? 'reset' : undefined;
    };
    const load = bench.watch(LOAD, 'readings');
    await load.more(4, 'polled');
    expect(load.sources).toEqual(['polled']);
  });
});

describe.concurrent('alarms', () => {
  const rule = (notifications: string[]) =>
    `create_alarm {"name":"over","parameter":"voltage","condition":"greater_than","severity":"critical","threshold":4,"notifications":${JSON.stringify(notifications)}}`;

  async function fire(bench: LabLinkLab, notifications: string[]): Promise<string> {
    const created = await bench.lab.command(SUPPLY, rule(notifications), { signal: soon() });
    const { alarm_id } = JSON.parse(created) as { alarm_id: string };
    await bench.events.until(() => bench.lab.link.word === 'connected', 'the socket');
    await bench.lab.command('', `check_alarm {"alarm_id":"${alarm_id}","value":9}`, { signal: soon() });
    await bench.events.until(() => bench.events.of('alarm').length > 0, 'the alarm');
    return alarm_id;
  }

  test('pitfall 12: alarm and alarm_event are one; acknowledged and cleared follow, each once', async () => {
    await using bench = await openLabLinkLab({ mode: 'fixed' });
    const rule_id = await fire(bench, ['websocket']);
    const [alarm] = bench.events.of('alarm');
    expect(alarm).toMatchObject({ state: 'active', severity: 'critical', equipment: SUPPLY });
    await bench.lab.acknowledge?.(alarm?.id ?? '', 'Ada', soon());
    await bench.events.until(() => bench.events.of('alarm').at(-1)?.state === 'acknowledged', 'acknowledged');
    await bench.lab.command('', `check_alarm {"alarm_id":"${rule_id}","value":1}`, { signal: soon() });
    await bench.events.until(() => bench.events.of('alarm').at(-1)?.state === 'cleared', 'cleared');
    expect(bench.events.of('alarm').map(({ state }) => state)).toEqual(['active', 'acknowledged', 'cleared']);
    expect(new Set(bench.events.of('alarm').map(({ id }) => id)).size).toBe(1);
  });

  test('as shipped, an alarm that no socket tells is found by asking, and its end, too', async () => {
    await using bench = await openLabLinkLab({ mode: 'asis' });
    const rule_id = await fire(bench, []);
    expect(bench.events.of('alarm')[0]).toMatchObject({ state: 'active' });
    await bench.lab.command('', `check_alarm {"alarm_id":"${rule_id}","value":1}`, { signal: soon() });
    await bench.events.until(() => bench.events.of('alarm').at(-1)?.state === 'cleared', 'cleared');
    expect(bench.events.of('alarm').map(({ state }) => state)).toEqual(['active', 'cleared']);
  });
});

test('recognized by what it says: LabLink by /api, the enhanced socket by its greeting, nothing else', async () => {
  await using bench = await openLabLinkLab({ mode: 'enhanced' });
  // Each looks with connections of its own: those to a server that was restarted are dead.
  const probe = () => createServerProbe(createNodePorts(createSystemClock()), bench.server.url, undefined, soon());
  const { url } = bench.server;
  expect(await recognizesLabLink(probe(), { url })).toBe('lablink');
  bench.server.world.fault = (_method, path) => (path === '/api' ? 404 : undefined);
  expect(await recognizesLabLink(probe(), { url: `${url.replace('http', 'ws')}/ws` })).toBe('lablink-enhanced');
  await bench.server.kill();
  await bench.server.restart('fixed');
  bench.server.world.fault = (_method, path) => (path === '/api' ? 404 : undefined);
  expect(await recognizesLabLink(probe(), { url })).toBeUndefined();
});
