import { readdirSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type HubLab, openHubLab } from './hub-harness.ts';
import { openHubClient } from './labwire-lab.ts';
import { LabwireProbe, type Said } from './labwire-probe.ts';

let lab: HubLab;
let token: string;
const probes: LabwireProbe[] = [];

beforeAll(async () => {
  lab = await openHubLab({ attach: ['supply', 'daq'] });
  token = await lab.token('developer');
  await lab.screen.until('streams', ({ streams }) => new Set(streams.map(({ instrument }) => instrument)).size === 2);
});

afterEach(async () => {
  for (const probe of probes.splice(0)) if (!probe.closed) await probe.end();
});

afterAll(() => lab[Symbol.asyncDispose]());

async function enter(hello: Record<string, unknown> = {}, as = token): Promise<LabwireProbe> {
  const probe = new LabwireProbe(lab.socketUrl('/ws'), { token: as });
  probes.push(probe);
  await probe.hello(hello);
  probe.isAcking = true;
  probe.say({ type: 'ack', bytes: probe.bytes });
  return probe;
}

async function rest(method: string, path: string, body?: object): Promise<Response> {
  return fetch(`${lab.url()}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
}

test('recording is offered in the greeting, begins and ends by message, and is found again after a cut', async () => {
  const probe = await enter({ desired: [{ channel: 'recordings' }] });
  expect((await probe.of('capabilities')).features).toMatchObject({
    recording: { enabled: true, formats: ['json', 'jsonl', 'csv', 'binary'] },
  });
  const started = await probe.ask({ type: 'start_recording', id: 1, format: 'csv', metadata: { operator: 'x' } });
  expect(started).toMatchObject({
    type: 'recording_started',
    session_id: expect.stringMatching(/^recording_/),
    format: 'csv',
    filepath: expect.stringMatching(/^stream_[^/\\]*\.csv\.gz$/),
  });
  const session = started.session_id as string;
  await probe.until('it is told', () =>
    probe.heard.find(
      ({ event_type, data }) => event_type === 'session.started' && (data as Said).session_id === session,
    ),
  );
  expect(await probe.ask({ type: 'start_recording', id: 2 })).toMatchObject({ type: 'error', code: 'rejected' });
  await expect
    .poll(
      async () => {
        const { recording } = await probe.ask({ type: 'get_stats', id: `s${Math.random()}` });
        const { active, sessions } = recording as {
          active: string[];
          sessions: Record<string, { message_count: number }>;
        };
        expect(active).toEqual([session]);
        return sessions[session]?.message_count ?? 0;
      },
      { timeout: 30_000 },
    )
    .toBeGreaterThan(5);
  const { resume } = (await probe.of('connected')) as unknown as { resume: { token: string } };
  probe.socket.terminate();
  const again = await enter({ resume: { token: resume.token, streams: [] } });
  const stopped = await again.ask({ type: 'stop_recording', id: 3 });
  expect(stopped).toMatchObject({ type: 'recording_stopped', session_id: session });
  const { message_count, filepath } = stopped.stats as { message_count: number; filepath: string };
  expect(message_count).toBeGreaterThan(5);
  const file = await rest('GET', `/api/websocket/recording/download/${session}/1`);
  expect(file.headers.get('content-disposition')).toContain(encodeURIComponent(filepath));
  expect(String(gunzipSync(Buffer.from(await file.arrayBuffer()))).split('\n').length).toBeGreaterThan(message_count);
  expect(await again.ask({ type: 'stop_recording', id: 4 })).toMatchObject({ type: 'error', code: 'not_found' });
});

test('a name a client chose is no path: the file has the name of the bench, in its folder', async () => {
  const probe = await enter();
  for (const [index, session_id] of ['../../outside', '/tmp/outside', 'a\\b', 'COM1'].entries()) {
    const started = await probe.ask({ type: 'start_recording', id: `a${index}`, session_id });
    expect(started).toMatchObject({ type: 'recording_started', session_id });
    expect(started.filepath).toMatch(/^stream_[^/\\]+$/);
    const stopped = await probe.ask({ type: 'stop_recording', id: `b${index}`, session_id });
    expect(stopped).toMatchObject({ type: 'recording_stopped', session_id });
  }
  expect(readdirSync(lab.lab.folder).some((name) => name.includes('outside'))).toBe(false);
});

test('who may not record is refused: viewer, bot; a viewer is told nothing of what runs', async () => {
  for (const role of ['viewer', 'bot'] as const) {
    const probe = await enter({}, await lab.token(role));
    expect(await probe.ask({ type: 'start_recording', id: 1 })).toMatchObject({ type: 'error', code: 'forbidden' });
    expect(await probe.ask({ type: 'stop_recording', id: 2, session_id: 'x' })).toMatchObject({
      type: 'error',
      code: 'forbidden',
    });
    expect(await probe.ask({ type: 'get_stats', id: 3 })).not.toHaveProperty('recording');
  }
  expect(lab.bench.state.sessions).toEqual([]);
});

test('an acquisition is followed by message: windows are numbered, only the newest waits, a start again changes it, its end is told', async () => {
  const equipment = lab.bench.equipment.find(({ type }) => type === 'data_acquisition');
  const created = await rest('POST', '/api/acquisition/session/create', {
    equipment_id: equipment?.id,
    sample_rate: 1000,
    channels: ['CH1', 'CH2'],
    buffer_size: 5000,
  });
  const { acquisition_id } = (await created.json()) as { acquisition_id: string };
  const probe = await enter();
  const started = await probe.ask({
    type: 'start_acquisition_stream',
    id: 1,
    acquisition_id,
    interval_ms: 100,
    num_samples: 50,
    priority: 'high',
  });
  expect(started).toMatchObject({ type: 'acquisition_stream_started', seq: 0, num_samples: 50, priority: 'HIGH' });
  await rest('POST', `/api/acquisition/session/${acquisition_id}/start`);
  const windows = (): Said[] => probe.heard.filter(({ type }) => type === 'acquisition_stream');
  await probe.until(
    'full windows',
    () => windows().filter(({ data }) => (data as { count?: number } | null)?.count === 50).length > 3,
  );
  expect(windows().at(-1)).toMatchObject({
    acquisition_id,
    key: started.key,
    ep: started.epoch,
    state: 'acquiring',
    stats: { total_samples: expect.any(Number) },
    data: { values: { CH1: expect.any(Array), CH2: expect.any(Array) } },
  });
  checkNumbers(windows());
  // Nothing is acknowledged: windows take each other's place.
  probe.isAcking = false;
  const slow = await enter();
  await slow.ask({ type: 'start_acquisition_stream', id: 1, acquisition_id, interval_ms: 100, num_samples: 1000 });
  slow.isAcking = false;
  const ownOf = (): Said[] => slow.heard.filter(({ type }) => type === 'acquisition_stream');
  probe.isAcking = true;
  probe.say({ type: 'ack', bytes: probe.bytes });
  const before = windows().length;
  await probe.until('others come on', () => windows().length > before + 20, 60_000);
  slow.isAcking = true;
  slow.say({ type: 'ack', bytes: slow.bytes });
  await slow.until('what was left out is said', () => ownOf().some(({ skipped }) => skipped !== undefined));
  checkNumbers(ownOf());
  expect(ownOf().find(({ skipped }) => skipped)?.skipped).toMatchObject({ reason: 'conflated' });
  const changed = await probe.ask({
    type: 'start_acquisition_stream',
    id: 2,
    acquisition_id,
    interval_ms: 200,
    num_samples: 10_000,
  });
  expect(changed.epoch).toBe(started.epoch);
  // As many rows as fit one message.
  expect(changed.num_samples as number).toBeLessThan(1500);
  expect(await probe.ask({ type: 'stop_acquisition_stream', id: 3, acquisition_id })).toMatchObject({
    type: 'acquisition_stream_stopped',
    acquisition_id,
    reason: 'asked',
  });
  expect(await probe.ask({ type: 'stop_acquisition_stream', id: 4, acquisition_id })).toMatchObject({
    type: 'error',
    code: 'not_found',
  });
  await rest('DELETE', `/api/acquisition/session/${acquisition_id}`);
  expect(await slow.of('acquisition_stream_stopped')).toMatchObject({
    acquisition_id,
    reason: expect.stringMatching(/deleted/),
  });
});

test('acquisitions are desired like streams, refused to who has none, and none that is unknown is followed', async () => {
  const equipment = lab.bench.equipment.find(({ type }) => type === 'power_supply');
  const body = { equipment_id: equipment?.id, sample_rate: 10, channels: ['CH1'] };
  const created = await rest('POST', '/api/acquisition/session/create', body);
  const { acquisition_id } = (await created.json()) as { acquisition_id: string };
  const probe = await enter({ desired: [{ acquisition_id, interval_ms: 100 }] });
  await probe.of('acquisition_stream');
  expect(await probe.ask({ type: 'start_acquisition_stream', id: 1, acquisition_id: 'nothing' })).toMatchObject({
    type: 'error',
    code: 'not_found',
  });
  const viewer = await enter({}, await lab.token('viewer'));
  expect(await viewer.ask({ type: 'start_acquisition_stream', id: 1, acquisition_id })).toMatchObject({
    type: 'error',
    code: 'forbidden',
  });
});

test('our own client records at the server, and nothing it hears of it is unknown to it', async () => {
  await using host = openHubClient(new URL(lab.url()).host, { token });
  const { client } = host;
  await expect.poll(() => client.link.word).toBe('connected');
  expect(client.features.recording).toContain('jsonl');
  const signal = AbortSignal.timeout(60_000);
  const started = await client.startRecording({ name: 'from afar', format: 'jsonl', about: { operator: 'y' } }, signal);
  expect(started).toMatchObject({ name: 'from afar', file: expect.stringMatching(/^stream_/) });
  await expect.poll(() => lab.bench.state.sessions.map(({ session }) => session)).toEqual(['from afar']);
  const stopped = await client.stopRecording('from afar', signal);
  expect(stopped).toMatchObject({ name: 'from afar', file: started.file, messages: expect.any(Number) });
  await expect(client.stopRecording('from afar', signal)).rejects.toMatchObject({ code: 'server.unsupported' });
  expect(client.traffic.malformed).toBe(0);
});

function checkNumbers(windows: readonly Said[]): void {
  let next: number | undefined;
  for (const { seq, skipped } of windows as unknown as { seq: number; skipped?: { n: number } }[]) {
    if (next !== undefined) expect(seq).toBe(next + (skipped?.n ?? 0));
    next = seq + 1;
  }
}
