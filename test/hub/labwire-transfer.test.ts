import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { LABLINK_SETTINGS } from '../../src/contract/lablink-settings.ts';
import { readRawHistory } from '../../src/hub/bench/raw-history.ts';
import { FRAME_FLAG, FRAME_HEADER_BYTES, FRAME_TYPE, type LabwireFrame } from '../../src/protocol/lab/labwire-frame.ts';
import { type FaultProxy, openFaultProxy } from '../servers/fault-proxy.ts';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { openHubClient } from './labwire-lab.ts';
import { LabwireProbe, type Said } from './labwire-probe.ts';

let lab: HubLab;
let proxy: FaultProxy;
let token: string;
let scope: string;
/** A stopped recording of about a megabyte, and its bytes as REST gives them. */
let file: Buffer;
const SESSION = 'a long run';
const FEWEST_BYTES = 1_000_000;
const probes: LabwireProbe[] = [];

beforeAll(async () => {
  const ws = { ...LABLINK_SETTINGS, recording: { ...LABLINK_SETTINGS.recording, gzip: false } };
  lab = await openHubLab({ attach: ['scope', 'daq'], hub: { ws } });
  proxy = await openFaultProxy(Number(new URL(lab.url()).port));
  token = await lab.token('developer');
  scope = lab.bench.equipment.find(({ type }) => type === 'oscilloscope')?.id ?? '';
  const probe = await enter();
  await probe.ask({ type: 'start_recording', id: 1, session_id: SESSION, format: 'json' });
  await lab.screen.until(
    'so much is recorded',
    ({ sessions }) =>
      sessions.some(({ session, bytes_written }) => session === SESSION && bytes_written > FEWEST_BYTES),
    120_000,
  );
  await probe.ask({ type: 'stop_recording', id: 2, session_id: SESSION });
  const response = await fetch(`${lab.url()}/api/websocket/recording/download/${SESSION}/1`, {
    headers: { authorization: `Bearer ${token}` },
  });
  file = Buffer.from(await response.arrayBuffer());
  expect(file.length).toBeGreaterThan(FEWEST_BYTES);
  await probe.end();
  probes.length = 0;
}, 180_000);

afterEach(async () => {
  proxy.set({ bytesPerS: 0, isStalled: false });
  for (const probe of probes.splice(0)) if (!probe.closed) await probe.end();
});

afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});

async function enter(
  hello: Record<string, unknown> = {},
  options: { as?: string; url?: string } = {},
): Promise<LabwireProbe> {
  const { as = token, url = lab.socketUrl('/ws') } = options;
  const probe = new LabwireProbe(url, { token: as });
  probes.push(probe);
  await probe.hello(hello);
  acknowledge(probe);
  return probe;
}

function acknowledge(probe: LabwireProbe): void {
  probe.isAcking = true;
  probe.say({ type: 'ack', bytes: probe.bytes });
}

const ofFile = { what: 'recording', session_id: SESSION };

const chunksOf = ({ frames }: LabwireProbe, handle: unknown): LabwireFrame[] =>
  frames.filter((frame) => frame.type === FRAME_TYPE.chunk && frame.handle === handle);

/** Every chunk begins where the one before ended, and only the last says so. Gives the bytes. */
function joined(chunks: readonly LabwireFrame[], from = 0): Buffer {
  let next = from;
  for (const [index, { seq, rows, payload, flags }] of chunks.entries()) {
    expect(seq).toBe(next);
    expect(rows).toBe(payload.length);
    next += payload.length;
    if (index < chunks.length - 1) expect(flags & FRAME_FLAG.last).toBe(0);
  }
  return Buffer.concat(chunks.map(({ payload }) => payload));
}

async function whole(probe: LabwireProbe, started: Said): Promise<Buffer> {
  await probe.until(
    'its last piece',
    () => chunksOf(probe, started.handle).some(({ flags }) => (flags & FRAME_FLAG.last) !== 0),
    60_000,
  );
  return joined(chunksOf(probe, started.handle), started.offset as number);
}

test('a picture and a waveform of an oscilloscope come as pieces: whole, and what the bench has', async () => {
  const probe = await enter();
  expect((await probe.of('capabilities')).features).toMatchObject({
    transfers: { enabled: true, what: ['screenshot', 'waveform', 'recording'] },
  });
  const picture = await probe.ask({
    type: 'start_transfer',
    id: 1,
    wanted: { what: 'screenshot', equipment_id: scope },
  });
  expect(picture).toMatchObject({ type: 'transfer_started', offset: 0, media_type: expect.stringMatching(/^image\//) });
  const image = await whole(probe, picture);
  expect(image.length).toBe(picture.bytes);
  expect(image.subarray(1, 4).toString()).toBe('PNG');
  const { instrument } = lab.bench.find(scope);
  const channels = instrument.waveforms.slice(0, 2);
  await lab.screen.client.call('instrument.query', { instrument: instrument.id, text: ':CHANnel2:DISPlay ON' });
  const wanted = { what: 'waveform', equipment_id: scope, channels };
  const started = await probe.ask({ type: 'start_transfer', id: 2, wanted });
  expect(started, JSON.stringify(started)).toMatchObject({ type: 'transfer_started' });
  const about = started.about as { n: number; channels: string[]; dt: number; t0_ns: string };
  expect(about.channels).toEqual(channels);
  expect(started.bytes).toBe(about.n * channels.length * 4);
  const bytes = await whole(probe, started);
  const { pieces } = await readRawHistory(lab.screen.client, {
    channels: channels.map((name) => `${instrument.id}/${name}`),
    fromNs: 0n,
    toNs: 9_223_372_036_854_775_807n,
    limit: 1_000_000,
  });
  const truth = channels.flatMap((_, column) =>
    pieces.flatMap(({ block }) => [...(block.batch.columns[column] ?? [])]),
  );
  expect(truth.length).toBeGreaterThan(100);
  expect(Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(at * 4))).toEqual(
    truth.map(Math.fround),
  );
  expect(about.t0_ns).toBe(String(pieces[0]?.block.batch.t0Ns));
});

test('nothing more than the window is under way; pieces are a quarter of it at most, and go on with each acknowledgement', async () => {
  const probe = new LabwireProbe(lab.socketUrl('/ws'), { token });
  probes.push(probe);
  await probe.hello();
  probe.say({ type: 'start_transfer', id: 1, wanted: ofFile });
  const started = await probe.of('transfer_started');
  expect(started).toMatchObject({ re: 1, bytes: file.length, name: expect.stringMatching(/^stream_[^/\\]+\.json$/) });
  // The first window is 16 KiB; the answer to a question that is urgent does not come while nothing is acknowledged.
  await probe.until('the window is full', () => probe.bytes > 12 * 1024);
  expect(probe.bytes).toBeLessThanOrEqual(16 * 1024);
  for (const { payload } of chunksOf(probe, started.handle))
    expect(payload.length + FRAME_HEADER_BYTES).toBeLessThanOrEqual(4 * 1024);
  acknowledge(probe);
  expect((await whole(probe, started)).equals(file)).toBe(true);
  const largest = Math.max(...chunksOf(probe, started.handle).map(({ payload }) => payload.length));
  expect(largest + FRAME_HEADER_BYTES).toBeLessThanOrEqual(64 * 1024);
});

test('330 a transfer over a slow link: what is urgent passes it, a cut costs nothing, the next connection goes on at the byte that is missing', async () => {
  proxy.set({ bytesPerS: 60_000 });
  const url = `ws://${proxy.host}/ws`;
  const first = await enter({}, { url });
  const started = await first.ask({ type: 'start_transfer', id: 1, wanted: ofFile });
  await first.until('pieces', () => chunksOf(first, started.handle).length > 3, 60_000);
  const before = chunksOf(first, started.handle).length;
  await first.ask({ type: 'ping', id: 'p' });
  expect(chunksOf(first, started.handle).some(({ flags }) => (flags & FRAME_FLAG.last) !== 0)).toBe(false);
  await first.until('more pieces after it', () => chunksOf(first, started.handle).length > before + 3, 60_000);
  const { resume } = (await first.of('connected')) as unknown as { resume: { token: string } };
  first.socket.terminate();
  const begun = joined(chunksOf(first, started.handle));
  expect(begun.length).toBeLessThan(file.length);
  proxy.set({ bytesPerS: 0 });
  const second = await enter({ resume: { token: resume.token, streams: [] } });
  const again = await second.ask({ type: 'start_transfer', id: 2, transfer: started.transfer, offset: begun.length });
  expect(again).toMatchObject({
    type: 'transfer_started',
    transfer: started.transfer,
    offset: begun.length,
    bytes: file.length,
  });
  const rest = await whole(second, again);
  expect(Buffer.concat([begun, rest]).equals(file)).toBe(true);
  // Kept until the client says it has it: the last piece may have been lost.
  const once = await second.ask({
    type: 'start_transfer',
    id: 3,
    transfer: started.transfer,
    offset: file.length - 10,
  });
  expect((await whole(second, once)).equals(file.subarray(-10))).toBe(true);
  const over = await second.ask({ type: 'stop_transfer', id: 4, transfer: started.transfer });
  expect(over).toMatchObject({ type: 'transfer_stopped', reason: 'asked', offset: file.length });
  expect(await second.ask({ type: 'start_transfer', id: 5, transfer: started.transfer })).toMatchObject({
    code: 'not_found',
  });
}, 150_000);

test('stopped on the way: not a piece comes after the answer', async () => {
  proxy.set({ bytesPerS: 100_000 });
  const probe = await enter({}, { url: `ws://${proxy.host}/ws` });
  const started = await probe.ask({ type: 'start_transfer', id: 1, wanted: ofFile });
  await probe.until('a piece', () => chunksOf(probe, started.handle).length > 0, 60_000);
  const stopped = await probe.ask({ type: 'stop_transfer', id: 2, transfer: started.transfer });
  expect(stopped).toMatchObject({ type: 'transfer_stopped', transfer: started.transfer });
  proxy.set({ bytesPerS: 0 });
  await probe.ask({ type: 'ping', id: 3 });
  const after = probe.order.slice(probe.order.indexOf(stopped));
  expect(after.some((one) => 'payload' in one && one.handle === started.handle)).toBe(false);
  expect(joined(chunksOf(probe, started.handle)).length).toBe(stopped.offset);
  expect(lab.hub.parts.connections.all.length).toBeGreaterThan(0);
});

test('what is not for this client, or nobody has, is refused in one word and nothing comes', async () => {
  const probe = await enter();
  const daq = lab.bench.equipment.find(({ type }) => type === 'data_acquisition')?.id;
  const refused: [Record<string, unknown>, string][] = [
    [{ wanted: { what: 'waveform', equipment_id: daq } }, 'unsupported'],
    [{ wanted: { what: 'waveform', equipment_id: scope, channels: ['ch9.waveform'] } }, 'invalid'],
    [{ wanted: { what: 'screenshot', equipment_id: 'nothing' } }, 'not_found'],
    [{ wanted: { what: 'recording', session_id: '../../etc/passwd' } }, 'not_found'],
    [{ wanted: { what: 'recording', session_id: SESSION, part: 99 } }, 'not_found'],
    [{ wanted: { what: 'everything' } }, 'malformed'],
    [{ wanted: ofFile, offset: file.length + 1 }, 'invalid'],
    [{ transfer: 'none' }, 'not_found'],
    [{}, 'malformed'],
  ];
  for (const [index, [more, code]] of refused.entries())
    expect(await probe.ask({ type: 'start_transfer', id: index, ...more }), JSON.stringify(more)).toMatchObject({
      type: 'error',
      code,
    });
  expect(probe.frames).toEqual([]);
  const text = await enter({ accept: { ack: true } });
  expect(await text.ask({ type: 'start_transfer', id: 1, wanted: ofFile })).toMatchObject({ code: 'unsupported' });
  const viewer = await enter({}, { as: await lab.token('viewer') });
  for (const wanted of [ofFile, { what: 'screenshot', equipment_id: scope }, { what: 'waveform', equipment_id: scope }])
    expect(await viewer.ask({ type: 'start_transfer', id: JSON.stringify(wanted), wanted })).toMatchObject({
      code: 'forbidden',
    });
  // Sending pieces to the hub is not of this protocol.
  probe.socket.send(Buffer.from([0x4c, 0x12, 0, 0]));
  await probe.until('binary is refused', () =>
    probe.heard.find(({ message }) => message === 'Binary messages are not read here.'),
  );
});

test('four at once of one client, and no more', async () => {
  const probe = new LabwireProbe(lab.socketUrl('/ws'), { token });
  probes.push(probe);
  await probe.hello();
  for (let id = 0; id < 5; id++) probe.say({ type: 'start_transfer', id, wanted: ofFile });
  const refused = await probe.until('one too many', () => {
    probe.say({ type: 'ack', bytes: probe.bytes });
    return probe.heard.find(({ type }) => type === 'error');
  });
  expect(refused).toMatchObject({ code: 'busy' });
  acknowledge(probe);
  // One that runs may begin anew without being one more.
  const { transfer } = await probe.of('transfer_started');
  expect(await probe.ask({ type: 'start_transfer', id: 'anew', transfer })).toMatchObject({ offset: 0 });
  const started = (): Said[] => probe.heard.filter(({ type }) => type === 'transfer_started');
  await probe.until('all of them', () => started().length === 5);
  const last = new Map(started().map((one) => [one.transfer, one]));
  expect(last.size).toBe(4);
  for (const one of last.values()) expect((await whole(probe, one)).equals(file)).toBe(true);
});

test('our own client: waveform, picture and file, through a connection that is cut on the way', async () => {
  proxy.set({ bytesPerS: 300_000 });
  await using host = openHubClient(proxy.host, { token });
  const { client } = host;
  await expect.poll(() => client.link.word).toBe('connected');
  const signal = AbortSignal.timeout(120_000);
  const { instrument } = lab.bench.find(scope);
  await expect
    .poll(() => client.equipment.find(({ id }) => id === scope)?.shape.waveforms.map(({ channel }) => channel), {
      timeout: 30_000,
    })
    .toEqual(instrument.waveforms);
  const waveform = await client.capture(scope, instrument.waveforms.slice(0, 1), signal);
  expect(waveform).toMatchObject({
    columns: [{ channel: instrument.waveforms[0], unit: 'V' }],
    dtS: expect.any(Number),
  });
  expect(waveform.samples[0]?.length).toBeGreaterThan(100);
  const { mediaType, bytes } = await client.screenshot(scope, signal);
  expect(mediaType).toBe('image/png');
  expect(Buffer.from(bytes).subarray(1, 4).toString()).toBe('PNG');
  const before = proxy.sent.down;
  const download = client.downloadRecording(SESSION, 1, signal);
  await expect.poll(() => proxy.sent.down - before, { interval: 20 }).toBeGreaterThan(200_000);
  expect(proxy.sent.down - before).toBeLessThan(file.length);
  proxy.cut();
  const { file: name, bytes: whole } = await download;
  expect(name).toMatch(/^stream_/);
  expect(Buffer.from(whole).equals(file)).toBe(true);
  // It went on: in all not much more than the file came.
  expect(proxy.sent.down - before).toBeLessThan(file.length * 1.6);
  await expect(client.downloadRecording('none', 1, signal)).rejects.toMatchObject({ code: 'server.unsupported' });
  expect(client.traffic.malformed).toBe(0);
}, 180_000);

// The last one: it takes the role down that the others have.
test('a role that may control no more: its transfer ends, and it is not gone on with', async () => {
  const probe = new LabwireProbe(lab.socketUrl('/ws'), { token });
  probes.push(probe);
  await probe.hello();
  probe.say({ type: 'start_transfer', id: 1, wanted: ofFile });
  const { transfer } = await probe.of('transfer_started');
  await probe.until('a first piece', () => probe.frames.length > 0);
  await lab.access.users.setRole('developer', 'viewer');
  acknowledge(probe);
  const stopped = await probe.of('transfer_stopped');
  expect(stopped).toMatchObject({ transfer, reason: expect.stringMatching(/role/) });
  expect(stopped.offset).toBeLessThan(file.length);
  expect(await probe.ask({ type: 'start_transfer', id: 2, transfer, offset: 0 })).toMatchObject({ code: 'forbidden' });
});
