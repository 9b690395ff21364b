import { once } from 'node:events';
import { copyFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, type TestContext, vi } from 'vitest';
import type { Outcome } from './labwire-process.ts';
import { jsonLines, LabwireProcess, labwire, labwireProcess } from './labwire-process.ts';

interface Row {
  name: string;
  role: string;
  idn: string | null;
  resources: string[];
  state: string;
}

interface Sample {
  t: string;
  channel: string;
  value: number | null;
  unit: string;
  state?: string;
}

// Processes on a busy machine.
vi.setConfig({ testTimeout: 240_000 });

/** What `labwire bench` runs: five on one circuit, four on other ways. */
const BENCH = [
  'supply supply',
  'meter meter',
  'scope scope',
  'load load',
  'daq stream',
  'gpib-meter meter',
  'gpib-supply supply',
  'usb-supply supply',
  'modbus-supply supply',
];

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/;

let folder: string;
let data: string;
let bench: LabwireProcess;
let rows: Row[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-cli-'));
  data = join(folder, 'data');
  bench = new LabwireProcess(['bench', '--json', '--data', data]);
  rows = jsonLines((await bench.lines(BENCH.length)).join('\n'));
});

afterAll(async () => {
  await bench.stop();
  await rm(folder, { recursive: true, force: true });
});

function resourceOf(name: string): string {
  const resource = rows.find((row) => row.name === name)?.resources[0];
  if (resource === undefined) throw new Error(`the bench has no ${name}`);
  return resource;
}

/** A command on the data folder of these tests. */
function run(...args: string[]): Promise<Outcome> {
  return labwire(...args, '--data', data);
}

/** A command that ends with its test (that of the context: several run at once), whatever that comes to. */
function started({ onTestFinished }: Pick<TestContext, 'onTestFinished'>, args: readonly string[]): LabwireProcess {
  const command = new LabwireProcess(args);
  onTestFinished(() => void command.child.kill('SIGKILL'));
  return command;
}

describe('bench and find', () => {
  it('print one object per instrument, the same ones, all available', async () => {
    expect(rows.map(({ name, role }) => `${name} ${role}`)).toEqual(BENCH);
    for (const row of rows) {
      expect(Object.keys(row).slice(0, 5)).toEqual(['name', 'role', 'idn', 'resources', 'state']);
      expect(row.state).toBe('available');
    }
    const found = await labwireProcess('find', '--json', '--data', data);
    expect(found.code).toBe(0);
    const benchRows = jsonLines<Row>(found.stdout).filter(({ idn }) => idn !== null);
    expect(benchRows).toEqual(rows);
  });
});

describe.concurrent('query', () => {
  it('prints the bare reply of every instrument', async () => {
    const replies = await Promise.all(rows.map(({ resources }) => run('query', resources[0] ?? '', '*IDN?')));
    expect(replies.map(({ code, stdout }) => [code, stdout])).toEqual(rows.map(({ idn }) => [0, `${idn}\n`]));
  });

  it('prints nothing for a command, and carries it out', async () => {
    const supply = resourceOf('supply');
    const set = await run('query', supply, ':APPL', 'CH3,3.3,0.5');
    expect([set.code, set.stdout]).toEqual([0, '']);
    expect((await run('query', supply, ':APPL? CH3', '--json')).stdout).toMatch(
      /^\{"reply":".*3\.300,0\.500","roundTripMs":/,
    );
  });

  it('says what is wrong with the resource, the connection, the instrument', async () => {
    const silent = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const [malformed, timeout] = await Promise.all([
      run('query', 'NONSENSE0::1', '*IDN?'),
      run('query', `127.0.0.1:${port}`, '*IDN?', '--timeout', '200ms'),
    ]);
    expect([malformed.code, malformed.stderr]).toEqual([2, expect.stringMatching(/^labwire: resource\.malformed: /)]);
    expect([timeout.code, timeout.stderr]).toEqual([3, expect.stringMatching(/^labwire: transport\.timeout: /m)]);
    silent.close();
    await once(silent, 'close');
    const refused = await labwireProcess('query', `127.0.0.1:${port}`, '*IDN?', '--data', data);
    expect([refused.code, refused.stderr]).toEqual([3, expect.stringMatching(/^labwire: transport\.refused: /)]);
    expect(malformed.stdout + timeout.stdout + refused.stdout).toBe('');
  });
});

describe.concurrent('read', () => {
  it('prints as many samples as asked for, overload without a value', async () => {
    const meter = resourceOf('meter');
    await run('query', resourceOf('supply'), ':APPL CH1,5,1;:OUTP CH1,ON');
    // Its capacitor takes a moment.
    await waitFor(async () => Number((await run('query', meter, 'READ?')).stdout) > 4 || undefined);
    const plain = await run('read', meter, '--count', '2', '--json');
    expect(plain.code).toBe(0);
    const samples = jsonLines<Sample>(plain.stdout);
    expect(samples).toHaveLength(2);
    for (const { t, channel, unit, value, state } of samples) {
      expect(t).toMatch(TIMESTAMP);
      expect(channel).toMatch(/34461A.*\/voltage\.dc$/);
      expect([unit, state]).toEqual(['V', undefined]);
      expect(value).toBeGreaterThan(4);
    }
    expect(Date.parse(samples[1]!.t)).toBeGreaterThanOrEqual(Date.parse(samples[0]!.t));
    await run('query', meter, 'SENS:VOLT:DC:RANG 0.1');
    const over = await run('read', meter, '--count', '1', '--json');
    expect([over.code, over.stderr]).toEqual([0, '']);
    expect(jsonLines<Sample>(over.stdout)).toMatchObject([{ value: null, state: 'overload', unit: 'V' }]);
    await run('query', meter, 'SENS:VOLT:DC:RANG:AUTO ON');
  });

  it('takes channels by name and refuses unknown ones', async () => {
    const supply = resourceOf('supply');
    const one = await run('read', supply, '--count', '3', '--channel', 'ch2.voltage', '--json');
    expect(jsonLines<Sample>(one.stdout).map(({ channel }) => channel.split('/').at(-1))).toEqual(
      Array(3).fill('ch2.voltage'),
    );
    const none = await run('read', supply, '--count', '1', '--channel', 'ch9.voltage');
    expect([none.code, none.stderr]).toEqual([3, expect.stringMatching(/channel\.unknown.*ch1\.voltage/)]);
  });

  it('keeps up with a stream, every sample once and in order', async () => {
    const daq = resourceOf('daq');
    const args = ['--count', '20000', '--channel', 'supply.voltage', '--json', '--data', data];
    const { code, stdout } = await labwireProcess('read', daq, ...args);
    const samples = jsonLines<Sample>(stdout);
    expect([code, samples.length]).toEqual([0, 20_000]);
    const times = samples.map(({ t }) => BigInt(t.slice(17, 19)) * 1_000_000_000n + BigInt(t.slice(20, 29)));
    const steps = times
      .slice(1)
      .map((time, index) => Number((time - (times[index] ?? 0n) + 60_000_000_000n) % 60_000_000_000n));
    // A regular stream: the step is the rate's, wherever two batches meet.
    expect(Math.max(...steps) - Math.min(...steps)).toBeLessThanOrEqual(1);
  });

  it('ends well when stopped by hand or when nobody reads', async () => {
    const byHand = new LabwireProcess(['read', resourceOf('supply'), '--data', data]);
    await byHand.lines(2);
    expect((await byHand.stop()).code).toBe(0);
    const early = new LabwireProcess(['read', resourceOf('supply'), '--count', '100000', '--data', data]);
    await early.lines(1);
    expect((await early.stop('SIGTERM')).code).toBe(130);
    const unread = new LabwireProcess(['read', resourceOf('daq'), '--data', data]);
    await unread.lines(1);
    unread.child.stdout?.destroy();
    expect((await unread.done).code).toBe(0);
  });
});

describe.concurrent('screenshot and waveform', () => {
  it('saves the picture a scope makes of its screen', async () => {
    const path = join(folder, 'screen.png');
    const { code, stdout, stderr } = await run('screenshot', resourceOf('scope'), '--out', path, '--json');
    expect([code, stderr]).toEqual([0, '']);
    const picture = await readFile(path);
    expect(jsonLines(stdout)).toEqual([{ path, type: 'image/png', bytes: picture.length }]);
    expect(picture.subarray(0, 8).toString('hex')).toBe('89504e470d0a1a0a');
    expect(picture.subarray(-8).toString('latin1')).toContain('IEND');
    const none = await run('screenshot', resourceOf('supply'), '--out', join(folder, 'none.png'));
    expect([none.code, none.stderr]).toEqual([3, expect.stringMatching(/^labwire: driver\.unsupported: /m)]);
    const nowhere = await run('screenshot', resourceOf('scope'), '--out', join(folder, 'no', 'such', 'place.png'));
    expect([nowhere.code, nowhere.stderr]).toEqual([4, expect.stringMatching(/^labwire: export\.failed: /m)]);
    expect((await readdir(folder)).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('captures every sample of the channels named, or of those shown, on one trigger', async () => {
    const scope = resourceOf('scope');
    await run('query', scope, ':CHAN4:DISP ON;:RUN');
    const path = join(folder, 'wave.csv');
    const file = await run('waveform', scope, '--channels', 'ch4', '--out', path, '--json');
    expect([file.code, file.stderr]).toEqual([0, '']);
    const [about] = jsonLines<{ samples: number; dtSeconds: number; xOriginSeconds: number; channels: unknown }>(
      file.stdout,
    );
    expect(about).toMatchObject({ path, samples: 12_000, channels: [{ name: 'ch4.waveform', unit: 'V' }] });
    const [header, ...lines] = (await readFile(path, 'utf8')).trimEnd().split('\n');
    expect(header).toBe('time (s),ch4.waveform (V)');
    expect(lines).toHaveLength(12_000);
    const points = lines.map((line) => line.split(',').map(Number) as [number, number]);
    expect(points[0]?.[0]).toBe(about?.xOriginSeconds);
    expect((points[11_999]?.[0] ?? 0) - (points[0]?.[0] ?? 0)).toBeCloseTo(11_999 * (about?.dtSeconds ?? 0), 9);
    // The compensation output: 1 kHz, 0 V and 3 V, a half of the time each.
    const high = points.filter(([, volts]) => volts > 1.5);
    expect(high.length).toBeGreaterThan(5000);
    expect(high.length).toBeLessThan(7000);
    for (const [, volts] of points) expect(Math.min(Math.abs(volts), Math.abs(volts - 3))).toBeLessThan(0.2);
    const shown = await run('waveform', scope, '--json');
    expect(
      jsonLines<{ channel: string; values: number[] }>(shown.stdout).map((one) => [one.channel, one.values.length]),
    ).toEqual([
      ['ch1.waveform', 12_000],
      ['ch4.waveform', 12_000],
    ]);
    expect((await run('query', scope, ':TRIG:STAT?')).stdout.trim()).not.toBe('STOP');
    const unknown = await run('waveform', scope, '--channels', 'ch9');
    expect([unknown.code, unknown.stderr]).toEqual([3, expect.stringMatching(/channel\.unknown.*ch1\.waveform/)]);
    const hidden = await run('waveform', scope, '--channels', 'ch2');
    expect([hidden.code, hidden.stderr]).toEqual([3, expect.stringMatching(/instrument\.rejected.*not displayed/)]);
    const none = await run('waveform', resourceOf('meter'));
    expect([none.code, none.stderr]).toEqual([3, expect.stringMatching(/channel\.unknown/)]);
    expect(unknown.stdout + hidden.stdout + none.stdout).toBe('');
  });
});

describe.concurrent('recordings', () => {
  let short: ReturnType<typeof recordShort> | undefined;

  async function recordShort() {
    const out = join(folder, 'recordings');
    const args = [resourceOf('daq'), resourceOf('supply'), '--out', out, '--duration', '1s', '--name', 'short'];
    const outcome = await run('record', ...args, '--json');
    const [result] = jsonLines<{ recording: string; paths: string[]; samples: number; lost: number }>(outcome.stdout);
    if (!result) throw new Error(outcome.stderr);
    return { out, outcome, result };
  }

  /** One recording for these tests. */
  function recording(): ReturnType<typeof recordShort> {
    short ??= recordShort();
    return short;
  }

  it('are recorded, listed, described, verified and exported', async () => {
    const { out, outcome: recorded, result } = await recording();
    const [file = ''] = result.paths;
    expect([recorded.code, recorded.stderr]).toEqual([0, expect.stringMatching(/^labwire: Recording .*short/)]);
    expect(result).toMatchObject({ lost: 0, paths: [join(out, 'short.mcap')] });

    const [listed] = jsonLines<{ id: string; state: string }>((await run('recordings', out, '--json')).stdout);
    expect(listed).toMatchObject({ id: result.recording, name: 'short', state: 'complete', channels: 19 });

    const [info] = jsonLines<{
      durationSeconds: number;
      channels: { name: string; unit: string; samples: number; rateHz: number }[];
      events: { t: string; kind: string }[];
    }>((await run('info', file, '--json')).stdout);
    expect(info).toMatchObject({ complete: true, lost: 0, gaps: [] });
    expect(Object.keys(info!)).toEqual([
      'complete',
      'durationSeconds',
      'instruments',
      'channels',
      'lost',
      'gaps',
      'events',
    ]);
    expect(info!.durationSeconds).toBeGreaterThan(0.9);
    expect(info!.channels.reduce((sum, { samples }) => sum + samples, 0)).toBe(result.samples);
    expect(info!.channels.find(({ name }) => name.endsWith('DAQ10/LW00000001/load.voltage'))).toMatchObject({
      unit: 'V',
      rateHz: 10_000,
    });
    expect(info!.events.map(({ kind }) => kind)).toEqual(['start', 'stop']);
    for (const { t } of info!.events) expect(t).toMatch(TIMESTAMP);

    const verified = await run('verify', file, '--json');
    expect([verified.code, JSON.parse(verified.stdout)]).toMatchObject([
      0,
      { ok: true, samples: result.samples, problems: [] },
    ]);

    const csv = join(folder, 'short.csv');
    const exported = await run(
      'export',
      file,
      '--format',
      'csv',
      '--out',
      csv,
      '--channel',
      'Labwire/DAQ10/LW00000001/load.voltage',
      '--json',
    );
    const samples = info!.channels.find(({ name }) => name.endsWith('load.voltage'))!.samples;
    expect([exported.code, JSON.parse(exported.stdout)]).toMatchObject([0, { path: csv, rows: samples }]);
    expect((await readFile(csv, 'utf8')).split('\n').length).toBe(samples + 2);
  });

  it('play again: every sample to the last one, also to a reader that is slow', async (context) => {
    const [file = ''] = (await recording()).result.paths;
    const channel = 'Labwire/DAQ10/LW00000001/load.voltage';
    const [info] = jsonLines<{ channels: { name: string; samples: number }[] }>(
      (await run('info', file, '--json')).stdout,
    );
    const samples = info?.channels.find(({ name }) => name === channel)?.samples;
    const replaying = started(context, [
      'replay',
      file,
      '--channel',
      channel,
      '--speed',
      '1',
      '--json',
      '--data',
      data,
    ]);
    // Nothing is read for longer than the recording takes.
    replaying.child.stdout?.pause();
    await new Promise((resolve) => setTimeout(resolve, 2500));
    replaying.child.stdout?.resume();
    const { code, stdout, stderr } = await replaying.done;
    expect([code, stderr]).toEqual([0, '']);
    const times = jsonLines<Sample>(stdout).map(({ t }) => t);
    expect(times).toHaveLength(samples ?? 0);
    expect(times).toEqual(times.toSorted());
  });

  it('say what is wrong with a file', async () => {
    const [file = ''] = (await recording()).result.paths;
    const foreign = join(folder, 'foreign.mcap');
    await writeFile(foreign, 'this is no recording, but it is long enough to be looked at');
    const cut = join(folder, 'cut.mcap');
    await copyFile(file, cut);
    await truncate(cut, 100_000);
    const [unknown, other, half, badOut] = await Promise.all([
      run('info', join(folder, 'nothing.mcap')),
      run('info', foreign),
      run('verify', cut, '--json'),
      run('export', file, '--format', 'csv', '--out', join(folder, 'no', 'such', 'x.csv')),
    ]);
    expect([unknown.code, unknown.stderr]).toEqual([4, expect.stringMatching(/recording\.unknown/)]);
    expect([other.code, other.stderr]).toEqual([4, expect.stringMatching(/recording\.foreign/)]);
    expect(half.code).toBe(4);
    expect([badOut.code, badOut.stderr]).toEqual([4, expect.stringMatching(/recording\.|export\./)]);
    const [noFolder, aFile, aFolder, inTheWay] = await Promise.all([
      run('recordings', join(folder, 'nowhere')),
      run('recordings', foreign),
      run('info', folder),
      run('record', resourceOf('supply'), '--out', foreign, '--duration', '1s'),
    ]);
    for (const { code, stderr } of [noFolder, aFile]) {
      expect([code, stderr]).toEqual([4, expect.stringMatching(/recording\.folder-gone: There is no folder/)]);
    }
    expect([aFolder.code, aFolder.stderr]).toEqual([4, expect.stringMatching(/recording\.denied: .* is a folder/)]);
    expect([inTheWay.code, inTheWay.stderr]).toEqual([4, expect.stringMatching(/recording\.denied/)]);
  });

  it('hold all but the last second when the command is killed', async (context) => {
    const out = join(folder, 'killed');
    const recording = started(context, ['record', resourceOf('supply'), '--out', out, '--data', data]);
    const part = await waitFor(async () => {
      // Beside it there is the file that takes its lock, for a moment.
      const name = (await readdir(out).catch(() => [])).find((one) => one.endsWith('.part'));
      return name && (await readFile(join(out, name))).length > 10_000 ? join(out, name) : undefined;
    });
    await recording.stop('SIGKILL');
    const [info] = jsonLines<{ complete: boolean; channels: { samples: number }[] }>(
      (await run('info', part, '--json')).stdout,
    );
    expect(info!.complete).toBe(false);
    expect(info!.channels[0]!.samples).toBeGreaterThan(5);
  });

  it('end with 130 when a timed one is stopped early, complete up to there', async (context) => {
    const out = join(folder, 'early');
    const recording = started(context, [
      'record',
      resourceOf('supply'),
      '--out',
      out,
      '--duration',
      '1h',
      '--json',
      '--data',
      data,
    ]);
    await waitFor(async () => (recording.stderr.includes('Recording ') ? true : undefined));
    const { code, stdout } = await recording.stop();
    expect(code).toBe(130);
    const [path] = (JSON.parse(stdout) as { paths: string[] }).paths;
    expect((await run('verify', path!)).code).toBe(0);
  });
});

describe.concurrent('the command line', () => {
  it('helps, and says what it does not know', async () => {
    const [help, none, wrong, option, version] = await Promise.all([
      labwireProcess('--help'),
      labwireProcess(),
      labwireProcess('frobnicate'),
      labwireProcess('read', 'x', '--frobnicate'),
      labwireProcess('--version'),
    ]);
    expect([help.code, none.code, wrong.code, option.code, version.code]).toEqual([0, 2, 2, 2, 0]);
    for (const name of [
      'serve',
      'bench',
      'find',
      'query',
      'read',
      'record',
      'recordings',
      'info',
      'verify',
      'export',
    ]) {
      expect(help.stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
      expect(wrong.stderr).toContain(name);
    }
    expect(option.stderr).toContain('labwire read RESOURCE');
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('all of them', () => {
  it('leaves nothing behind but its results', async () => {
    expect(await readdir(data)).toEqual(['simulated-bench.json']);
  });
});

/** Looks again until there is something; the test's own time limit ends it. */
async function waitFor<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
