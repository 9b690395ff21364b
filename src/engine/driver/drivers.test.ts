import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LabError } from '../../core/errors.ts';
import { openScopes } from '../../core/scope.ts';
import { parseIdentity } from '../../protocol/idn.ts';
import type { BenchName } from '../../simulator/bench/bench-options.ts';
import { type Bench, openBench } from '../../simulator/bench.ts';
import { openSession } from '../session/open-session.ts';
import type { Session } from '../session/session.ts';
import { createSystemClock } from '../system-clock.ts';
import type { Driver } from './driver.ts';
import { chooseFamily } from './driver-table.ts';

/** The drivers against the simulated bench, over its real sockets and terminals. */
const clock = createSystemClock();
const { signal } = new AbortController();
let bench: Bench;
const opened: { driver: Driver; session: Session }[] = [];
const reports: LabError[] = [];

async function attach(name: BenchName): Promise<{ driver: Driver; session: Session }> {
  const resource = bench.instruments.find((one) => one.name === name)?.resources[0] ?? '';
  const session = await openSession({ resource, clock });
  const identity = parseIdentity(await session.query('*IDN?'));
  const driver = await chooseFamily(identity).open({
    session,
    clock,
    identity,
    report: (error) => reports.push(error),
  });
  opened.push({ driver, session });
  return { driver, session };
}

function sent(session: Session): string[] {
  return session.exchanges().flatMap(({ direction, text }) => (direction === 'sent' ? [text] : []));
}

async function read(driver: Driver): Promise<Record<string, number>> {
  const row = await driver.poll?.(signal);
  return Object.fromEntries(
    driver.shape.polled.map(({ channel }, index) => [channel, row?.values[index] ?? Number.NaN]),
  );
}

beforeAll(async () => {
  bench = await openBench();
});

afterAll(async () => {
  for (const { driver, session } of opened.reverse()) {
    await driver[Symbol.asyncDispose]();
    await session[Symbol.asyncDispose]();
  }
  await bench[Symbol.asyncDispose]();
  expect(openScopes()).toEqual([]);
});

describe('Rigol DP800', () => {
  it('opens without changing anything, with the limits of the instrument', async () => {
    const { driver, session } = await attach('supply');
    expect(driver.shape.role).toBe('supply');
    for (const text of sent(session)) expect(text).toMatch(/\?/);
    const voltage = driver.shape.controls.find(({ id }) => id === 'ch1.voltage.set');
    expect(voltage).toMatchObject({ min: 0, max: 32, unit: 'V', kind: 'number' });
    expect(driver.shape.controls.find(({ id }) => id === 'ch3.voltage.set')?.max).toBe(5.3);
    expect(driver.shape.polled).toHaveLength(9);
    const controls = await driver.readControls(undefined, signal);
    expect(controls).toMatchObject({ 'ch1.output': false, 'ch1.voltage.set': 0, 'ch2.ocp.enabled': false });
  });

  it('sets, reads back, measures and says what lamps say', async () => {
    const { driver, session } = await attach('supply');
    expect(await driver.setControl('ch2.voltage.set', 5, signal)).toEqual({ 'ch2.voltage.set': 5 });
    expect(await driver.setControl('ch2.output', true, signal)).toEqual({ 'ch2.output': true });
    const values = await read(driver);
    expect(values['ch2.voltage']).toBeCloseTo(5, 1);
    expect(values['ch2.current']).toBeCloseTo(0.05, 2);
    expect(values['ch3.voltage']).toBe(0);
    expect(sent(session).at(-1)).toBe(':MEAS:ALL? CH1;:MEAS:ALL? CH2;:MEAS:ALL? CH3');
    expect(await driver.status?.(signal)).toMatchObject({ 'ch1.mode': 'off', 'ch2.mode': 'CV', 'ch2.tripped': '' });
    await driver.setControl('ch2.ovp.level', 4, signal);
    expect(await driver.setControl('ch2.ovp.enabled', true, signal)).toMatchObject({ 'ch2.ovp.enabled': true });
    expect(await driver.status?.(signal)).toMatchObject({ 'ch2.mode': 'off', 'ch2.tripped': 'OVP' });
    const refused = driver.setControl('ch2.output', true, signal);
    await expect(refused).rejects.toMatchObject({
      code: 'instrument.rejected',
      message: expect.stringContaining('-221'),
    });
    expect(await driver.setControl('ch2.protection.clear', true, signal)).toEqual({ 'ch2.output': false });
    await driver.setControl('ch2.ovp.enabled', false, signal);
  });

  it('refuses what the instrument cannot take before sending it', async () => {
    const { driver, session } = await attach('supply');
    const before = sent(session).length;
    for (const [id, value] of [
      ['ch1.voltage.set', 99],
      ['ch1.voltage.set', Number.NaN],
      ['ch1.voltage.set', 'much'],
      ['ch1.output', 1],
      ['ch9.output', true],
    ] as const) {
      await expect(driver.setControl(id, value, signal)).rejects.toMatchObject({ code: 'call.invalid' });
    }
    expect(sent(session)).toHaveLength(before);
  });

  it('polls only the channels that are due', async () => {
    const { driver, session } = await attach('supply');
    const row = await driver.poll?.(signal, ['ch2.voltage']);
    expect(sent(session).at(-1)).toBe(':MEAS:ALL? CH2');
    expect(row?.values[0]).toBeNaN();
    expect(row?.values[3]).not.toBeNaN();
    expect(Number((row?.receivedNs ?? 0n) - (row?.sentNs ?? 0n))).toBeGreaterThan(0);
  });

  it('switches every output off past all that waits, and confirms each', async () => {
    const { driver, session } = await attach('supply');
    await driver.setControl('ch3.output', true, signal);
    const waiting = Array.from({ length: 50 }, () => driver.poll?.(new AbortController().signal));
    const before = sent(session).length;
    const results = await driver.outputsOff();
    expect(results).toEqual(['ch1', 'ch2', 'ch3'].map((group) => ({ group, confirmed: true })));
    expect(sent(session).slice(before, before + 2)).toContain(':OUTP CH1,OFF');
    await Promise.all(waiting);
  });

  it('says which outputs it could not switch off when the wire is gone', async () => {
    const { driver, session } = await attach('supply');
    await session[Symbol.asyncDispose]();
    const results = await driver.outputsOff();
    expect(results).toHaveLength(3);
    for (const result of results) expect(result).toMatchObject({ confirmed: false, reason: expect.any(String) });
  });

  it('gives no wrong round when an answer is late: the round fails, the next is right', async () => {
    const { driver } = await attach('supply');
    bench.setFault('supply', { kind: 'garbage', count: 1 });
    await expect(driver.poll?.(signal)).rejects.toMatchObject({ code: 'protocol.malformed' });
    expect(await read(driver)).toHaveProperty('ch1.voltage', 0);
  });

  it('stops a round when its signal aborts', async () => {
    const { driver } = await attach('supply');
    bench.setFault('supply', { kind: 'delay', delayMs: 300, count: 1 });
    const controller = new AbortController();
    const polling = driver.poll?.(controller.signal);
    controller.abort();
    await expect(polling).rejects.toMatchObject({ code: 'call.cancelled' });
    expect(await read(driver)).toHaveProperty('ch1.voltage', 0);
  });
});

describe('Keysight 34460A series', () => {
  it('reads the function in force into the channel of that function', async () => {
    const { driver, session } = await attach('meter');
    for (const text of sent(session)) expect(text).toMatch(/\?/);
    expect(driver.shape.polled[0]).toMatchObject({ channel: 'voltage.dc', unit: 'V' });
    expect(await driver.setControl('nplc', '0.2', signal)).toEqual({ nplc: '0.2' });
    const volts = await read(driver);
    expect(volts['voltage.dc']).not.toBeNaN();
    expect(volts['current.dc']).toBeNaN();
    const changed = await driver.setControl('function', 'DC current', signal);
    expect(changed).toMatchObject({ function: 'DC current', range: 'auto' });
    expect(await driver.setControl('range', '100 mA', signal)).toEqual({ range: '100 mA' });
    expect(await driver.status?.(signal)).toEqual({ channel: 'current.dc', range: '100 mA' });
    await driver.setControl('nplc', '0.02', signal);
    const amps = await read(driver);
    expect(amps['voltage.dc']).toBeNaN();
    expect(amps['current.dc']).toBeCloseTo(0, 3);
    // At the front panel.
    await session.write(':FUNC "VOLT:DC"');
    expect((await read(driver))['voltage.dc']).not.toBeNaN();
    await driver.readControls(undefined, signal);
    expect(driver.shape.controls.find(({ id }) => id === 'range')?.choices).toEqual([
      'auto',
      '100 mV',
      '1 V',
      '10 V',
      '100 V',
      '1 kV',
    ]);
  });

  it('measures through the 10 A terminals, which have one range of their own', async () => {
    const { driver } = await attach('meter');
    await driver.setControl('function', 'DC current', signal);
    expect(driver.shape.controls.find(({ id }) => id === 'range')?.choices).not.toContain('10 A');
    await driver.setControl('terminals', '10', signal);
    expect(await driver.readControls(['terminals'], signal)).toEqual({ terminals: '10' });
    expect(await driver.status?.(signal)).toEqual({ channel: 'current.dc', range: '10 A' });
    await driver.setControl('function', 'DC voltage', signal);
    expect(driver.shape.controls.map(({ id }) => id)).not.toContain('terminals');
  });

  it('gives overload as infinity', async () => {
    const supply = await attach('supply');
    const { driver } = await attach('meter');
    await supply.driver.setControl('ch1.voltage.set', 12, signal);
    await supply.driver.setControl('ch1.output', true, signal);
    await driver.setControl('function', 'DC voltage', signal);
    await driver.setControl('nplc', '0.02', signal);
    await driver.setControl('range', '1 V', signal);
    await expect.poll(async () => (await read(driver))['voltage.dc']).toBe(Number.POSITIVE_INFINITY);
    await driver.setControl('range', 'auto', signal);
    expect((await read(driver))['voltage.dc']).toBeGreaterThan(1);
    await supply.driver.outputsOff();
  });

  it('says why no reading comes when the meter waits for a trigger, and goes on when it does not', async () => {
    const { driver, session } = await attach('meter');
    await driver.setControl('nplc', '0.02', signal);
    await read(driver);
    await session.write('TRIG:SOUR BUS');
    await expect(driver.poll?.(signal)).rejects.toMatchObject({ code: 'protocol.malformed' });
    await expect(driver.poll?.(signal)).rejects.toMatchObject({
      code: 'instrument.rejected',
      message: expect.stringContaining('TRIG:SOUR IMM'),
    });
    await session.write('TRIG:SOUR IMM');
    expect((await read(driver))['voltage.dc']).not.toBeNaN();
  });
});

describe('Siglent SDL', () => {
  it('sets mode, level and input, and measures', async () => {
    const { driver, session } = await attach('load');
    for (const text of sent(session)) expect(text).toMatch(/\?/);
    expect(driver.shape.controls.find(({ id }) => id === 'level.cc')).toMatchObject({ min: 0, max: 30, unit: 'A' });
    expect(await driver.setControl('mode', 'CR', signal)).toEqual({ mode: 'CR' });
    expect(await driver.setControl('level.cr', 50, signal)).toEqual({ 'level.cr': 50 });
    expect(await driver.setControl('input', true, signal)).toEqual({ input: true });
    expect(await driver.status?.(signal)).toEqual({ mode: 'CR' });
    const values = await read(driver);
    expect(Object.keys(values)).toEqual(['voltage', 'current', 'power']);
    expect(Object.values(values).every(Number.isFinite)).toBe(true);
    expect(await driver.outputsOff()).toEqual([{ group: '', confirmed: true }]);
    expect(await driver.readControls(['input'], signal)).toEqual({ input: false });
  });
});

describe('Rigol DS1000Z', () => {
  it('captures what the probes see, scaled by the preamble, of one trigger', async () => {
    const supply = await attach('supply');
    await supply.driver.setControl('ch1.voltage.set', 4, signal);
    await supply.driver.setControl('ch1.output', true, signal);
    const { driver, session } = await attach('scope');
    for (const text of sent(session)) expect(text).toMatch(/\?/);
    expect(driver.shape.waveforms.map(({ channel }) => channel)).toEqual([
      'ch1.waveform',
      'ch2.waveform',
      'ch3.waveform',
      'ch4.waveform',
    ]);
    await driver.setControl('ch2.display', true, signal);
    await driver.setControl('timebase.scale', 1e-3, signal);
    await driver.setControl('acquire', 'run', signal);
    await expect
      .poll(async () => driver.status?.(signal))
      .toMatchObject({ 'trigger.state': expect.stringMatching(/AUTO|TD/) });
    const waveform = await driver.capture?.(['ch1.waveform', 'ch2.waveform'], signal);
    expect(waveform?.samples.map(({ length }) => length)).toEqual([12_000, 12_000]);
    expect(waveform?.dtS).toBeCloseTo(1e-6, 9);
    expect(waveform?.xOriginS).toBeCloseTo(-6e-3, 6);
    expect(waveform?.columns[0]).toMatchObject({ channel: 'ch1.waveform', unit: 'V', bits: 8, scale: 0.04 });
    expect((await driver.readControls(['acquire'], signal)).acquire).toBe('run');
    const again = await session.query(':SYST:ERR?');
    expect(again).toMatch(/^\+?0,/);
    await supply.driver.outputsOff();
  });

  it('refuses channels that have no waveform, before the query that would hang', async () => {
    const { driver, session } = await attach('scope');
    await driver.setControl('ch4.display', false, signal);
    await expect(driver.capture?.(['ch4.waveform'], signal)).rejects.toMatchObject({ code: 'instrument.rejected' });
    await expect(driver.capture?.(['ch9.waveform'], signal)).rejects.toMatchObject({ code: 'call.invalid' });
    expect(session.stats.timeouts).toBe(0);
    expect(await session.query(':TRIG:STAT?')).not.toBe('STOP');
    const controller = new AbortController();
    const cancelled = driver.capture?.(['ch1.waveform'], controller.signal);
    session.onExchange(({ text }) => text === ':STOP' && controller.abort());
    await expect(cancelled).rejects.toMatchObject({ code: 'call.cancelled' });
    expect(await session.query(':TRIG:STAT?')).not.toBe('STOP');
  });

  it('stops, runs and takes single shots', async () => {
    const { driver } = await attach('scope');
    expect(await driver.setControl('acquire', 'stop', signal)).toEqual({ acquire: 'stop' });
    await driver.setControl('acquire', 'single', signal);
    expect(await driver.setControl('acquire', 'run', signal)).toEqual({ acquire: 'run' });
    const values = await read(driver);
    expect(values['ch1.vpp']).toBeDefined();
  });
});

describe('driver table', () => {
  it.each([
    ['RIGOL TECHNOLOGIES,DP832,DP8C1,00.01', 'Rigol DP800'],
    ['Rigol Technologies,DP811A,DP8D1,00.01', 'Rigol DP800'],
    ['Agilent Technologies,34461A,MY1,A.02', 'Keysight 34460A series'],
    ['HEWLETT-PACKARD,34401A,0,10-5-2', 'Keysight 34460A series'],
    ['RIGOL TECHNOLOGIES,MSO1104Z,DS1ZA1,00.04', 'Rigol DS1000Z'],
    ['Siglent Technologies,SDL1020X-E,SDL1,1.1', 'Siglent SDL1000X'],
    ['Siglent Technologies,SDS1104X-E,SDS1,1.1', 'Siglent SDS1000X, SDS1000X-E, SDS2000X'],
    ['KORADKA3005PV2.0', 'Korad KA3005P'],
    ['Acme,Widget,1,1.0', 'SCPI instrument'],
  ])('%s speaks %s', (idn, name) => {
    expect(chooseFamily(parseIdentity(idn)).name).toBe(name);
  });
});
