import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { ManualClock } from '../../src/core/clock.ts';
import { HUB_CHANNELS, HUB_ROLES, type HubRole, mayBroadcast, maySubscribe } from '../../src/hub/access/role.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { keyOf } from './labwire-lab.ts';
import { LabwireProbe } from './labwire-probe.ts';

let lab: HubLab;
/** One whose hub has a clock that stands still: for what is counted by the second. */
let still: HubLab;
let clock: ManualClock;
const tokens = new Map<HubRole, string | undefined>();
const probes: LabwireProbe[] = [];

beforeAll(async () => {
  lab = await openHubLab({ attach: ['supply'] });
  for (const role of ['admin', 'developer', 'viewer', 'bot'] as const) tokens.set(role, await lab.token(role));
  await lab.screen.until('streams', ({ streams }) => streams.length > 0);
  clock = new ManualClock(BigInt(Date.now()) * 1_000_000n);
  still = await openHubLab({ attach: [], hub: { clock } });
});

afterEach(async () => {
  for (const probe of probes.splice(0)) await probe.end();
});

afterAll(async () => {
  await still[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});

async function enter(role: HubRole = 'developer', hello: Record<string, unknown> = {}): Promise<LabwireProbe> {
  const probe = new LabwireProbe(lab.socketUrl('/ws'));
  probes.push(probe);
  await probe.hello({ ...(tokens.get(role) === undefined ? {} : { auth: { token: tokens.get(role) } }), ...hello });
  probe.isAcking = true;
  probe.say({ type: 'ack', bytes: probe.bytes });
  return probe;
}

/** As `enter`, where the clock stands still. */
async function enterStill(role: 'admin' | 'developer'): Promise<LabwireProbe> {
  const probe = new LabwireProbe(still.socketUrl('/ws'), { token: await still.token(role) });
  probes.push(probe);
  await probe.hello();
  probe.isAcking = true;
  probe.say({ type: 'ack', bytes: probe.bytes });
  return probe;
}

const supply = (): string => lab.bench.equipment.find(({ type }) => type === 'power_supply')?.id ?? '';

test('306 greeting: capabilities with both windows of 12 bits, then connected; who it is comes with the hello', async () => {
  const probe = await enter('viewer');
  expect(probe.heard[0]).toMatchObject({
    type: 'capabilities',
    protocol: { name: 'labwire', versions: [1], dialect: 'native' },
    server: { id: 'hub-of-a-test', name: 'Test bench' },
    features: {
      compression: { codecs: ['raw', 'i16d-rice', 'deflate'], permessage_deflate: { window_bits: 12, mem_level: 5 } },
      resume: { enabled: true, ttl: 300 },
      heartbeat: { interval: 10, timeout: 25 },
    },
  });
  expect(probe.socket.extensions).toContain('permessage-deflate');
  const connected = await probe.of('connected');
  expect(connected).toMatchObject({ re: 'h', role: 'viewer', user_id: 'viewer', reconnected: false, streams: [] });
  expect((connected.resume as { token: string }).token).toMatch(/^[\w-]{43}$/);
  expect(probe.socket.protocol).toBe('labwire.1');
});

test('a token that is none ends with 4401, one in the handshake is enough', async () => {
  const stranger = new LabwireProbe(lab.socketUrl('/ws'));
  await stranger.open();
  stranger.say({ type: 'hello', auth: { token: 'nonsense' } });
  await stranger.until('the end', () => stranger.closed !== undefined);
  expect(stranger.closed?.code).toBe(4401);
  const known = new LabwireProbe(lab.socketUrl('/ws'), { token: tokens.get('bot') ?? '' });
  probes.push(known);
  expect(await known.hello()).toMatchObject({ role: 'bot' });
});

test('garbage is answered, never taken, and the connection stays', async () => {
  const probe = await enter();
  const garbage = [
    '',
    'null',
    '7',
    '[]',
    '[{"type":"ping"}]',
    '{',
    '{}',
    '{"type":7}',
    '{"type":"ping","t0":"now"}',
    '"a"',
  ];
  for (const text of garbage) probe.socket.send(text);
  probe.socket.send(new Uint8Array([0x4c, 1, 2, 3]));
  await probe.until(
    'an error for each',
    () => probe.heard.filter(({ type }) => type === 'error').length > garbage.length,
  );
  for (const error of probe.heard.filter(({ type }) => type === 'error')) {
    expect(error).toMatchObject({ code: 'malformed', recoverable: true, timestamp: expect.any(String) });
    expect(error.error).toBe(error.message);
    expect(error.detail).toBe(error.message);
  }
  expect(await probe.ask({ type: 'levitate', id: 'l' })).toMatchObject({ type: 'error', code: 'unknown_type' });
  expect(await probe.ask({ type: 'ping', id: 'p', t0: 5 })).toMatchObject({ type: 'pong', id: 'p', t0: 5 });
});

test('before the hello nothing else is carried out', async () => {
  const probe = new LabwireProbe(lab.socketUrl('/ws'), { token: tokens.get('admin') ?? '' });
  probes.push(probe);
  await probe.open();
  expect(await probe.ask({ type: 'command', id: 1, action: 'emergency_stop' })).toMatchObject({
    type: 'error',
    message: 'The first message is hello.',
  });
  expect(lab.screen.state.outputsOff).toBeNull();
  expect(await probe.hello()).toMatchObject({ role: 'admin' });
});

test('limits of messages: text that is no UTF-8 ends with 1007, one above 1 MiB with 1009', async () => {
  const wrong = new LabwireProbe(lab.socketUrl('/ws'));
  await wrong.open();
  // A text frame whose payload is no UTF-8, masked with zeros.
  const raw = (wrong.socket as unknown as { _socket: { write(bytes: Uint8Array): void } })._socket;
  raw.write(new Uint8Array([0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28]));
  await wrong.until('the end', () => wrong.closed !== undefined);
  expect(wrong.closed?.code).toBe(1007);
  const long = new LabwireProbe(lab.socketUrl('/ws'));
  await long.open();
  long.socket.send(`"${'x'.repeat(1_048_576)}"`);
  await long.until('the end', () => long.closed !== undefined);
  expect(long.closed?.code).toBe(1009);
});

test('221–250 subscriptions: each role may what the table says, over the socket; 251 the greeting says the same', async () => {
  for (const role of HUB_ROLES) {
    const probe = await enter(role);
    const answer = await probe.ask({ type: 'subscribe', id: 's', channels: [...HUB_CHANNELS, 'nonsense'] });
    const allowed = HUB_CHANNELS.filter((channel) => maySubscribe(role, channel));
    expect(answer, role).toMatchObject({ type: 'subscribed', channels: allowed });
    expect(answer.denied).toEqual([...HUB_CHANNELS.filter((channel) => !allowed.includes(channel)), 'nonsense']);
    const { channels } = (await probe.of('connected')) as unknown as {
      channels: { name: string; can_subscribe: boolean }[];
    };
    expect(channels.filter((one) => one.can_subscribe).map(({ name }) => name)).toEqual(allowed);
    expect(await probe.ask({ type: 'get_subscriptions', id: 'g' })).toMatchObject({ channels: allowed });
  }
});

test('220 broadcasts: the admin alone; 102 each subscriber hears it once', async () => {
  const listeners = await Promise.all([enter('viewer'), enter('viewer'), enter('bot')]);
  for (const listener of listeners) await listener.ask({ type: 'subscribe', id: 's', channels: ['status'] });
  for (const role of HUB_ROLES) {
    const probe = await enter(role);
    const answer = await probe.ask({
      type: 'broadcast',
      id: 'b',
      channel: 'status',
      event_type: 'x',
      data: { by: role },
    });
    if (mayBroadcast(role, 'status'))
      expect(answer).toMatchObject({ type: 'broadcast_sent', recipients: expect.any(Number) });
    else expect(answer).toMatchObject({ type: 'error', code: 'forbidden' });
  }
  for (const listener of listeners) {
    await listener.until('the broadcast', () => listener.heard.some(({ event_type }) => event_type === 'x'));
    await listener.ask({ type: 'ping', id: 'after' });
    const heard = listener.heard.filter(({ type, event_type }) => type === 'event' && event_type === 'x');
    expect(heard[0]).toMatchObject({ channel: 'status', data: { by: 'admin' } });
    // What was not acknowledged in a second comes again, as the same event.
    expect(new Set(heard.map(({ id }) => id)).size).toBe(1);
  }
});

test('events of a channel are numbered without a hole, acknowledged, and sent again until they are', async () => {
  const probe = await enterStill('admin');
  await probe.ask({ type: 'subscribe', id: 's', channels: ['signals'] });
  for (let number = 0; number < 20; number++)
    probe.say({ type: 'broadcast', id: `b${number}`, channel: 'signals', event_type: 'n', data: number });
  const events = (): LabwireProbe['heard'] =>
    probe.heard.filter(({ type, event_type }) => type === 'event' && event_type === 'n');
  await probe.until('all', () => events().length >= 20);
  const first = events()[0]?.seq as number;
  const told = new Map(events().map((event) => [event.id, event]));
  expect([...told.values()].map(({ seq }) => seq)).toEqual(Array.from({ length: 20 }, (_, index) => first + index));
  const [kept, ...others] = [...told.keys()];
  probe.say({ type: 'event_ack', ids: others });
  await probe.ask({ type: 'ping', id: 'after' });
  await clock.advance(1000);
  await probe.until('the one without an answer again', () => events().filter(({ id }) => id === kept).length > 1);
  probe.say({ type: 'event_ack', ids: [kept] });
  for (const id of others) expect(events().filter((event) => event.id === id)).toHaveLength(1);
});

test('254–258 261 limits of requests: 30 + 20 subscriptions at once, the next one says when', async () => {
  const probe = await enterStill('developer');
  for (let number = 0; number < 51; number++) probe.say({ type: 'subscribe', id: number, channels: ['status'] });
  const refused = await probe.until('a refusal', () => probe.heard.find(({ type }) => type === 'error'));
  expect(refused).toMatchObject({
    message: 'Rate limit exceeded',
    code: 'rate_limited',
    retry_after: expect.any(Number),
  });
  expect(refused.retry_after).toBeGreaterThan(0);
  expect(await probe.ask({ type: 'ping', id: 'p' })).toMatchObject({ type: 'pong' });
  expect(probe.heard.filter(({ type }) => type === 'subscribed')).toHaveLength(50);
});

test('259 a flood of invented types shares one limit, and ends with 4429', async () => {
  const probe = await enterStill('developer');
  for (let number = 0; number < 300; number++) probe.say({ type: `invented-${number}`, id: number });
  await probe.until('the end', () => probe.closed !== undefined);
  expect(probe.closed).toMatchObject({ code: 4429, reason: expect.stringMatching(/retry_after=\d+/) });
  expect(probe.heard.filter(({ code }) => code === 'unknown_type').length).toBeLessThanOrEqual(80);
});

test('a command is carried out at the instrument, read back, and seen at the bench with the name of who did it', async () => {
  const probe = await enter('developer');
  const listener = await enter('developer');
  await listener.ask({ type: 'subscribe', id: 's', channels: ['actions', 'control'] });
  const result = await probe.ask({
    type: 'command',
    id: 'c',
    equipment_id: supply(),
    action: 'set',
    parameters: { control: 'ch1.voltage.set', value: 3.5 },
    idem: 'once',
  });
  expect(result).toMatchObject({
    type: 'command_result',
    success: true,
    data: { controls: { 'ch1.voltage.set': 3.5 } },
  });
  await lab.screen.until(
    'it is seen at the bench',
    ({ instruments }) => instruments[0]?.values['ch1.voltage.set']?.readBack === 3.5,
  );
  const event = await lab.screen.until('who did it', ({ events }) =>
    events.find(({ kind, text }) => kind === 'setpoint' && text.includes('3.5')),
  );
  expect(JSON.stringify(event)).toContain('developer');
  await listener.until('the action', () => listener.heard.some(({ event_type }) => event_type === 'action.executed'));
  await listener.until('the control', () => listener.heard.some(({ event_type }) => event_type === 'control.changed'));
  const read = await probe.ask({ type: 'command', id: 'r', equipment_id: supply(), action: 'read' });
  expect(read).toMatchObject({ success: true, data: { controls: { 'ch1.voltage.set': 3.5 } } });
  const idn = await probe.ask({
    type: 'command',
    id: 'q',
    equipment_id: supply(),
    action: 'command',
    parameters: { text: '*IDN?' },
  });
  expect(idn).toMatchObject({ success: true, data: { text: expect.stringContaining('DP832') } });
});

test('the same command twice is carried out once and answered the same', async () => {
  const probe = await enter('developer');
  const command = {
    type: 'command',
    equipment_id: supply(),
    action: 'set',
    parameters: { control: 'ch2.voltage.set', value: 2 },
    idem: 'x1',
  };
  const first = await probe.ask({ ...command, id: 1 });
  await lab.screen.client.call('instrument.set', {
    instrument: lab.bench.equipment[0]?.instrument.id ?? '',
    control: 'ch2.voltage.set',
    value: 9,
  });
  const second = await probe.ask({ ...command, id: 2 });
  expect({ ...second, re: 0 }).toEqual({ ...first, re: 0 });
  expect(lab.bench.equipment[0]?.instrument.values['ch2.voltage.set']?.readBack).toBe(9);
});

test('refusals of commands in the words of the protocol', async () => {
  const developer = await enter('developer');
  const viewer = await enter('viewer');
  const set = {
    type: 'command',
    equipment_id: supply(),
    action: 'set',
    parameters: { control: 'ch1.voltage.set', value: 1 },
  };
  expect(await viewer.ask({ ...set, id: 1 })).toMatchObject({ success: false, code: 'forbidden' });
  expect(await developer.ask({ ...set, id: 2, equipment_id: 'ps_00000000' })).toMatchObject({
    success: false,
    code: 'not_found',
  });
  expect(await developer.ask({ ...set, id: 3, action: 'dance' })).toMatchObject({
    success: false,
    code: 'unsupported',
  });
  expect(await developer.ask({ ...set, id: 4, parameters: {} })).toMatchObject({ success: false, code: 'invalid' });
  expect(await developer.ask({ ...set, id: 5, parameters: { control: 'ch1.voltage.set', value: 99 } })).toMatchObject({
    success: false,
  });
});

test('a lock somebody at the bench has is in the way of a client, and the other way round', async () => {
  const instrument = lab.bench.equipment[0]?.instrument.id ?? '';
  const probe = await enter('developer');
  const set = {
    type: 'command',
    equipment_id: supply(),
    action: 'set',
    parameters: { control: 'ch1.voltage.set', value: 4 },
  };
  const held = await lab.screen.client.call('lock.take', { instrument, holder: 'Somebody' });
  expect(await probe.ask({ ...set, id: 1 })).toMatchObject({ success: false, code: 'locked' });
  await lab.screen.client.call('lock.release', { lock: held.lock });
  expect(await probe.ask({ ...set, id: 2, action: 'acquire_lock', parameters: {} })).toMatchObject({ success: true });
  await expect(
    lab.screen.client.call('instrument.set', { instrument, control: 'ch1.voltage.set', value: 6 }),
  ).rejects.toMatchObject({ code: 'instrument.locked' });
  const other = await enter('developer');
  expect(await other.ask({ ...set, id: 3 })).toMatchObject({ success: false, code: 'locked' });
  expect(await probe.ask({ ...set, id: 4 })).toMatchObject({ success: true });
  expect(await probe.ask({ ...set, id: 5, action: 'release_lock' })).toMatchObject({
    success: true,
    data: { released: 1 },
  });
  expect(await other.ask({ ...set, id: 6 })).toMatchObject({ success: true });
});

test('emergency stop: every output off and confirmed, whoever holds the lock', async () => {
  const instrument = lab.bench.equipment[0]?.instrument.id ?? '';
  await lab.screen.client.call('instrument.set', { instrument, control: 'ch1.output', value: true });
  const held = await lab.screen.client.call('lock.take', { instrument, holder: 'Somebody' });
  const probe = await enter('developer');
  const result = await probe.ask({ type: 'command', id: 1, action: 'emergency_stop' });
  expect(result).toMatchObject({ success: true });
  const { results } = result.data as { results: { equipment_id: string; group: string; confirmed: boolean }[] };
  expect(results.map(({ group }) => group).sort()).toEqual(['ch1', 'ch2', 'ch3']);
  expect(results.every(({ confirmed, equipment_id }) => confirmed && equipment_id === supply())).toBe(true);
  expect(lab.screen.state.outputsOff?.results.every(({ confirmed }) => confirmed)).toBe(true);
  await lab.screen.client.call('lock.release', { lock: held.lock });
  const on = { type: 'command', id: 2, action: 'set', equipment_id: supply() };
  const setting = { control: 'ch1.output', value: true };
  expect(await probe.ask({ ...on, parameters: setting })).toMatchObject({ success: false, code: 'refused' });
  expect(await (await enter('viewer')).ask({ ...on, id: 3, action: 'release_stop' })).toMatchObject({ success: false });
  expect(await probe.ask({ type: 'command', id: 4, action: 'release_stop' })).toMatchObject({
    success: true,
    data: { released: true },
  });
  expect(await probe.ask({ ...on, id: 5, parameters: setting })).toMatchObject({ success: true });
  expect(await probe.ask({ ...on, id: 6, action: 'outputs_off' })).toMatchObject({
    success: true,
    data: { results: ['ch1', 'ch2', 'ch3'].map((group) => ({ equipment_id: supply(), group, confirmed: true })) },
  });
});

test('an alarm reaches who listens, is told to who comes later, and is acknowledged and cleared', async () => {
  const { info } = keyOf(lab, 'ps');
  const early = await enter('viewer');
  await early.ask({ type: 'subscribe', id: 's', channels: ['alarms'] });
  const rule = {
    id: 'r1',
    name: 'Too low',
    channel: `${info.instrument}/ch1.voltage`,
    condition: { kind: 'below' as const, limit: 1000 },
    severity: 'critical' as const,
    actions: [],
    latch: false,
  };
  await lab.screen.client.call('alarm.set', { rule });
  const of = (probe: LabwireProbe, state: string) =>
    probe.until(state, () =>
      probe.heard.find(({ channel, data }) => channel === 'alarms' && (data as { state?: string }).state === state),
    );
  const active = await of(early, 'active');
  expect(active).toMatchObject({
    prio: 'CRITICAL',
    data: { severity: 'critical', equipment_id: supply(), event_id: expect.stringMatching(/^event_/) },
  });
  const late = await enter('viewer');
  await late.ask({ type: 'subscribe', id: 's', channels: ['alarms'] });
  expect(await of(late, 'active')).toMatchObject({ id: active.id, seq: active.seq });
  const boss = await enter('developer');
  expect(
    await boss.ask({ type: 'command', id: 1, action: 'acknowledge_alarm', parameters: { alarm_id: 'r1' } }),
  ).toMatchObject({ success: true });
  expect(((await of(early, 'acknowledged')).data as { event_id: string }).event_id).toBe(
    (active.data as { event_id: string }).event_id,
  );
  await lab.screen.client.call('alarm.remove', { rule: 'r1' });
  await of(early, 'cleared');
});

test('345 get_stats: the names of the documents, and figures that agree with a count of our own', async () => {
  const probe = await enter();
  await probe.ask({ type: 'ping', id: 'p' });
  const { type: _type, ...stats } = await probe.ask({ type: 'get_stats', id: 's' });
  expect(stats).toMatchObject({
    compression: {
      current_level: expect.any(Number),
      messages_processed: 0,
      average_compression_ratio: 0,
      average_latency_ms: 0,
      space_saved_mb: 0,
    },
    adaptive: { network_condition: expect.any(String), data_pattern: expect.any(String), adaptation_count: 0 },
    ...{
      buffer: { size: expect.any(Number), utilization: expect.any(Number), high_watermark: 0.8 },
      performance: {
        sent_messages: expect.any(Number),
        dropped_messages: 0,
        drop_rate: 0,
        messages_per_second: expect.any(Number),
      },
      state: { backpressure_active: false, emergency_mode: false, paused: false },
    },
    connection: { messages_queued: expect.any(Number), queue_size_by_priority: { critical: 0 } },
  });
  const before = probe.heard.length + probe.frames.length - 1;
  expect(stats.messages).toMatchObject({ sent: before });
});

test('bye ends the session: its token is worth nothing', async () => {
  const probe = await enter();
  const { resume } = (await probe.of('connected')) as unknown as { resume: { token: string } };
  probe.say({ type: 'bye' });
  await probe.until('the end', () => probe.closed !== undefined);
  expect(probe.closed?.code).toBe(1000);
  const again = await enter('developer', { resume: { token: resume.token, streams: [] } });
  expect(await again.of('connected')).toMatchObject({ reconnected: false, reason: 'expired' });
});

test('a hub that would pass the bench back to itself, or too far on, is refused', async () => {
  for (const via of [
    ['other', 'hub-of-a-test'],
    ['a', 'b', 'c', 'd'],
  ]) {
    const probe = new LabwireProbe(lab.socketUrl('/ws'), { token: tokens.get('admin') ?? '' });
    await probe.open();
    probe.say({ type: 'hello', via });
    await probe.until('the end', () => probe.closed !== undefined);
    expect(probe.closed?.code).toBe(4403);
    expect(probe.closed?.reason).toMatch(/loop|hops/);
  }
});

test('a lock taken over REST in the name of the session lets its commands pass and keeps others out', async () => {
  const probe = await enter('developer');
  const { session } = (await probe.of('connected')) as unknown as { session: string };
  const rest = async (path: string, body: Record<string, unknown>): Promise<number> => {
    const answer = await fetch(`${lab.url()}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${tokens.get('developer')}` },
      body: JSON.stringify({ equipment_id: supply(), session_id: session, ...body }),
    });
    return answer.status;
  };
  expect(await rest('/api/locks/acquire', { lock_mode: 'exclusive' })).toBe(200);
  const set = {
    type: 'command',
    equipment_id: supply(),
    action: 'set',
    parameters: { control: 'ch1.voltage.set', value: 2 },
  };
  expect(await probe.ask({ ...set, id: 1 })).toMatchObject({ success: true });
  const other = await enter('developer');
  expect(await other.ask({ ...set, id: 2 })).toMatchObject({ success: false, code: 'locked' });
  expect(await rest('/api/locks/release', {})).toBe(200);
  expect(await other.ask({ ...set, id: 3 })).toMatchObject({ success: true });
});
