import { readFile, writeFile } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { strFromU8, unzipSync } from 'fflate';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Lab, openLab } from '../../../test/lab/lab.ts';
import type { LabScreen } from '../../../test/lab/lab-screen.ts';
import { ScriptedInstrument } from '../../../test/lab/scripted-instrument.ts';
import type { Job } from '../../contract/recording-schema.ts';
import { LabError } from '../../core/errors.ts';
import { openScopes } from '../../core/scope.ts';

/** What the engine offers beside controls, on real sockets: queries as channels, files, acts, diagnostics, the support bundle. */
let lab: Lab;
let screen: LabScreen;
let supply: string;

beforeAll(async () => {
  lab = await openLab({ usePtys: false });
  screen = await lab.screen();
  supply = await screen.attach(lab.resource('supply'));
});

afterAll(async () => {
  await lab[Symbol.asyncDispose]();
  expect(openScopes()).toEqual([]);
});

const ended = (job: Job): Promise<Job> =>
  screen.until(`the job ${job.label}`, ({ jobs }) =>
    jobs.find(({ id, state }) => id === job.id && state !== 'running'),
  );

test('queries of a person become channels, are saved with the instrument, and are there again after a restart', async () => {
  await using instrument = await ScriptedInstrument.open({
    '*IDN?': 'ACME,BOX,0042,1',
    'TEMP?': '21.5',
    'HUM?': '40.25,2',
    'WORD?': 'warm',
  });
  const id = await screen.attach(instrument.resource);
  const queries = [
    { name: 'temperature', query: 'TEMP?', unit: '°C' },
    { name: 'humidity', query: 'HUM?', unit: '%' },
    { name: 'word', query: 'WORD?', unit: '' },
    { name: 'silent', query: 'NEVER?', unit: '' },
  ];
  const put = (rows: typeof queries): Promise<unknown> =>
    screen.client.call('instrument.setQueries', { instrument: id, queries: rows });
  await put(queries);
  expect(await screen.untilValue(`${id}/temperature`, (value) => value === 21.5)).toBe(21.5);
  expect(await screen.untilValue(`${id}/humidity`, (value) => value === 40.25)).toBe(40.25);
  const { channels, instruments } = screen.state;
  expect(channels.find((channel) => channel.id === `${id}/temperature`)?.unit).toBe('°C');
  expect(instruments.find((one) => one.id === id)?.queries).toEqual(queries);
  for (const query of ['VOLT 5', 'VOLT 5;VOLT?', '*RST;*IDN?']) {
    await expect(put([{ name: 'bad', query, unit: '' }])).rejects.toMatchObject({ code: 'call.invalid' });
  }
  const [first] = queries;
  await expect(put([first, first].flatMap((one) => one ?? []))).rejects.toMatchObject({ code: 'call.invalid' });
  await put(queries.slice(0, 1));
  await screen.until('the others gone', (state) => !state.channels.some((channel) => channel.id === `${id}/humidity`));
  await screen.client.call('bench.save', {});
  await lab.restart();
  screen = await lab.screen();
  await screen.untilState(id, 'live');
  await screen.untilState(supply, 'live');
  expect(screen.state.instruments.find((one) => one.id === id)?.queries).toEqual(queries.slice(0, 1));
  expect(await screen.untilValue(`${id}/temperature`, (value) => value === 21.5)).toBe(21.5);
  await screen.client.call('instrument.close', { instrument: id });
});

test('the console gives the bytes of a reply too, when asked', async () => {
  const ask = (bytes: boolean) => screen.client.call('instrument.query', { instrument: supply, text: '*IDN?', bytes });
  const { reply, base64, sizeBytes } = await ask(true);
  expect(Buffer.from(base64 ?? '', 'base64').toString('latin1')).toBe(reply);
  expect(sizeBytes).toBe(reply?.length);
  expect(await ask(false)).not.toHaveProperty('base64');
});

test('a file is sent line by line; the first line that is refused stops it', async () => {
  const send = (text: string): Promise<Job> =>
    screen.client.call('instrument.sendFile', { instrument: supply, name: 'lines', text }).then(ended);
  expect(await send('// comment\n:SOUR1:VOLT 2\r\n:SOUR1:VOLT?\n')).toMatchObject({ state: 'done', progress: 1 });
  const failed = await send(':SOUR1:VOLT 1\n:NONSENSE 1\n:SOUR1:VOLT 3');
  expect(failed).toMatchObject({ state: 'failed', error: { code: 'instrument.rejected', details: { line: 2 } } });
  expect(failed.error?.message).toMatch(/^Line 2 “:NONSENSE 1” .*1 of 3 lines/);
  const { reply } = await screen.client.call('instrument.query', { instrument: supply, text: ':SOUR1:VOLT?' });
  expect(Number(reply)).toBe(1);
  const event = await screen.until('the event', ({ events }) => events.find(({ kind }) => kind === 'instrument-error'));
  expect(event).toMatchObject({ instrument: supply, severity: 'warning' });
});

test('what a raw socket cannot do is refused with the reason; help says what the dialect has', async () => {
  const act = (action: 'clear' | 'trigger' | 'status-byte' | 'lock'): Promise<string> =>
    screen.client.call('instrument.act', { instrument: supply, action }).then(
      () => 'done',
      (error: unknown) => LabError.from(error).code,
    );
  expect(await Promise.all((['clear', 'trigger', 'status-byte', 'lock'] as const).map(act))).toEqual(
    Array(4).fill('transport.unsupported'),
  );
  expect(screen.state.instruments.find(({ id }) => id === supply)?.can).toMatchObject({ clear: false, lock: false });
  await expect(screen.client.call('instrument.screenshot', { instrument: supply })).rejects.toMatchObject({
    code: 'driver.unsupported',
  });
  const { commands } = await screen.client.call('instrument.help', { instrument: supply });
  expect(commands.length).toBeGreaterThan(5);
});

test('diagnostics count what happened and say how it is', async () => {
  const before = await screen.client.call('instrument.diagnostics', { instrument: supply });
  expect(before.latency.counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(5);
  expect(before.queries).toBeGreaterThanOrEqual(before.latency.counts.reduce((sum, count) => sum + count, 0));
  expect(before).toMatchObject({ instrument: supply, timeouts: 0, rateAskedHz: 10 });
  expect(before.errors.length).toBeGreaterThan(0);
  await screen.client.call('bench.setFault', { name: 'supply', fault: { kind: 'disconnect', count: 1 } });
  await screen.untilState(supply, 'reconnecting');
  const away = await screen.client.call('instrument.diagnostics', { instrument: supply });
  expect(away.health).toMatchObject({
    score: 0,
    reasons: expect.arrayContaining([expect.stringContaining('no connection')]),
  });
  await screen.untilState(supply, 'live');
  const after = await screen.client.call('instrument.diagnostics', { instrument: supply });
  expect(after.queries, 'over all connections').toBeGreaterThan(before.queries);
  expect(after.reopened).toBe(before.reopened + 1);
});

test('CC and CV, trips and refusals are events, kept in the recording', async () => {
  await screen.client.call('recording.start', { name: 'status' });
  const set = (control: string, value: boolean | number): Promise<unknown> =>
    screen.client.call('instrument.set', { instrument: supply, control, value });
  await set('ch1.current.set', 3);
  await set('ch1.voltage.set', 5);
  await set('ch1.output', true);
  await screen.until('CV', ({ events }) => events.some(({ kind, text }) => kind === 'mode' && text.includes('CV')));
  await set('ch1.current.set', 0.01);
  await screen.until('CC', ({ events }) => events.some(({ kind, text }) => kind === 'mode' && text.includes('CC')));
  await set('ch1.ocp.level', 0.005);
  await set('ch1.ocp.enabled', true);
  await screen.until('the trip', ({ events }) => events.some(({ kind }) => kind === 'trip'));
  await screen.client.call('instrument.query', { instrument: supply, text: '*OPC?' });
  const { recording } = await screen.client.call('recording.stop', {});
  const { events } = await screen.client.call('recording.info', { recording });
  const kinds = events.filter(({ instrument }) => instrument === supply).map(({ kind }) => kind);
  expect(kinds).toEqual(expect.arrayContaining(['mode', 'trip', 'operation-complete', 'setpoint']));
  expect(events.find(({ kind }) => kind === 'trip')).toMatchObject({
    severity: 'critical',
    channel: `${supply}/ch1.voltage`,
  });
});

test('the support bundle holds what helps, and no token, password or user name', async () => {
  const token = 'planted-token-0123456789';
  await lab.engine.announce({ url: 'http://127.0.0.1:1/', token });
  await screen.client.call('note.add', { text: `see http://127.0.0.1:1/?token=${token} in ${homedir()}/notes` });
  const job = await ended(await screen.client.call('support.bundle', {}));
  expect(job).toMatchObject({ state: 'done', kind: 'support-bundle' });
  const files = unzipSync(new Uint8Array(await readFile(job.path ?? '')));
  const names = Object.keys(files);
  expect(names).toEqual(
    expect.arrayContaining([
      'README.txt',
      'versions.json',
      'instruments.json',
      'events.json',
      'settings.json',
      'bench.json',
      'discovery.json',
    ]),
  );
  expect(names.filter((name) => /^(trace|diagnostics)\//.test(name))).toHaveLength(2);
  const all = Object.values(files)
    .map((bytes) => strFromU8(bytes))
    .join('\n');
  expect(all).toContain('DP832');
  expect(all).toContain(':MEAS:ALL?');
  expect(all).toContain('see http://127.0.0.1:1/?token=(removed)');
  expect(all).not.toContain(token);
  expect(all).not.toContain(homedir() === '/' ? token : `${homedir()}/`);
  const user = userInfo().username;
  if (user.length >= 4 && user !== 'root' && user !== 'user') expect(all).not.toMatch(new RegExp(`\\b${user}\\b`));
  for (const [name, bytes] of Object.entries(files)) if (name.endsWith('.json')) JSON.parse(strFromU8(bytes));
  await expect(screen.client.call('support.bundle', { path: 'here.zip' })).rejects.toMatchObject({
    code: 'call.invalid',
  });
});

test('a support bundle replaces a bundle, and nothing else', async () => {
  const bundle = (name: string): Promise<Job> =>
    screen.client.call('support.bundle', { path: join(lab.folder, name) }).then(ended);
  await expect(bundle('run.mcap')).rejects.toMatchObject({ code: 'call.invalid' });
  await writeFile(join(lab.folder, 'named.zip'), 'no zip at all');
  await expect(bundle('named.zip')).rejects.toMatchObject({ code: 'call.invalid' });
  expect(await readFile(join(lab.folder, 'named.zip'), 'utf8')).toBe('no zip at all');
  expect(await bundle('new.zip')).toMatchObject({ state: 'done' });
  expect(await bundle('new.zip'), 'again').toMatchObject({ state: 'done' });
});
