import { afterEach, expect, test } from 'vitest';
import { type FaultProxy, openFaultProxy } from '../servers/fault-proxy.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { checkSequence, compareRows, feed, keyOf, openHubClient, trueRows } from './labwire-lab.ts';
import { LabwireProbe, type Said } from './labwire-probe.ts';

let lab: HubLab;
let proxy: FaultProxy | undefined;

afterEach(async () => {
  await proxy?.[Symbol.asyncDispose]();
  proxy = undefined;
  await lab[Symbol.asyncDispose]();
});

async function open(): Promise<{ token: string; key: string }> {
  lab = await openHubLab({ attach: ['supply'] });
  await lab.screen.until('streams', ({ streams }) => streams.length > 0);
  const { key, info } = keyOf(lab, 'ps');
  await feed(lab, info.instrument);
  return { token: await lab.token('developer'), key };
}

const wish = (key: string, intervalMs = 0): Record<string, unknown> => {
  const [equipment_id, stream_type] = key.split('/');
  return { equipment_id, stream_type, interval_ms: intervalMs };
};

interface Session {
  probe: LabwireProbe;
  connected: Said;
  started: Said;
}

async function enter(
  token: string,
  key: string,
  hello: Record<string, unknown> = {},
  intervalMs = 0,
): Promise<Session> {
  const probe = new LabwireProbe(lab.socketUrl('/ws'), { token });
  const connected = await probe.hello({ desired: [wish(key, intervalMs)], ...hello });
  probe.isAcking = true;
  probe.say({ type: 'ack', bytes: probe.bytes });
  return { probe, connected, started: await probe.of('stream_started') };
}

const lastRow = ({ probe }: Session): number => {
  const frame = probe.frames.at(-1);
  return frame ? frame.seq + frame.rows - 1 : -1;
};

const placeOf = (session: Session, key: string): Record<string, unknown> => ({
  token: (session.connected.resume as { token: string }).token,
  streams: [{ key, epoch: session.started.epoch, seq: lastRow(session) }],
});

test('267 a connection that was cut: the next one gets every row in between again, flagged, and goes on live', async () => {
  const { token, key } = await open();
  const first = await enter(token, key);
  await first.probe.until('rows', () => first.probe.frames.length > 5);
  first.probe.socket.terminate();
  await first.probe.until('the end', () => first.probe.closed !== undefined);
  const from = lastRow(first) + 1;
  await lab.screen.until('a while', ({ channels }) => channels.length > 0);
  await new Promise((resolve) =>
    lab.bench.hold(keyOf(lab, 'ps').info.key, { rows: count(10, resolve), reset() {}, ended() {} }),
  );
  const second = await enter(token, key, { resume: placeOf(first, key) });
  expect(second.connected).toMatchObject({ reconnected: true, streams: [{ key, result: 'replayed', from }] });
  expect((second.connected as unknown as { session: string }).session).toBe(first.connected.session);
  const replayed = (second.connected.streams as { n: number }[])[0]?.n ?? 0;
  expect(replayed).toBeGreaterThanOrEqual(10);
  await second.probe.until('live rows', () => rowsOf(second.probe) > replayed + 5);
  const seen = checkSequence(second.probe.order, key, second.started.handle as number, from);
  expect(seen).toMatchObject({ skipped: {}, replayed });
  const truth = await trueRows(lab, keyOf(lab, 'ps').info);
  expect(seen.numbers.every((seq) => truth.has(seq))).toBe(true);
  await second.probe.end();
});

test('268 a token works once; 269 a resume that fails starts what is desired, and says why', async () => {
  const { token, key } = await open();
  const first = await enter(token, key);
  await first.probe.until('rows', () => first.probe.frames.length > 2);
  const place = placeOf(first, key);
  await first.probe.end();
  const second = await enter(token, key, { resume: place });
  expect(second.connected).toMatchObject({ reconnected: true });
  const third = await enter(token, key, { resume: place });
  expect(third.connected).toMatchObject({ reconnected: false, reason: 'used', streams: [] });
  await third.probe.until('rows all the same', () => third.probe.frames.length > 2);
  const stranger = await enter(token, key, { resume: { ...place, token: 'x'.repeat(43) } });
  expect(stranger.connected).toMatchObject({ reconnected: false, reason: 'unknown' });
  const other = await enter(await lab.token('viewer'), key, { resume: placeOf(second, key) });
  expect(other.connected).toMatchObject({ reconnected: false, reason: 'user_mismatch' });
  for (const { probe } of [second, third, stranger, other]) await probe.end();
});

test('half-open: the client comes back while its old connection stands; the old one is put out (4409) and its events move over', async () => {
  const { token, key } = await open();
  proxy = await openFaultProxy(Number(new URL(lab.url()).port));
  const old = new LabwireProbe(`ws://${proxy.host}/ws`, { token });
  const connected = await old.hello({ desired: [wish(key), { channel: 'status' }] });
  old.isAcking = true;
  const started = await old.of('stream_started');
  await old.until('rows', () => old.frames.length > 3);
  proxy.halfOpen();
  const last = (old.frames.at(-1)?.seq ?? 0) + (old.frames.at(-1)?.rows ?? 1) - 1;
  const boss = new LabwireProbe(lab.socketUrl('/ws'), { token: await lab.token('admin') });
  await boss.hello();
  expect(await boss.ask({ type: 'broadcast', id: 1, channel: 'status', event_type: 'lost?', data: 1 })).toMatchObject({
    type: 'broadcast_sent',
  });
  const again = new LabwireProbe(lab.socketUrl('/ws'), { token });
  const resumed = await again.hello({
    desired: [wish(key), { channel: 'status' }],
    resume: {
      token: (connected.resume as { token: string }).token,
      streams: [{ key, epoch: started.epoch, seq: last }],
    },
  });
  again.isAcking = true;
  again.say({ type: 'ack', bytes: again.bytes });
  expect(resumed).toMatchObject({ reconnected: true, streams: [{ result: 'replayed' }] });
  await again.until('the event', () => again.heard.some(({ event_type }) => event_type === 'lost?'));
  await again.until('live rows', () => rowsOf(again) > ((resumed.streams as { n: number }[])[0]?.n ?? 0) + 3);
  const handle = (await again.of('stream_started')).handle as number;
  expect(checkSequence(again.order, key, handle, last + 1).skipped).toEqual({});
  expect(lab.hub.parts.connections.all.filter(({ principal }) => principal.name === 'developer')).toHaveLength(1);
  for (const probe of [boss, again]) await probe.end();
  old.socket.terminate();
});

test('320 an event nobody acknowledged before the cut comes again after it, and one that happened meanwhile comes too', async () => {
  const { token, key } = await open();
  const first = await enter(token, key, { desired: [wish(key), { channel: 'status' }] });
  await first.probe.until('rows', () => first.probe.frames.length > 2);
  const boss = new LabwireProbe(lab.socketUrl('/ws'), { token: await lab.token('admin') });
  await boss.hello();
  boss.isAcking = true;
  await boss.ask({ type: 'broadcast', id: 1, channel: 'status', event_type: 'before', data: 1 });
  await first.probe.until('it', () => first.probe.heard.some(({ event_type }) => event_type === 'before'));
  first.probe.socket.terminate();
  await first.probe.until('the end', () => first.probe.closed !== undefined);
  await boss.ask({ type: 'broadcast', id: 2, channel: 'status', event_type: 'meanwhile', data: 2 });
  const second = await enter(token, key, { desired: [wish(key), { channel: 'status' }], resume: placeOf(first, key) });
  const of = (type: string): Promise<Said> =>
    second.probe.until(type, () => second.probe.heard.find(({ event_type }) => event_type === type));
  const before = await of('before');
  const meanwhile = await of('meanwhile');
  expect(first.probe.heard.find(({ event_type }) => event_type === 'before')).toMatchObject({
    id: before.id,
    seq: before.seq,
  });
  expect((meanwhile.seq as number) - (before.seq as number)).toBeGreaterThanOrEqual(1);
  second.probe.say({ type: 'event_ack', ids: [before.id, meanwhile.id] });
  for (const probe of [boss, second.probe]) await probe.end();
});

test('at another rate after the cut: what is between is skipped for the rate, nothing else is missing', async () => {
  const { token, key } = await open();
  const first = await enter(token, key);
  await first.probe.until('rows', () => rowsOf(first.probe) > 5);
  first.probe.socket.terminate();
  await first.probe.until('the end', () => first.probe.closed !== undefined);
  const second = await enter(token, key, { resume: placeOf(first, key) }, 1000);
  await second.probe.until('rows', () => rowsOf(second.probe) > 4, 30_000);
  const seen = checkSequence(second.probe.order, key, second.started.handle as number, lastRow(first) + 1);
  expect(Object.keys(seen.skipped)).toEqual(['rate']);
  await second.probe.end();
});

test('our own client through cuts and half-open connections: nothing is missing, nothing twice, nothing unaccounted', async () => {
  const { token, key } = await open();
  proxy = await openFaultProxy(Number(new URL(lab.url()).port));
  await using own = openHubClient(proxy.host, { token });
  const { log, stream } = own.want(key, 0);
  await expect.poll(() => log.count > 5).toBe(true);
  for (let cut = 0; cut < 4; cut++) {
    const before = log.count;
    if (cut % 2 === 0) proxy.cut();
    else {
      proxy.halfOpen();
      own.client.reconnect();
    }
    await expect.poll(() => log.count > before + 10 && own.client.link.word === 'connected').toBe(true);
  }
  const numbers = compareRows(log, await trueRows(lab, keyOf(lab, 'ps').info));
  expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index));
  expect(stream.stats).toMatchObject({ unaccounted: 0, lost: 0 });
  expect(log.gaps).toEqual([]);
});

test('a role that was taken down between: what it may not hear any more is not told, and it is said', async () => {
  const { token, key } = await open();
  const first = await enter(token, key, { desired: [wish(key), { channel: 'control' }] });
  expect(await first.probe.of('subscribed')).toMatchObject({ channels: ['control'], denied: [] });
  await lab.access.users.setRole('developer', 'viewer');
  const changed = await first.probe.of('permissions_changed');
  expect(changed).toMatchObject({ role: 'viewer', denied: ['control'] });
  expect(
    await first.probe.ask({
      type: 'command',
      id: 1,
      equipment_id: key.split('/')[0],
      action: 'set',
      parameters: { control: 'ch1.voltage.set', value: 1 },
    }),
  ).toMatchObject({ success: false, code: 'forbidden' });
  await first.probe.end();
});

test('a role that was taken down while the client was away: what it may not hear any more is kept from it', async () => {
  const { token, key } = await open();
  const first = await enter(token, key, { desired: [wish(key), { channel: 'control' }, { channel: 'status' }] });
  await first.probe.until('rows', () => first.probe.frames.length > 2);
  first.probe.socket.terminate();
  await first.probe.until('the end', () => first.probe.closed !== undefined);
  await lab.access.users.setRole('developer', 'viewer');
  const boss = new LabwireProbe(lab.socketUrl('/ws'), { token: await lab.token('admin') });
  await boss.hello();
  for (const channel of ['control', 'status'])
    await boss.ask({ type: 'broadcast', id: channel, channel, event_type: 'meanwhile', data: 1 });
  const second = await enter(await lab.token('developer'), key, {
    desired: [wish(key), { channel: 'control' }, { channel: 'status' }],
    resume: placeOf(first, key),
  });
  expect(second.connected).toMatchObject({ reconnected: true, role: 'viewer' });
  expect(await second.probe.of('subscribed')).toMatchObject({ channels: ['status'], denied: ['control'] });
  await second.probe.until('what it may', () =>
    second.probe.heard.some(({ event_type }) => event_type === 'meanwhile'),
  );
  await second.probe.ask({ type: 'ping', id: 'after' });
  const told = second.probe.heard.filter(({ event_type }) => event_type === 'meanwhile');
  expect(told.map(({ channel }) => channel)).toEqual(['status']);
  for (const probe of [boss, second.probe]) await probe.end();
});

test('a user that is removed is put out with 4401, and its token is worth nothing', async () => {
  const { token, key } = await open();
  const first = await enter(token, key);
  await lab.access.users.remove('developer');
  await first.probe.until('the end', () => first.probe.closed !== undefined);
  expect(first.probe.closed?.code).toBe(4401);
});

test('117 the hub ends: reconnect with its wait, disconnected with a token, what waits goes out, then 1012', async () => {
  const { token, key } = await open();
  const first = await enter(token, key);
  await first.probe.until('rows', () => first.probe.frames.length > 2);
  await lab.hub.close({ reason: 'maintenance', retryAfterS: 7 });
  await first.probe.until('the end', () => first.probe.closed !== undefined);
  expect(await first.probe.of('reconnect')).toMatchObject({ reason: 'maintenance', retry_after: 7 });
  expect(await first.probe.of('disconnected')).toMatchObject({
    reconnection_token: expect.stringMatching(/^[\w-]{43}$/),
    expires_in: 300,
  });
  expect(first.probe.closed?.code).toBe(1012);
});

function count(rows: number, done: (value: unknown) => void): () => void {
  let left = rows;
  return () => {
    left--;
    if (left === 0) done(undefined);
  };
}

function rowsOf({ frames }: LabwireProbe): number {
  return frames.reduce((rows, frame) => rows + frame.rows, 0);
}
