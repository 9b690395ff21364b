import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Scope } from '../../src/core/scope.ts';
import { Circuit } from '../../src/simulator/circuit.ts';
import { createKeysight34461a } from '../../src/simulator/dialect/keysight-34461a.ts';
import { createRigolDp832 } from '../../src/simulator/dialect/rigol-dp832.ts';
import { FaultGate } from '../../src/simulator/fault.ts';
import { Random } from '../../src/simulator/random.ts';
import type { ScpiInstrument } from '../../src/simulator/scpi/instrument.ts';
import { createSystemClock } from '../../src/simulator/system-clock.ts';
import { acceptScpi } from '../../src/simulator/wire/scpi-connection.ts';
import { openSocketServer } from '../../src/simulator/wire/socket-server.ts';
import { peerText } from './peer-program.ts';

/**
 * sigrok-cli drives and reads the simulated bench over raw sockets: what it prints is held against the circuit itself. Its drivers know some
 * models by name only (libsigrok 0.5.2 scpi-dmm: HP 34401A, Keysight 34465A; scpi-pps: Rigol DP832).
 */
const scope = new Scope('peers: sigrok');
const clock = createSystemClock();
const circuit = new Circuit(clock);
const random = new Random(1);
const supply = createRigolDp832(circuit, random);
const hp = createKeysight34461a(circuit, random, clock, '34401A');
const keysight = createKeysight34461a(circuit, random, clock, '34465A');

async function serve(instrument: ScpiInstrument): Promise<string> {
  const gate = new FaultGate(new Random(2), clock);
  const { port } = scope.use(await openSocketServer(0, acceptScpi({ instrument, gate, ledger: undefined })));
  return `conn=tcp-raw/127.0.0.1/${port}`;
}

let ofSupply = '';
let ofHp = '';
let ofKeysight = '';

beforeAll(async () => {
  ofSupply = await serve(supply);
  ofHp = await serve(hp);
  ofKeysight = await serve(keysight);
});
afterAll(() => scope[Symbol.asyncDispose]());

interface Printed {
  channel: string;
  value: number;
  unit: string;
}

const PREFIX: Record<string, number> = { '': 1, m: 1e-3, µ: 1e-6, n: 1e-9, k: 1e3, M: 1e6 };

/** `P1: 4.99 V DC`, `I1: 51.3 mA DC`, `P1: inf kΩ`. */
function printed(text: string): Printed[] {
  return [...text.matchAll(/^(\w+): (-?[\d.]+|-?inf) ([mµnkM]?)([VAW\u03a9\u2126])/gm)].map(
    ([, channel = '', number = '', prefix = '', unit = '']) => ({
      channel,
      value: Number(number.replace('inf', 'Infinity')) * (PREFIX[prefix] ?? Number.NaN),
      unit: unit.replace('\u2126', 'Ω'),
    }),
  );
}

/** The last reading a meter gives, and what the circuit was before and after. */
async function readMeter(
  conn: string,
  quantity: string,
  truth: () => number,
): Promise<{ reading: Printed; least: number; most: number }> {
  const before = truth();
  const said = await peerText('sigrok-cli', [
    '-d',
    `scpi-dmm:${conn}`,
    '-c',
    `measured_quantity=${quantity}`,
    '--samples',
    '2',
  ]);
  const after = truth();
  const reading = printed(said).at(-1);
  if (!reading) throw new Error(`sigrok-cli printed no reading: ${said}`);
  return { reading, least: Math.min(before, after), most: Math.max(before, after) };
}

const loadV = (): number => circuit.advance().loadV;
const supplyA = (): number => circuit.advance().supplyA;

describe('scpi-pps on the DP832', () => {
  it('finds it with three channels', async () => {
    const said = await peerText('sigrok-cli', ['-d', `scpi-pps:${ofSupply}`, '--scan']);
    expect(said).toMatch(/Rigol DP832 00\.01\.16 .*with 9 channels: V1 I1 P1 V2 I2 P2 V3 I3 P3/);
  });

  it('sets voltage and limit and switches on', async () => {
    const set = (config: string) =>
      peerText('sigrok-cli', ['-d', `scpi-pps:${ofSupply}`, '-g', '1', '-c', config, '--set']);
    await set('voltage_target=5');
    await set('current_limit=2');
    await set('enabled=on');
    expect(circuit.source).toMatchObject({ voltage: 5, currentLimit: 2, on: true });
    expect(await peerText('sigrok-cli', ['-d', `scpi-pps:${ofSupply}`, '-g', '1', '--get', 'voltage_target'])).toMatch(
      /^5\.0/,
    );
    await expect.poll(() => Math.abs(circuit.advance().supplyV - 5)).toBeLessThan(0.01);
  });

  it('reads volts, amperes and watts of every output', async () => {
    const before = circuit.advance();
    const { supplyV, supplyA: amps } = before;
    const said = printed(await peerText('sigrok-cli', ['-d', `scpi-pps:${ofSupply}`, '--samples', '2']));
    const after = circuit.advance();
    const of = (channel: string) => said.find((one) => one.channel === channel);
    expect(of('V1')?.unit).toBe('V');
    expect(of('V1')?.value).toBeCloseTo(supplyV, 1);
    expect(of('I1')?.unit).toBe('A');
    const margin = Math.abs(after.supplyA - amps) + 0.01;
    expect(Math.abs((of('I1')?.value ?? 0) - amps)).toBeLessThan(margin);
    expect(Math.abs((of('P1')?.value ?? 0) - supplyV * amps)).toBeLessThan(margin * 6);
    // The others are off.
    for (const channel of ['V2', 'I2', 'P2', 'V3', 'I3', 'P3']) expect(of(channel)?.value, channel).toBe(0);
    expect(supply.errors.size).toBe(0);
  });
});

describe('scpi-dmm on the 34401A', () => {
  it('knows it', async () => {
    const said = await peerText('sigrok-cli', ['-d', `scpi-dmm:${ofHp}`, '--scan']);
    expect(said).toContain('34401A');
  });

  it('reads what the circuit has', async () => {
    const volts = await readMeter(ofHp, 'voltage/dc', loadV);
    expect(volts.reading.unit).toBe('V');
    expect(volts.reading.value).toBeGreaterThan(volts.least - 0.01);
    expect(volts.reading.value).toBeLessThan(volts.most + 0.01);
    const amps = await readMeter(ofHp, 'current/dc', supplyA);
    expect(amps.reading.unit).toBe('A');
    expect(amps.reading.value).toBeGreaterThan(amps.least - 0.01);
    expect(amps.reading.value).toBeLessThan(amps.most + 0.01);
    expect(hp.errors.size).toBe(0);
  });

  it('is told overload: ohms of a circuit with voltage on it', async () => {
    const { reading } = await readMeter(ofHp, 'resistance', loadV);
    expect(reading).toMatchObject({ value: Number.POSITIVE_INFINITY, unit: 'Ω' });
  });
});

describe('scpi-dmm on the 34465A', () => {
  it('reads volts, and the unit complains of a command it does not know', async () => {
    const { reading, least, most } = await readMeter(ofKeysight, 'voltage/dc', loadV);
    expect(reading.value).toBeGreaterThan(least - 0.01);
    expect(reading.value).toBeLessThan(most + 0.01);
    // This driver of sigrok sends `MEAS` without a question mark; the real one answers with an error as well.
    expect(keysight.errors.take()).toBe(-113);
    expect(keysight.errors.size).toBe(0);
  });
});
