import { afterEach, beforeEach, expect, test } from 'vitest';
import { SOURCE_CODE } from '../../src/core/link-word.ts';
import { openScopes } from '../../src/core/scope.ts';
import { openRecording } from '../../src/engine/recording/recording.ts';
import { PowerMeterServer } from '../servers/power-meter/server.ts';
import { type Lab, openLab } from './lab.ts';
import type { LabScreen } from './lab-screen.ts';

/** A lab server on the bench: its equipment is found, attached, plotted, recorded and switched by what does so for every instrument. */
let lab: Lab;
let screen: LabScreen;
let power: PowerMeterServer;

beforeEach(async () => {
  power = await PowerMeterServer.start();
  lab = await openLab({ startBench: false });
  screen = await lab.screen();
});

afterEach(async () => {
  await lab[Symbol.asyncDispose]();
  await power[Symbol.asyncDispose]();
  expect(openScopes()).toEqual([]);
});

const linkOf = (state: LabScreen['state']): string | undefined => state.servers[0]?.link.word;

/** Waits for so many new rows of the module. */
async function rows(instrument: string, count: number): Promise<void> {
  let seen = 0;
  await screen.watch([`${instrument}/ch1.power`], { kind: 'raw' }, (block) => {
    if (block.kind === 'raw') seen += block.batch.rows;
    return seen >= count;
  });
}

async function attachModule(): Promise<{ server: string; instrument: string }> {
  const { server } = await screen.client.call('server.add', { url: `127.0.0.1:${power.port}` });
  const resource = await screen.until(
    'its equipment',
    ({ servers }) => servers[0]?.equipment.find(({ role }) => role === 'meter')?.resource,
  );
  return { server, instrument: await screen.attach(resource) };
}

test('it is found what it speaks; its module is attached like an instrument, with its channels and its place in the list', async () => {
  const { server, instrument } = await attachModule();
  const state = await screen.until('live data', ({ servers }) => servers.find(({ link }) => link.word === 'connected'));
  expect(state).toMatchObject({ id: server, dialect: 'power-meter' });
  expect(state.equipment.find((one) => one.instrument === instrument)).toBeDefined();
  const attached = screen.state.instruments.find(({ id }) => id === instrument);
  expect(attached).toMatchObject({ way: 'server', family: 'power-meter', state: 'live' });
  const channels = await screen.until('its channels', (bench) => {
    const own = bench.channels.filter((channel) => channel.instrument === instrument);
    return ['ch1.power', 'ch4.power'].every((name) => own.some((channel) => channel.name === name)) && own;
  });
  expect(channels.some(({ name }) => name.startsWith('~'))).toBe(false);
  await screen.client.call('instrument.find', { withinMs: 0 });
  const row = await screen.until('its row', ({ discovery }) =>
    discovery.found.find((one) => one.instrument === instrument),
  );
  expect(row).toMatchObject({ state: 'attached', paths: [{ way: 'server' }] });
});

test('103 its heartbeats and when the last one came are in the state of the bench', async () => {
  await attachModule();
  const beats = await screen.until('a heartbeat', ({ servers }) => {
    const { count = 0, lastNs = null } = servers[0]?.traffic.heartbeats ?? {};
    return count > 0 && lastNs !== null && { count, lastNs };
  });
  expect(Math.abs(Date.now() - Number(BigInt(beats.lastNs) / 1_000_000n))).toBeLessThan(60_000);
});

test('a cut is a gap with its reason, the rest goes on live, and the recording says how each row came', async () => {
  const { instrument } = await attachModule();
  await screen.until('live data', (state) => linkOf(state) === 'connected');
  await screen.client.call('recording.start', { name: 'server' });
  await rows(instrument, 5);
  const socketsBefore = power.sockets.length;
  power.cut();
  await screen.until('that it is away', (state) => linkOf(state) !== 'connected');
  await screen.until(
    'that it is back',
    (state) => linkOf(state) === 'connected' && power.sockets.length > socketsBefore,
  );
  await rows(instrument, 5);
  const { paths } = await screen.client.call('recording.stop', {});
  await using recording = await openRecording(paths[0] ?? '');
  const stream = recording.streams.find(({ info }) => info.instrument === instrument)?.info;
  expect(stream?.columns.map(({ channel }) => channel)).toEqual(expect.arrayContaining(['ch1.power', '~source']));
  expect(recording.info.gaps.some(({ reason }) => reason !== '')).toBe(true);
  const at = stream?.columns.findIndex(({ channel }) => channel === '~source') ?? -1;
  const sources = new Set<number>();
  for await (const batch of recording.batches()) {
    if (batch.stream !== stream?.id) continue;
    for (const value of batch.columns[at] ?? []) sources.add(value);
  }
  expect(sources.has(SOURCE_CODE.live)).toBe(true);
  expect([...sources].every((value) => Object.values(SOURCE_CODE).includes(value))).toBe(true);
});

test('without WebSocket it is polled, and says so; taken off the bench it leaves nothing', async () => {
  const { server, instrument } = await attachModule();
  await screen.client.call('server.set', { server, webSocket: false });
  await screen.until('polling', (state) => linkOf(state) === 'degraded' && (state.servers[0]?.link.polled ?? 0) > 0);
  await screen.until('the event', ({ events }) =>
    events.some(({ kind, data }) => kind === 'server' && data?.source === 'polled'),
  );
  expect(power.power).toEqual([]);
  await screen.client.call('server.remove', { server });
  await screen.until('that it is gone', ({ servers, instruments }) => servers.length === 0 && instruments.length === 0);
  expect(screen.state.instruments.some(({ id }) => id === instrument)).toBe(false);
  await expect(screen.client.call('server.reconnect', { server })).rejects.toMatchObject({ code: 'server.unknown' });
});

test('an engine that begins again has its servers and their instruments', async () => {
  const { instrument } = await attachModule();
  screen[Symbol.dispose]();
  await lab.restart();
  screen = await lab.screen();
  await screen.untilState(instrument, 'live');
  expect(screen.state.servers[0]).toMatchObject({ dialect: 'power-meter' });
});

test('nothing there, something else there, nonsense: one line each, and nothing on the bench', async () => {
  const add = (url: string): Promise<unknown> => screen.client.call('server.add', { url });
  const { port } = power;
  await power[Symbol.asyncDispose]();
  await expect(add(`127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'server.unreachable' });
  await expect(add('ftp://nowhere')).rejects.toMatchObject({ code: 'call.invalid' });
  expect(screen.state.servers).toEqual([]);
});
