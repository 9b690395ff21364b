import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleProgram } from '../../test/fixtures/node-bundle.ts';
import { type Lab, openLab } from '../../test/lab/lab.ts';
import type { LabScreen } from '../../test/lab/lab-screen.ts';
import { ScriptedInstrument } from '../../test/lab/scripted-instrument.ts';
import type { AlarmRule } from '../contract/alarm-schema.ts';
import type { RecordingInfo } from '../contract/recording-schema.ts';
import { openScopes } from '../core/scope.ts';
import { openEngine } from './engine.ts';

/** The whole engine through the contract, as a screen uses it; every instrument answers from behind a real socket or terminal. */
let lab: Lab;
let screen: LabScreen;
const ids: Record<string, string> = {};

const call: LabScreen['client']['call'] = (name, input, options) => screen.client.call(name, input, options);

function rule(change: Partial<AlarmRule> & Pick<AlarmRule, 'id' | 'channel' | 'condition'>): AlarmRule {
  return {
    name: change.id,
    hysteresis: 0,
    delayS: 0,
    latch: false,
    severity: 'warning',
    actions: [],
    enabled: true,
    ...change,
  };
}

const alarmState = (id: string, word: string) =>
  screen.until(`alarm ${id} ${word}`, ({ alarms }) => alarms.find(({ rule, state }) => rule === id && state === word));

beforeAll(async () => {
  const exportWorker = await bundleProgram('src/engine/export/export-worker.ts', 'engine-export-worker');
  lab = await openLab({ exportWorker });
  screen = await lab.screen();
});

afterAll(async () => {
  await lab[Symbol.asyncDispose]();
  expect(openScopes()).toEqual([]);
});

describe('instruments', () => {
  test('the simulated bench is found, and all five attach by their resource', async () => {
    const { found } = await call('instrument.find', {});
    expect(found.filter(({ source }) => source === 'simulator').map(({ name, state }) => [name, state])).toEqual(
      ['supply', 'meter', 'scope', 'load', 'daq'].map((name) => [name, 'available']),
    );
    for (const { name, resources } of found.filter(({ source }) => source === 'simulator')) {
      ids[name] = await screen.attach(resources[0] ?? '');
    }
    expect(ids).toMatchObject({ supply: expect.stringContaining('DP832'), meter: expect.stringContaining('34461A') });
    expect(screen.state.instruments.map(({ role }) => role).sort()).toEqual([
      'load',
      'meter',
      'scope',
      'stream',
      'supply',
    ]);
    const again = await call('instrument.open', { resource: lab.resource('supply') });
    expect(again.instrument, 'attached already').toBe(ids.supply);
    expect((await call('instrument.find', {})).found.slice(0, 5).map(({ state }) => state)).toEqual(
      Array(5).fill('attached'),
    );
  });

  test('switching the supply on moves the meter; the read-back is the answer', async () => {
    const meter = `${ids.meter}/voltage.dc`;
    await screen.untilValue(meter, (value) => Math.abs(value) < 0.1);
    const set = (control: string, value: number | boolean) =>
      call('instrument.set', { instrument: ids.supply ?? '', control, value });
    expect((await set('ch1.voltage.set', 4)).readBack).toMatchObject({ 'ch1.voltage.set': 4 });
    expect((await set('ch1.current.set', 2)).readBack).toMatchObject({ 'ch1.current.set': 2 });
    expect((await set('ch1.output', true)).readBack).toMatchObject({ 'ch1.output': true });
    await screen.untilValue(meter, (value) => value > 3);
    await screen.untilValue(`${ids.daq}/supply.voltage`, (value) => Math.abs(value - 4) < 0.2);
    const { events } = await call('event.list', { fromNs: '0', toNs: '9223372036854775807' });
    expect(events.filter(({ kind }) => kind === 'setpoint').at(-1)).toMatchObject({
      instrument: ids.supply,
      data: { control: 'ch1.output', value: true, readBack: true, who: 'test' },
    });
  });

  test('a value the instrument refuses is an error and changes nothing', async () => {
    const instrument = ids.supply ?? '';
    await expect(call('instrument.set', { instrument, control: 'ch1.voltage.set', value: 4000 })).rejects.toMatchObject(
      {
        code: expect.stringMatching(/^(instrument\.rejected|call\.invalid)$/),
      },
    );
    await call('instrument.refresh', { instrument });
    await screen.until(
      'the set point read back',
      ({ instruments }) => instruments.find(({ id }) => id === instrument)?.values['ch1.voltage.set']?.readBack === 4,
    );
    await expect(call('instrument.set', { instrument, control: 'ch9.output', value: true })).rejects.toMatchObject({
      code: 'call.invalid',
    });
  });

  test('a waveform comes as a segment', async () => {
    const channels = [`${ids.scope}/ch1.waveform`];
    let samples = 0;
    const seen = screen.watch(channels, { kind: 'segments', width: 100 }, (block) => {
      if (block.kind === 'segment') samples = block.columns.rows;
      return samples > 0;
    });
    const { stream } = await call('instrument.capture', { instrument: ids.scope ?? '', channels: ['ch1.waveform'] });
    await seen;
    expect(stream).toBe(`${ids.scope}/waveform`);
    expect(samples).toBeGreaterThan(1000);
  });

  test('the console asks and its exchanges are kept', async () => {
    const instrument = ids.meter ?? '';
    const { reply } = await call('instrument.query', { instrument, text: '*IDN?' });
    expect(reply).toContain('34461A');
    const { exchanges } = await call('instrument.exchanges', { instrument, limit: 1000 });
    expect(exchanges.some(({ direction, text }) => direction === 'sent' && text === '*IDN?')).toBe(true);
    const beside = await call('resource.query', { resource: lab.resource('load'), text: '*IDN?' });
    expect(beside.reply).toContain('SDL');
  });

  test('the console says what an instrument refuses, a command as well as a query that is never answered', async () => {
    const instrument = ids.supply ?? '';
    await expect(call('instrument.query', { instrument, text: ':NOPE 1' })).rejects.toMatchObject({
      code: 'instrument.rejected',
    });
    await expect(call('instrument.query', { instrument, text: ':NOPE?', timeoutMs: 200 })).rejects.toMatchObject({
      code: 'instrument.rejected',
      message: expect.stringContaining('-113'),
    });
    const { reply } = await call('instrument.query', { instrument, text: '*IDN?' });
    expect(reply).toContain('DP832');
  });

  test('a rate asked for becomes the rate got', async () => {
    const channel = `${ids.load}/voltage`;
    await call('channel.set', { channel, rateHz: 20 });
    const state = await screen.until('20 Hz got', ({ channels }) =>
      channels.find(({ id, rateGotHz }) => id === channel && rateGotHz > 15 && rateGotHz < 25),
    );
    expect(state.rateAskedHz).toBe(20);
  });

  test('unknown and wrong resources say what is wrong, and nothing is left attached', async () => {
    const before = screen.state.instruments.length;
    for (const [resource, code] of [
      ['TCPIP0::127.0.0.1::x::SOCKET', 'resource.malformed'],
      ['TCPIP0::127.0.0.1::1::SOCKET', 'transport.refused'],
      ['USB0::0x1AB1::0x0E11::DP8A0001::INSTR', 'resource.unsupported'],
      ['ASRL/dev/labwire-none::INSTR', 'transport.not-found'],
    ] as const) {
      await expect(call('instrument.open', { resource }), resource).rejects.toMatchObject({ code });
    }
    expect(screen.state.instruments).toHaveLength(before);
    await expect(call('instrument.close', { instrument: 'nobody' })).rejects.toMatchObject({
      code: 'instrument.unknown',
    });
    await expect(call('channel.set', { channel: 'nobody/x', rateHz: 1 })).rejects.toMatchObject({
      code: 'channel.unknown',
    });
  });
});

describe('alarms', () => {
  test('above: raised by the value, ended by the value, written down', async () => {
    const channel = `${ids.supply}/ch1.voltage`;
    const id = 'too high';
    await call('alarm.set', {
      rule: rule({ id, channel, condition: { kind: 'above', limit: 5 }, hysteresis: 0.5, actions: ['notify', 'mark'] }),
    });
    const setVolts = (value: number) =>
      call('instrument.set', { instrument: ids.supply ?? '', control: 'ch1.voltage.set', value });
    await setVolts(6);
    expect(await alarmState(id, 'active')).toMatchObject({ value: expect.any(Number), did: ['notified', 'marked'] });
    expect(lab.host.notices.at(-1)).toContain('too high: raised');
    await setVolts(4);
    await alarmState(id, 'normal');
    const texts = screen.state.events.flatMap(({ kind, data, text }) =>
      kind === 'alarm' && data?.rule === id ? [text] : [],
    );
    expect(texts).toEqual([expect.stringContaining('raised'), expect.stringContaining('ended')]);
    await call('alarm.remove', { rule: id });
    expect(screen.state.rules).toEqual([]);
  });

  test('silent: raised when an instrument hangs, ended when it answers again', async () => {
    const id = 'no data';
    await call('alarm.set', {
      rule: rule({ id, channel: `${ids.meter}/voltage.dc`, condition: { kind: 'silent', seconds: 0.7 } }),
    });
    await call('bench.setFault', { name: 'meter', fault: { kind: 'hang' } });
    expect(await alarmState(id, 'active')).toMatchObject({ value: null });
    await call('bench.setFault', { name: 'meter', fault: { kind: null } });
    await alarmState(id, 'normal');
    await call('alarm.remove', { rule: id });
    await screen.untilState(ids.meter ?? '', 'live');
  });

  test('limits the wrong way round and rules that are not there are refused', async () => {
    const channel = `${ids.meter}/voltage.dc`;
    const wrong = rule({ id: 'x', channel, condition: { kind: 'inside', low: 2, high: 1 } });
    await expect(call('alarm.set', { rule: wrong })).rejects.toMatchObject({ code: 'call.invalid' });
    await expect(call('alarm.acknowledge', { rule: 'x' })).rejects.toMatchObject({ code: 'alarm.unknown' });
  });
});

describe('recordings', () => {
  /** Records until so many samples are in it; gives what the file says. */
  async function record(samples: number): Promise<{ info: RecordingInfo; stopped: { samples: number; lost: number } }> {
    const started = await call('recording.start', { name: 'run' });
    expect(started.state).toBe('recording');
    await new Promise<void>((resolve) => {
      const stop = screen.client.on('engine.pulse', ({ recording }) => {
        if (recording.samples < samples) return;
        stop();
        resolve();
      });
    });
    const stopped = await call('recording.stop', {});
    return { info: await call('recording.info', { recording: stopped.recording }), stopped };
  }

  test('what was counted is what the file says; it is sound; CSV has every row', async () => {
    const { info, stopped } = await record(100_000);
    expect(info).toMatchObject({ complete: true, missing: '', lost: 0, gaps: [], row: { state: 'complete' } });
    expect(info.channels.reduce((sum, { samples }) => sum + samples, 0)).toBe(stopped.samples);
    expect(info.instruments.map(({ id }) => id).sort()).toEqual(Object.values(ids).sort());
    expect(info.channels.map(({ id }) => id)).toEqual(
      expect.arrayContaining([`${ids.meter}/voltage.dc`, `${ids.supply}/ch1.voltage`, `${ids.daq}/load.voltage`]),
    );
    const recording = info.row.id;
    const report = await call('recording.verify', { recording });
    expect(report).toMatchObject({ ok: true, problems: [], samples: stopped.samples, lost: 0 });
    const { recordings } = await call('recording.list', {});
    expect(recordings[0]).toMatchObject({ id: recording, name: 'run', state: 'complete' });

    const channel = `${ids.daq}/load.voltage`;
    const path = join(lab.folder, 'run.csv');
    const job = await call('recording.export', { recording, format: 'csv', path, channels: [channel] });
    const ended = await screen.until('the export ended', ({ jobs }) =>
      jobs.find(({ id, state }) => id === job.id && state !== 'running'),
    );
    expect(ended).toMatchObject({ state: 'done', error: null });
    const lines = (await readFile(path, 'utf8')).split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#'));
    expect(lines.length - 1).toBe(info.channels.find(({ id }) => id === channel)?.samples);
    expect(lines[0]).toContain('V');

    // The same through the plot's door.
    const { streams, nextNs } = await call('history.read', {
      request: 7,
      origin: recording,
      channels: [channel],
      fromNs: info.fromNs,
      toNs: info.toNs,
    });
    expect(nextNs).toBeNull();
    expect(streams.flatMap(({ columns }) => columns.map(({ channel: name }) => name))).toContain('load.voltage');
  });

  test('a channel with a logging interval is thinned, one not recorded is left out, the rest is whole', async () => {
    const thinned = `${ids.daq}/load.voltage`;
    const left = `${ids.daq}/dut.power`;
    await call('channel.set', { channel: thinned, logIntervalS: 0.1 });
    await call('channel.set', { channel: left, recorded: false });
    const { info } = await record(150_000);
    const of = (id: string) => info.channels.find((channel) => channel.id === id);
    expect(of(left)).toBeUndefined();
    const whole = of(`${ids.daq}/supply.voltage`)?.samples ?? 0;
    expect(whole).toBeGreaterThan(10_000);
    expect(of(thinned)?.samples).toBeGreaterThan(0);
    // 10 kHz at 10 rows a second: one in 1000, and one for each beginning of an interval at the ends.
    expect(of(thinned)?.samples).toBeLessThan(whole / 1000 + 4);
    expect(info.lost).toBe(0);
    await call('channel.set', { channel: thinned, logIntervalS: null });
    await call('channel.set', { channel: left, recorded: true });
  });

  test('a choice made while recording takes effect, and nothing of the others is lost', async () => {
    const left = `${ids.daq}/dut.power`;
    await call('recording.start', { name: 'changed' });
    await call('channel.set', { channel: left, recorded: false });
    await call('channel.set', { channel: left, recorded: true });
    const { recording, lost } = await call('recording.stop', {});
    expect(lost).toBe(0);
    expect(await call('recording.verify', { recording })).toMatchObject({ ok: true, problems: [] });
  });

  test('starting twice and stopping nothing are refused', async () => {
    await call('recording.start', {});
    await expect(call('recording.start', {})).rejects.toMatchObject({ code: 'recording.running' });
    await expect(call('bench.new', { name: 'x' })).rejects.toMatchObject({ code: 'recording.running' });
    expect(lab.host.isAwake).toBe(true);
    await call('recording.stop', {});
    expect(lab.host.isAwake).toBe(false);
    await expect(call('recording.stop', {})).rejects.toMatchObject({ code: 'recording.idle' });
    await expect(call('recording.info', { recording: 'nothing' })).rejects.toMatchObject({ code: 'recording.unknown' });
    await expect(call('recording.start', { folder: 'relative' })).rejects.toMatchObject({ code: 'call.invalid' });
    await writeFile(join(lab.folder, 'file'), '');
    await expect(call('recording.start', { folder: join(lab.folder, 'file', 'under') })).rejects.toMatchObject({
      code: expect.stringMatching(/^recording\./),
    });
    expect(screen.state.recording.state).not.toBe('recording');
  });
});

describe('connections', () => {
  test('cut off while recording: the gap is marked, the same unit goes on by itself, its output as it was', async () => {
    const supply = ids.supply ?? '';
    await call('recording.start', { name: 'cut' });
    await screen.untilValue(`${supply}/ch1.voltage`, (value) => value > 3);
    await call('bench.setFault', { name: 'supply', fault: { kind: 'disconnect', count: 1 } });
    const away = await screen.untilState(supply, 'reconnecting');
    expect(away.retry).toMatchObject({ attempt: 1 });
    await screen.untilState(supply, 'live');
    await screen.untilValue(`${supply}/ch1.voltage`, (value) => value > 3);
    const { recording } = await call('recording.stop', {});
    const info = await call('recording.info', { recording });
    expect(info.gaps).toEqual([expect.objectContaining({ stream: `${supply}/poll`, reason: 'reconnect' })]);
    expect(info.events.filter(({ kind }) => kind === 'reconnect').map(({ text }) => text)).toEqual([
      expect.stringContaining('connection lost'),
      expect.stringContaining('connected again'),
    ]);
    const sent = (await call('instrument.exchanges', { instrument: supply, limit: 1000 })).exchanges
      .filter(({ direction }) => direction === 'sent')
      .map(({ text }) => text);
    expect(sent.filter((text) => text.includes('*RST') || /:OUTP CH1,/.test(text))).toHaveLength(1);
  });

  test('a stream that is cut off while recording: a gap, another run of the same device, both whole', async () => {
    const daq = ids.daq ?? '';
    await call('recording.start', { name: 'stream cut' });
    await screen.untilValue(`${daq}/load.voltage`, () => true);
    await call('bench.setFault', { name: 'daq', fault: { kind: 'disconnect', count: 1 } });
    await screen.untilState(daq, 'reconnecting');
    await screen.untilState(daq, 'live');
    await screen.untilValue(`${daq}/load.voltage`, () => true);
    const { recording, lost } = await call('recording.stop', {});
    expect(lost).toBe(0);
    const info = await call('recording.info', { recording });
    expect(info.gaps).toEqual([expect.objectContaining({ stream: `${daq}/samples`, reason: 'reconnect', lost: 0 })]);
    const [gap] = info.gaps;
    expect(BigInt(gap?.toNs ?? 0)).toBeGreaterThan(BigInt(gap?.fromNs ?? 0));
    expect(await call('recording.verify', { recording })).toMatchObject({ ok: true, problems: [] });
  });

  test('a stream that stands still is shown as silent, and as live when it goes on', async () => {
    const daq = ids.daq ?? '';
    await call('bench.setFault', { name: 'daq', fault: { kind: 'hang' } });
    await screen.untilState(daq, 'silent');
    await call('bench.setFault', { name: 'daq', fault: { kind: null } });
    await screen.untilState(daq, 'live');
  });

  test('another unit behind the address: not its data; failed until it is detached', async () => {
    await using meter = await ScriptedInstrument.open({ '*IDN?': 'ACME,M1,0001,1' });
    const instrument = await screen.attach(meter.resource);
    meter.answers['*IDN?'] = 'ACME,M1,0002,1';
    meter.cut();
    const failed = await screen.untilState(instrument, 'failed');
    expect(failed.lastError).toMatchObject({ code: 'instrument.mismatch' });
    await call('instrument.close', { instrument });
    expect(screen.state.instruments.some(({ id }) => id === instrument)).toBe(false);
  });

  test('silence, noise and a page that is no instrument are said at once', async () => {
    await using mute = await ScriptedInstrument.open({});
    // In a lab of its own: whoever reconnects meanwhile has its time.
    {
      await using own = await openLab({ startBench: false });
      using other = await own.screen();
      await other.client.call('settings.set', { timeoutMs: 200 });
      await expect(other.client.call('instrument.open', { resource: mute.resource })).rejects.toMatchObject({
        code: 'instrument.silent',
      });
    }
    await using web = await ScriptedInstrument.open({ '*IDN?': 'HTTP/1.1 400 Bad Request' });
    await expect(call('instrument.open', { resource: web.resource })).rejects.toMatchObject({
      code: 'instrument.mismatch',
    });
  });

  test('outputs off: each one confirmed by its read-back', async () => {
    const { results } = await call('outputs.off', {});
    expect(results.map(({ instrument, group, confirmed }) => [instrument, group, confirmed])).toEqual(
      expect.arrayContaining([
        [ids.supply, 'ch1', true],
        [ids.supply, 'ch2', true],
        [ids.supply, 'ch3', true],
      ]),
    );
    expect(results.every(({ confirmed }) => confirmed)).toBe(true);
    // The capacitor of the circuit empties by itself, in seconds.
    await screen.untilValue(`${ids.meter}/voltage.dc`, (value) => value < 3.5);
    expect(screen.state.outputsOff?.results).toEqual(results);
  });
});

describe('the bench file', () => {
  const label = 'Rail under test';

  test('saved as, another one made, opened again: names, colours, rules, plots and instruments are back', async () => {
    const channel = `${ids.supply}/ch1.voltage`;
    await call('channel.set', { channel, label, color: '#ff8800', scale: { gain: 2, offset: 1 }, shownUnit: 'kV' });
    await call('instrument.rename', { instrument: ids.supply ?? '', label: 'Rail supply' });
    await call('alarm.set', { rule: rule({ id: 'r1', channel, condition: { kind: 'outside', low: -1, high: 9 } }) });
    const plots = [{ id: 'p1', title: 'Rails', channels: [channel] }];
    await call('plot.set', { plots });
    await mkdir(join(lab.folder, 'benches'));
    const path = join(lab.folder, 'benches', 'rails.labwire.json');
    expect(await call('bench.saveAs', { path })).toMatchObject({ path, error: null });
    await call('bench.rename', { name: 'Rails' });
    await call('bench.save', {});

    await call('bench.new', { name: 'Empty' });
    await screen.until('an empty bench', ({ instruments, rules, bench }) => {
      return bench.name === 'Empty' && instruments.length === 0 && rules.length === 0;
    });
    expect(await call('bench.open', { path })).toMatchObject({ name: 'Rails', path });
    await screen.until('all five live', ({ instruments }) => {
      return instruments.length === 5 && instruments.every(({ state }) => state === 'live');
    });
    await screen.until('the channel', ({ channels }) => channels.some(({ id }) => id === channel));
    expect(screen.state.channels.find(({ id }) => id === channel)).toMatchObject({
      label,
      color: '#ff8800',
      scale: { gain: 2, offset: 1 },
      shownUnit: 'kV',
    });
    expect(screen.state.instruments.find(({ id }) => id === ids.supply)?.label).toBe('Rail supply');
    expect(screen.state.rules).toMatchObject([{ id: 'r1', condition: { kind: 'outside' } }]);
    expect(screen.state.plots).toEqual(plots);
    // Opening a bench switches nothing.
    await screen.untilValue(channel, (value) => Math.abs(value) < 0.5);
  });

  test('a file from the future, a damaged one and none: each a code, the open bench stays', async () => {
    const future = join(lab.folder, 'future.json');
    await writeFile(future, JSON.stringify({ format: 'labwire-bench', version: 99 }));
    await expect(call('bench.open', { path: future })).rejects.toMatchObject({ code: 'bench.from-future' });
    const damaged = join(lab.folder, 'damaged.json');
    await writeFile(damaged, '{"format":"labwire-bench","version":1,"name":7}');
    await expect(call('bench.open', { path: damaged })).rejects.toMatchObject({ code: 'bench.malformed' });
    const missing = join(lab.folder, 'missing.json');
    await expect(call('bench.open', { path: missing })).rejects.toMatchObject({ code: 'bench.not-found' });
    expect(screen.state.bench.name).toBe('Rails');
    expect(screen.state.instruments).toHaveLength(5);
  });

  test('one engine a data folder; the next one has the same bench', async () => {
    const second = openEngine({ dataFolder: lab.folder, host: lab.host, version: '0', exportWorker: '' });
    await expect(second).rejects.toMatchObject({ code: 'engine.folder-in-use' });
    await lab.restart();
    screen = await lab.screen();
    await screen.until('all five live again', ({ instruments }) => {
      return instruments.length === 5 && instruments.every(({ state }) => state === 'live');
    });
    expect(screen.state.bench.name).toBe('Rails');
    expect(screen.state.rules.map(({ id }) => id)).toEqual(['r1']);
    await screen.until('its channels', ({ channels }) => channels.find((channel) => channel.label === label));
  });

  test('a second screen sees what the first does; its end disturbs nobody', async () => {
    const other = await lab.screen('other');
    await call('note.add', { text: 'begin' });
    await other.until('the note', ({ events }) =>
      events.some(({ text, data }) => text === 'begin' && data?.who === 'test'),
    );
    other[Symbol.dispose]();
    await call('bench.read', {});
  });
});
