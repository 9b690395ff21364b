import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Lab, openLab } from '../../../test/lab/lab.ts';
import type { LabScreen } from '../../../test/lab/lab-screen.ts';
import { ScriptedInstrument } from '../../../test/lab/scripted-instrument.ts';
import type { AlarmAction, AlarmRule } from '../../contract/alarm-schema.ts';
import { openScopes } from '../../core/scope.ts';
import type { BenchDocument } from './bench-file.ts';

/** What the engine does on the bench by itself: alarms that act, outputs that do not confirm, instruments that are not there. */
let lab: Lab;
let screen: LabScreen;

beforeEach(async () => {
  lab = await openLab({ usePtys: false });
  screen = await lab.screen();
});

afterEach(async () => {
  await lab[Symbol.asyncDispose]();
  expect(openScopes()).toEqual([]);
});

function above(channel: string, limit: number, actions: AlarmAction[]): AlarmRule {
  return {
    id: 'guard',
    name: 'Guard',
    channel,
    condition: { kind: 'above', limit },
    hysteresis: 0,
    delayS: 0,
    latch: true,
    severity: 'critical',
    actions,
    enabled: true,
  };
}

/** Attaches the supply with its first output on at 5 V; gives its id. */
async function powerUp(): Promise<string> {
  const supply = await screen.attach(lab.resource('supply'));
  await screen.client.call('instrument.set', { instrument: supply, control: 'ch1.voltage.set', value: 5 });
  await screen.client.call('instrument.set', { instrument: supply, control: 'ch1.output', value: true });
  return supply;
}

test('an alarm acts with no screen there: records, and switches the outputs off', async () => {
  const supply = await powerUp();
  const channel = `${supply}/ch1.voltage`;
  await screen.untilValue(channel, (volts) => volts > 4);
  const told = lab.host.nextNotice();
  const rule = above(channel, 7, ['recording.start', 'outputs.off', 'notify']);
  await screen.client.call('alarm.set', { rule });
  // The knob at the front, while nobody looks.
  screen[Symbol.dispose]();
  lab.bench.circuit.source.voltage = 8;
  expect(await told).toContain('Guard: raised');
  screen = await lab.screen();
  await screen.until('outputs off', ({ outputsOff }) => outputsOff?.results.every(({ confirmed }) => confirmed));
  await screen.until('a recording', ({ recording }) => recording.state === 'recording');
  await screen.until('back in range, latched', ({ alarms }) => alarms[0]?.state === 'latched');
  expect(screen.state.alarms[0]?.did).toEqual(['recording started', 'outputs off', 'notified']);
  expect(lab.bench.circuit.source.on).toBe(false);
  const { recording } = await screen.client.call('recording.stop', {});
  const info = await screen.client.call('recording.info', { recording });
  const texts = info.events.map(({ text }) => text);
  expect(texts, 'what started it, too').toContainEqual(expect.stringContaining('Guard: raised'));
  expect(texts).toContainEqual(expect.stringContaining('Outputs off: 3 confirmed'));
  expect(info).toMatchObject({ complete: true, missing: '' });
});

test('outputs off that an instrument does not confirm is shown soon, and stays until it does', async () => {
  const supply = await powerUp();
  const load = await screen.attach(lab.resource('load'));
  await screen.client.call('bench.setFault', { name: 'load', fault: { kind: 'hang' } });
  const pressed = screen.client.call('outputs.off', {});
  // The supply may be slow, too, on a busy machine: each that answers late is shown at once.
  const early = await screen.until('what is known', ({ outputsOff }) =>
    outputsOff?.results.some(({ confirmed }) => confirmed) ? outputsOff.results : undefined,
  );
  const confirmed = ['ch1', 'ch2', 'ch3'].map((group) => ({ instrument: supply, group, confirmed: true }));
  expect(early).toEqual([...confirmed, { instrument: load, group: '', confirmed: false, reason: 'no answer yet' }]);
  const { results } = await pressed;
  expect(results).toEqual([
    ...confirmed,
    { instrument: load, group: '', confirmed: false, reason: expect.stringContaining('not answered') },
  ]);
  expect(lab.host.notices.at(-1)).toContain('NOT confirmed');
  expect(screen.state.outputsOff?.results).toEqual(results);
  expect(lab.bench.circuit.source.on).toBe(false);
  await screen.client.call('bench.setFault', { name: 'load', fault: { kind: null } });
  await screen.untilState(load, 'live');
  const again = await screen.client.call('outputs.off', {});
  expect(again.results.every((result) => result.confirmed)).toBe(true);
});

test('a press while another waits for a slow instrument switches off again what was switched on since', async () => {
  const supply = await powerUp();
  const load = await screen.attach(lab.resource('load'));
  await screen.client.call('bench.setFault', { name: 'load', fault: { kind: 'hang' } });
  const first = screen.client.call('outputs.off', {});
  await screen.untilValue(`${supply}/ch1.voltage`, (volts) => volts < 1);
  await screen.client.call('instrument.set', { instrument: supply, control: 'ch1.output', value: true });
  expect(lab.bench.circuit.source.on).toBe(true);
  const second = await screen.client.call('outputs.off', {});
  expect(lab.bench.circuit.source.on).toBe(false);
  expect(second.results.filter(({ instrument }) => instrument === supply).every(({ confirmed }) => confirmed)).toBe(
    true,
  );
  expect((await first).results.find(({ instrument }) => instrument === load)?.confirmed).toBe(false);
  const told = screen.state.events.filter(({ kind, text }) => kind === 'outputs-off' && text.includes('NOT confirmed'));
  expect(told, 'by the last press').toHaveLength(1);
});

test('outputs off reaches an instrument that is being attached at the press', async () => {
  lab.bench.circuit.source.on = true;
  const attaching = screen.attach(lab.resource('supply'));
  const { results } = await screen.client.call('outputs.off', {});
  expect(results.map(({ group, confirmed }) => [group, confirmed])).toEqual([
    ['ch1', true],
    ['ch2', true],
    ['ch3', true],
  ]);
  expect(lab.bench.circuit.source.on).toBe(false);
  await attaching;
});

test('switching on that still waits when outputs off is pressed is not carried out behind it', async () => {
  await screen.client.call('settings.set', { timeoutMs: 5000 });
  const supply = await powerUp();
  await screen.client.call('instrument.set', { instrument: supply, control: 'ch1.output', value: false });
  const name = 'supply';
  await screen.client.call('bench.setFault', { name, fault: { kind: 'delay', delayMs: 250, count: null } });
  const set = (control: string, value: boolean | number) =>
    screen.client.call('instrument.set', { instrument: supply, control, value });
  // The first has the wire, the second waits for it.
  const first = set('ch1.voltage.set', 6).catch((error: unknown) => error);
  const on = expect(set('ch1.output', true)).rejects.toMatchObject({ code: 'safety.refused' });
  await screen.client.call('outputs.off', {});
  await first;
  await on;
  await screen.client.call('bench.setFault', { name, fault: { kind: null } });
  const { results } = await screen.client.call('outputs.off', {});
  expect(results.every(({ confirmed }) => confirmed)).toBe(true);
  expect(lab.bench.circuit.source.on).toBe(false);
});

test('after a sleep of the system instruments are asked at once, and the sleep is written down', async () => {
  const supply = await screen.attach(lab.resource('supply'));
  const asked = (): Promise<number> =>
    screen.client
      .call('instrument.exchanges', { instrument: supply, limit: 1000 })
      .then(({ exchanges }) => exchanges.filter(({ text }) => text.includes(':SOUR1:VOLT?')).length);
  const before = await asked();
  lab.host.wake(7_200_000);
  await screen.until('the event', ({ events }) => events.some(({ text }) => text.includes('slept for 2 h 0 min')));
  await screen.client.call('instrument.query', { instrument: supply, text: '*IDN?' });
  await screen.client.call('instrument.refresh', { instrument: supply });
  expect(await asked(), 'once by itself, once by hand').toBeGreaterThanOrEqual(before + 2);
});

test('an instrument that is away stays in the bench file; once detached by hand it is out', async () => {
  const saved = async (): Promise<string[]> => {
    await screen.client.call('bench.save', {});
    const text = await readFile(join(lab.folder, 'bench.labwire.json'), 'utf8');
    return (JSON.parse(text) as BenchDocument).instruments.map(({ label }) => label);
  };
  let id: string;
  {
    await using meter = await ScriptedInstrument.open({ '*IDN?': 'ACME,M1,0001,1' });
    id = await screen.attach(meter.resource);
    await screen.client.call('instrument.rename', { instrument: id, label: 'Old meter' });
    expect(await saved()).toEqual(['Old meter']);
  }
  await lab.restart();
  screen = await lab.screen();
  await screen.until('it is said', ({ events }) =>
    events.some(({ text }) => text.includes('Old meter of the bench was not attached')),
  );
  expect(await saved()).toEqual(['Old meter']);
  await using back = await ScriptedInstrument.open({ '*IDN?': 'ACME,M1,0001,1' });
  expect(await screen.attach(back.resource)).toBe(id);
  expect(await saved()).toHaveLength(1);
  await screen.client.call('instrument.close', { instrument: id });
  expect(await saved()).toEqual([]);
});

test('a bench of last time is there before anything can be changed', async () => {
  const supply = await powerUp();
  await screen.client.call('channel.set', { channel: `${supply}/ch1.voltage`, label: 'Rail' });
  await screen.client.call('bench.rename', { name: 'Kept' });
  await screen.client.call('bench.save', {});
  await lab.restart();
  screen = await lab.screen();
  // At once, while the engine still attaches.
  expect(screen.state.bench.name).toBe('Kept');
  const meter = await screen.attach(lab.resource('meter'));
  await screen.untilState(supply, 'live');
  expect(screen.state.instruments.map(({ id }) => id).sort()).toEqual([meter, supply].sort());
  const rail = await screen.until('the channel', ({ channels }) => channels.find(({ label }) => label === 'Rail'));
  expect(rail.instrument).toBe(supply);
});

test('a recording whose folder goes waits loudly, goes on when it is back, and lacks nothing but what went with it', async () => {
  const supply = await screen.attach(lab.resource('supply'));
  const folder = join(lab.folder, 'drive');
  await screen.client.call('recording.start', { name: 'lost', folder });
  await screen.untilValue(`${supply}/ch1.voltage`, () => true);
  const told = lab.host.nextNotice();
  await rm(folder, { recursive: true });
  const waiting = await screen.until('waiting', ({ recording }) => recording.state === 'waiting' && recording);
  expect(waiting).toMatchObject({ name: 'lost', error: { code: 'recording.folder-gone' } });
  expect(await told).toContain('goes on in a new part');
  const shown = await screen.until('the notice on every screen', ({ notices }) => notices.at(-1));
  expect(shown.text).toContain('goes on in a new part');
  expect(lab.host.isAwake, 'the night is not over').toBe(true);
  await mkdir(folder);
  const again = await screen.until('going on', ({ recording }) => recording.state === 'recording' && recording);
  expect(again).toMatchObject({ name: 'lost', part: 2, error: null });
  const { recording, paths } = await screen.client.call('recording.stop', {});
  expect(paths.at(-1)).toContain('lost-0002');
  expect(lab.host.isAwake).toBe(false);
  await screen.client.call('settings.set', { recordingsFolder: folder });
  const report = await screen.client.call('recording.verify', { recording });
  expect(report.problems.join(), 'the first part went with its folder').toContain('Part 1');
  await screen.client.call('settings.set', { recordingsFolder: join(lab.folder, 'recordings') });
});

test('a recording that waits for its folder can be stopped; the reason stays on show, and the next one can start', async () => {
  const supply = await screen.attach(lab.resource('supply'));
  const folder = join(lab.folder, 'drive');
  await screen.client.call('recording.start', { name: 'lost', folder });
  await screen.untilValue(`${supply}/ch1.voltage`, () => true);
  await rm(folder, { recursive: true });
  await screen.until('waiting', ({ recording }) => recording.state === 'waiting');
  await expect(screen.client.call('recording.stop', {})).rejects.toMatchObject({ code: 'recording.folder-gone' });
  const failed = await screen.until('the end', ({ recording }) => recording.state === 'failed' && recording);
  expect(failed).toMatchObject({ name: 'lost', error: { code: 'recording.folder-gone' } });
  expect(lab.host.isAwake).toBe(false);
  await expect(screen.client.call('recording.stop', {})).rejects.toMatchObject({ code: 'recording.idle' });
  await screen.client.call('recording.start', { name: 'next' });
  expect(
    await screen.until('the next one', ({ recording }) => recording.state === 'recording' && recording),
  ).toMatchObject({ name: 'next', error: null });
  const { recording } = await screen.client.call('recording.stop', {});
  expect(await screen.client.call('recording.verify', { recording })).toMatchObject({ ok: true });
});
