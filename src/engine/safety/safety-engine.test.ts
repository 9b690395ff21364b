import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Lab, openLab } from '../../../test/lab/lab.ts';
import type { LabScreen } from '../../../test/lab/lab-screen.ts';
import { ScriptedInstrument } from '../../../test/lab/scripted-instrument.ts';
import type { LabEvent } from '../../contract/recording-schema.ts';
import type { ProtectedDevice } from '../../contract/safety-schema.ts';
import { LabError } from '../../core/errors.ts';
import { openScopes } from '../../core/scope.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import type { LedgerEntry } from '../../simulator/ledger.ts';

/** The safety envelope, from the calls of a screen to what an instrument on a real socket was really sent. */
let lab: Lab;
let screen: LabScreen;
let supply: string;
let ledgerDir: string;

beforeEach(async () => {
  ledgerDir = await mkdtemp(join(tmpdir(), 'labwire-safety-'));
  lab = await openLab({ usePtys: false, ledgerDir });
  screen = await lab.screen();
  supply = await screen.attach(lab.resource('supply'));
});

afterEach(async () => {
  await lab[Symbol.asyncDispose]();
  await rm(ledgerDir, { recursive: true, force: true });
  expect(openScopes()).toEqual([]);
});

const set = (control: string, value: boolean | number): Promise<unknown> =>
  screen.client.call('instrument.set', { instrument: supply, control, value });
const type = (text: string): Promise<{ reply: string | null }> =>
  screen.client.call('instrument.query', { instrument: supply, text });
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'done',
    (error: unknown) => LabError.from(error).code,
  );
const eventOf = (words: string): Promise<LabEvent> =>
  screen.until(words, ({ events }) => events.find(({ text }) => text.includes(words)));

function protect(change: Partial<ProtectedDevice> = {}): Promise<unknown> {
  const device: ProtectedDevice = {
    id: 'board',
    label: 'Board',
    outputs: [{ instrument: supply, group: 'ch1' }],
    envelope: { maxV: 6, maxA: 1, maxW: 5 },
    needsArming: false,
    ...change,
  };
  return screen.client.call('safety.set', { device });
}

/** What the supply was really sent. */
async function sent(): Promise<string[]> {
  await lab.bench.flushLedger();
  const text = await readFile(join(ledgerDir, 'supply.jsonl'), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as LedgerEntry).query);
}

test('cards, console, command line and files keep to the limits of the outputs they name', async () => {
  await protect();
  expect(await codeOf(set('ch1.voltage.set', 6.5))).toBe('safety.refused');
  expect(await codeOf(type(':SOUR1:VOLT 6.5'))).toBe('safety.refused');
  expect(await codeOf(type('SOURCE1:VOLTAGE 6500mV;*IDN?'))).toBe('safety.refused');
  expect(await codeOf(type('*RST'))).toBe('safety.refused');
  const resource = lab.resource('supply');
  const ask = (text: string): Promise<string> => codeOf(screen.client.call('resource.query', { resource, text }));
  expect(await ask(':SOUR1:VOLT 6.5')).toBe('safety.refused');
  expect(await ask('*IDN?')).toBe('done');
  const job = await screen.client.call('instrument.sendFile', {
    instrument: supply,
    name: 'setup.scpi',
    text: '# setup\n:SOUR1:VOLT 2\n\n:SOUR1:VOLT 9\n:SOUR1:VOLT 3\n',
  });
  const ended = await screen.until('the job', ({ jobs }) =>
    jobs.find(({ id, state }) => id === job.id && state !== 'running'),
  );
  expect(ended).toMatchObject({
    kind: 'send-file',
    state: 'failed',
    error: { code: 'safety.refused', details: { line: 4 } },
  });
  expect(ended.error?.message).toContain('1 of 3 lines');
  expect(await codeOf(set('ch2.voltage.set', 20)), 'has no limits').toBe('done');
  expect(await codeOf(set('ch1.voltage.set', 5))).toBe('done');
  expect(await codeOf(set('ch1.current.set', 1)), '5 V × 1 A').toBe('done');
  expect(await codeOf(set('ch1.voltage.set', 5.5)), '5.5 V × 1 A').toBe('safety.refused');
  const lines = await sent();
  expect(lines.filter((line) => /RST|6\.5|6500| 9/.test(line))).toEqual([]);
  // At once, and the last of those within a second.
  await eventOf('more before');
  expect(screen.state.events.filter(({ kind }) => kind === 'safety').length).toBeLessThan(10);
  await screen.client.call('safety.remove', { device: 'board' });
  expect(await codeOf(type(':SOUR1:VOLT 6.5'))).toBe('done');
});

test('another way to the same instrument is no way round', async () => {
  await protect();
  const { port } = /::(?<port>\d+)::/.exec(lab.resource('supply'))?.groups ?? {};
  const resource = `TCPIP0::localhost::${port}::SOCKET`;
  const ask = (text: string): Promise<string> => codeOf(screen.client.call('resource.query', { resource, text }));
  expect(await ask(':SOUR1:VOLT 30')).toBe('safety.refused');
  expect(await ask('*IDN?')).toBe('done');
  expect(await sent()).not.toContain(':SOUR1:VOLT 30');
});

test('an output whose knobs were turned beyond the limits is not switched on', async () => {
  await protect();
  lab.bench.circuit.source.voltage = 20;
  expect(await codeOf(set('ch1.output', true))).toBe('safety.refused');
  expect(await codeOf(type(':OUTP CH1,ON'))).toBe('safety.refused');
  expect(await codeOf(set('ch1.output', false))).toBe('done');
  await set('ch1.voltage.set', 5);
  await set('ch1.current.set', 0.5);
  expect(await codeOf(set('ch1.output', true))).toBe('done');
  expect(lab.bench.circuit.source.on).toBe(true);
});

test('armed: by hand, until time, Outputs off, a trip, or a lost instrument', async () => {
  await protect({ needsArming: true });
  await set('ch1.voltage.set', 4);
  await set('ch1.current.set', 0.5);
  expect(await codeOf(set('ch1.output', true))).toBe('safety.refused');
  const arm = (minutes?: number): Promise<unknown> =>
    screen.client.call('safety.arm', { device: 'board', ...(minutes === undefined ? {} : { minutes }) });
  const disarmed = (words: string): Promise<unknown> =>
    screen.until(`disarmed: ${words}`, ({ safety, events }) => {
      return safety.armed.length === 0 && events.some(({ text }) => text.includes(`disarmed: ${words}`));
    });
  await arm(0.005);
  expect(screen.state.safety.armed).toMatchObject([{ device: 'board', by: 'test' }]);
  await disarmed('its time is over');
  await arm();
  expect(await codeOf(set('ch1.output', true))).toBe('done');
  await screen.client.call('outputs.off', {});
  await disarmed('Outputs off');
  expect(lab.bench.circuit.source.on).toBe(false);
  await arm(10);
  await set('ch1.output', true);
  await set('ch1.ovp.level', 3);
  await set('ch1.ovp.enabled', true);
  await disarmed(`${supply} ch1 tripped`);
  expect(await eventOf('tripped: OVP')).toMatchObject({
    kind: 'trip',
    severity: 'critical',
    channel: `${supply}/ch1.voltage`,
  });
  await arm();
  await screen.client.call('bench.setFault', { name: 'supply', fault: { kind: 'disconnect', count: 1 } });
  await disarmed(`${supply} is gone`);
  await expect(screen.client.call('safety.arm', { device: 'none' })).rejects.toMatchObject({ code: 'call.invalid' });
});

test('limits are kept with the bench, arming is not', async () => {
  await protect({ needsArming: true });
  await screen.client.call('safety.arm', { device: 'board' });
  await screen.client.call('bench.save', {});
  await lab.restart();
  screen = await lab.screen();
  expect(screen.state.safety).toMatchObject({ devices: [{ id: 'board', envelope: { maxV: 6 } }], armed: [] });
  await screen.untilState(supply, 'live');
  expect(await codeOf(set('ch1.voltage.set', 30))).toBe('safety.refused');
});

test('limits that contradict each other are refused', async () => {
  await expect(protect({ envelope: { minV: 6, maxV: 5 } })).rejects.toMatchObject({ code: 'call.invalid' });
  await expect(protect({ envelope: { maxA: -1 } })).rejects.toMatchObject({ code: 'call.invalid' });
  expect(screen.state.safety.devices).toEqual([]);
});

test('a step too large is a ramp; Outputs off ends it, and so does switching off', async () => {
  await set('ch1.current.set', 0.5);
  await set('ch1.voltage.set', 1);
  await set('ch1.output', true);
  await protect({ envelope: { maxV: 6, slewVPerS: 5 } });
  await set('ch1.voltage.set', 2.2);
  const steps = (await sent()).flatMap((line) => /^:SOUR1:VOLT ([\d.]+)$/.exec(line)?.[1] ?? []).map(Number);
  expect(steps).toEqual([1, 1.5, 2, 2.2]);
  expect(await codeOf(type(':SOUR1:VOLT 5'))).toBe('safety.refused');
  const up = codeOf(set('ch1.voltage.set', 6));
  await screen.client.call('outputs.off', {});
  expect(await up).toBe('safety.refused');
  expect(lab.bench.circuit.source.on).toBe(false);
  expect(lab.bench.circuit.source.voltage).toBeLessThan(6);
  await set('ch1.output', true);
  const { voltage } = lab.bench.circuit.source;
  const again = codeOf(set('ch1.voltage.set', 6));
  await screen.untilValue(`${supply}/ch1.voltage`, (volts) => volts > voltage + 0.3);
  await set('ch1.output', false);
  expect(await again).toBe('call.cancelled');
  expect(lab.bench.circuit.source.on).toBe(false);
});

test('during a ramp a question is answered, and switching off by the console ends it', async () => {
  await set('ch1.current.set', 0.5);
  await set('ch1.voltage.set', 1);
  await set('ch1.output', true);
  await protect({ envelope: { maxV: 6, slewVPerS: 0.05 } });
  const ramp = codeOf(set('ch1.voltage.set', 6));
  expect((await type(':SOUR1:VOLT?')).reply).toMatch(/^1/);
  expect(await codeOf(type(':OUTP CH1,OFF'))).toBe('done');
  expect(await ramp).toBe('call.cancelled');
  expect(lab.bench.circuit.source.on).toBe(false);
});

test('no bracket, no list of polled queries and no bench file hides a command', async () => {
  await protect();
  expect(await codeOf(type(':DISP:TEXT (;:SOUR1:VOLT 30;)'))).toBe('safety.refused');
  expect(await codeOf(type(':DISP:TEXT );:SOUR1:VOLT 30;:DISP:TEXT ('))).toBe('safety.refused');
  const queries = [{ name: 'odd', query: ':SOUR1:VOLT 30;:SOUR1:VOLT?', unit: 'V' }];
  expect(await codeOf(screen.client.call('instrument.setQueries', { instrument: supply, queries }))).toBe(
    'call.invalid',
  );
  const path = join(lab.folder, 'odd.bench');
  await screen.client.call('bench.saveAs', { path });
  const document = JSON.parse(await readFile(path, 'utf8')) as { instruments: Record<string, unknown>[] };
  const fine = { name: 'fine', query: ':SOUR1:VOLT?', unit: 'V' };
  for (const instrument of document.instruments) instrument.queries = [...queries, fine];
  await screen.client.call('bench.new', { name: 'other' });
  await writeFile(path, JSON.stringify(document));
  await screen.client.call('bench.open', { path });
  await screen.untilState(supply, 'live');
  await screen.untilValue(`${supply}/fine`, (volts) => volts >= 0);
  expect(await eventOf('(odd) is not polled')).toMatchObject({ severity: 'warning' });
  expect(lab.bench.circuit.source.voltage).toBeLessThanOrEqual(6);
  expect((await sent()).filter((line) => /VOLT 30/.test(line))).toEqual([]);
});

test('a measured value beyond the limits switches the outputs of that device off', async () => {
  await protect({ needsArming: true, outputs: [{ instrument: supply, group: 'ch1' }] });
  await screen.client.call('safety.arm', { device: 'board' });
  await set('ch1.voltage.set', 4);
  await set('ch1.current.set', 0.5);
  await set('ch1.output', true);
  await screen.untilValue(`${supply}/ch1.voltage`, (volts) => volts > 3.5);
  const told = eventOf('above 6 V');
  lab.bench.circuit.source.voltage = 8;
  expect(await told).toMatchObject({
    kind: 'safety',
    severity: 'critical',
    instrument: supply,
    data: { device: 'board' },
  });
  const { outputsOff } = await screen.until('outputs off', (state) => (state.outputsOff ? state : undefined));
  expect(outputsOff?.results.every(({ confirmed }) => confirmed)).toBe(true);
  expect(lab.bench.circuit.source.on).toBe(false);
  expect(screen.state.safety.armed).toEqual([]);
});

test('in no order of calls a value beyond the limits gets out', async () => {
  await protect({ envelope: { maxV: 5, maxA: 2, maxW: 6 } });
  const random = seededRandom(11);
  const number = (): number => random.below(900) / 100;
  const texts = [
    () => `:SOUR1:VOLT ${number()}`,
    () => `SOUR1:CURR ${number()}`,
    () => `source1:voltage:level ${number()}`,
    () => `:OUTP CH1,${random.below(2) ? 'ON' : 'OFF'}`,
    () => `:SOUR1:VOLT ${number()};:SOUR1:CURR ${number()};:OUTP CH1,ON`,
    () => `VOLT ${number()}`,
    () => `:INST:NSEL 1;:VOLT ${number()}`,
    () => `:APPL CH1,${number()},${number()}`,
    () => `*RST`,
    () => `:SOUR1:VOLT? MAX`,
  ];
  const attempts = Array.from({ length: 4 }, async () => {
    for (let round = 0; round < 40; round++) {
      const kind = random.below(6);
      if (kind === 0) await codeOf(set('ch1.voltage.set', number()));
      else if (kind === 1) await codeOf(set('ch1.current.set', Math.min(3, number())));
      else if (kind === 2) await codeOf(set('ch1.output', random.below(3) > 0));
      else if (kind === 3 && random.below(8) === 0) await screen.client.call('outputs.off', {});
      else await codeOf(type(texts[random.below(texts.length)]?.() ?? '*IDN?'));
      const { voltage, currentLimit, on } = lab.bench.circuit.source;
      if (on) expect([voltage <= 5, currentLimit <= 2, voltage * currentLimit <= 6.0001]).toEqual([true, true, true]);
    }
  });
  await Promise.all(attempts);
  const lines = (await sent()).flatMap((line) => line.split(';'));
  const values = lines.flatMap(
    (line) => /^:?(?:SOUR(?:CE)?1:)?(VOLT|CURR)[\w:]* ([\d.]+)$/i.exec(line)?.slice(1, 3) ?? [],
  );
  expect(values.length).toBeGreaterThan(20);
  for (let index = 0; index < values.length; index += 2) {
    const limit = values[index]?.toUpperCase() === 'VOLT' ? 5 : 2;
    expect(Number(values[index + 1])).toBeLessThanOrEqual(limit);
  }
  expect(lines.filter((line) => /APPL|RST/.test(line))).toEqual([]);
});

test('limits name outputs that are there, of an instrument that is attached', async () => {
  await expect(protect({ outputs: [{ instrument: supply, group: 'ch9' }] })).rejects.toMatchObject({
    code: 'call.invalid',
    message: expect.stringContaining('ch1, ch2, ch3'),
  });
  expect(screen.state.safety.devices).toEqual([]);
  await protect({ outputs: [{ instrument: 'ACME/P1/1', group: 'ch9' }] });
  await protect({ outputs: [{ instrument: supply, group: 'CH1' }] });
});

test('lowering the current limit waits for no ramp of the voltage', async () => {
  await set('ch1.current.set', 0.5);
  await set('ch1.voltage.set', 1);
  await set('ch1.output', true);
  await protect({ envelope: { maxV: 6, slewVPerS: 0.05 } });
  const ramp = codeOf(set('ch1.voltage.set', 6));
  await screen.untilValue(`${supply}/ch1.voltage`, (volts) => volts > 1.001);
  await set('ch1.current.set', 0.2);
  expect(lab.bench.circuit.source.currentLimit).toBe(0.2);
  expect(lab.bench.circuit.source.voltage).toBeLessThan(5);
  const steps = (await sent()).flatMap((line) => /^:SOUR1:VOLT ([\d.]+)$/.exec(line)?.[1] ?? []).length;
  await screen.untilValue(`${supply}/ch1.voltage`, (volts) => volts > 1.02);
  expect((await sent()).filter((line) => /^:SOUR1:VOLT /.test(line)).length, 'goes on').toBeGreaterThan(steps);
  await set('ch1.output', false);
  expect(await ramp).toBe('call.cancelled');
});

test('an instrument without a serial number is held to the limits of its model at any address, and that is said', async () => {
  await using instrument = await ScriptedInstrument.open({ '*IDN?': 'ACME,P1,0,1', 'VOLT?': '3' });
  await protect({ outputs: [{ instrument: 'ACME/P1/TCPIP0::10.0.0.9::1::SOCKET', group: 'ch1' }] });
  const unit = await screen.attach(instrument.resource);
  const ask = (text: string): Promise<string> =>
    codeOf(screen.client.call('instrument.query', { instrument: unit, text }));
  expect(await eventOf('has no serial number')).toMatchObject({ kind: 'safety', severity: 'warning' });
  expect(await ask(':VOLT 30')).toBe('safety.refused');
  expect(await ask('VOLT?')).toBe('done');
});

test('the same socket under another name and as another kind is no way round', async () => {
  const { port } = /::(?<port>\d+)::/.exec(lab.resource('supply'))?.groups ?? {};
  const other = await screen.client.call('instrument.open', {
    resource: `TCPIP0::localhost::${port}::SOCKET`,
    options: { as: 'arduino-lines' },
  });
  const sendThere = (text: string): Promise<string> =>
    codeOf(screen.client.call('instrument.query', { instrument: other.instrument, text }));
  await protect();
  expect(await sendThere(':SOUR1:VOLT 30')).toBe('safety.refused');
  expect(await sent()).not.toContain(':SOUR1:VOLT 30');
  await screen.client.call('safety.remove', { device: 'board' });
  expect(await sendThere(':SOUR1:VOLT 30')).toBe('done');
});

test('Outputs off reaches for an instrument that is away; what was not confirmed stays, also when it is detached, until it is released', async () => {
  await set('ch1.output', true);
  await screen.client.call('bench.setFault', { name: 'supply', fault: { kind: 'disconnect', count: 1 } });
  await screen.untilState(supply, 'reconnecting');
  const back = await screen.client.call('outputs.off', {});
  expect(back.results).toHaveLength(3);
  expect(back.results.every(({ confirmed }) => confirmed)).toBe(true);
  await screen.untilState(supply, 'live');
  await screen.client.call('bench.setFault', { name: 'supply', fault: { kind: 'disconnect' } });
  await screen.untilState(supply, 'reconnecting');
  const away = await screen.client.call('outputs.off', {});
  expect(away.results.map(({ confirmed }) => confirmed)).toEqual([false, false, false]);
  expect(away.results[0]?.reason).toContain('no connection');
  await screen.client.call('instrument.close', { instrument: supply });
  const later = await screen.client.call('outputs.off', {});
  expect(later.results, 'still shown').toHaveLength(3);
  await screen.client.call('outputs.release', {});
  await screen.until('released', ({ outputsOff }) => outputsOff?.results.length === 0);
  expect(await eventOf('released')).toMatchObject({ kind: 'outputs-off', severity: 'warning' });
});
