import { expect, test } from 'vitest';
import { ManualClock } from '../core/clock.ts';
import { Circuit } from './circuit.ts';

async function powered(volts: number, amps: number) {
  const clock = new ManualClock();
  const circuit = new Circuit(clock);
  Object.assign(circuit.source, { voltage: volts, currentLimit: amps, on: true });
  return { clock, circuit };
}

test('off: nothing flows', async () => {
  const clock = new ManualClock();
  const circuit = new Circuit(clock);
  await clock.advance(1000);
  expect(circuit.advance()).toMatchObject({ supplyV: 0, supplyA: 0, loadV: 0, loadA: 0, rippleV: 0 });
});

test('on: charges with R·C and settles at the divider of DUT and bleeder', async () => {
  const { clock, circuit } = await powered(5, 3);
  await clock.advance(48);
  expect(circuit.advance().loadV).toBeCloseTo(4.89 * (1 - Math.exp(-1)), 1);
  await clock.advance(2000);
  const { loadV, supplyV, supplyA, dutOhm } = circuit.advance();
  expect(supplyV).toBeCloseTo(5, 6);
  expect(loadV).toBeCloseTo((5 * 100) / (100 + dutOhm), 4);
  expect(supplyA).toBeCloseTo(loadV / 100, 6);
});

test('constant current: the ramp of a capacitor, then constant voltage', async () => {
  const { clock, circuit } = await powered(5, 0.5);
  await clock.advance(100);
  const state = circuit.advance();
  expect(state.supplyA).toBe(0.5);
  // 2.27 V, less what the bleeder took.
  expect(state.loadV).toBeCloseTo((0.5 * 0.1) / 22e-3 - 0.05, 1);
  expect(state.supplyV).toBeCloseTo(state.loadV + 0.5 * state.dutOhm, 6);
});

test.each([
  ['CC', 1, 1],
  ['CR', 10, undefined],
  ['CP', 2, undefined],
  ['CV', 3, undefined],
] as const)('load in %s at %d', async (mode, level, amps) => {
  const { clock, circuit } = await powered(10, 3);
  // First volts, then the load: a constant-power load on a dead supply holds it down, here as on the bench.
  await clock.advance(1000);
  circuit.advance();
  Object.assign(circuit.sink, { mode, level, on: true });
  await clock.advance(1000);
  const { loadV, loadA } = circuit.advance();
  if (mode === 'CC') expect(loadA).toBe(amps);
  if (mode === 'CR') expect(loadV / loadA).toBeCloseTo(level, 6);
  if (mode === 'CP') expect(loadV * loadA).toBeCloseTo(level, 3);
  if (mode === 'CV') expect(loadV).toBeCloseTo(level, 0);
});

test('the DUT warms under load, and its resistance with it', async () => {
  const { clock, circuit } = await powered(10, 3);
  Object.assign(circuit.sink, { mode: 'CC', level: 1, on: true });
  const cold = circuit.advance().dutOhm;
  await clock.advance(600_000);
  const { dutC, dutOhm, ambientC, supplyA } = circuit.advance();
  expect(dutC - ambientC).toBeCloseTo(supplyA ** 2 * dutOhm * 15, 0);
  expect(dutOhm).toBeGreaterThan(cold * 1.1);
});

test('a protection acts at its step, with nobody looking', async () => {
  const { clock, circuit } = await powered(5, 3);
  circuit.protection = ({ supplyA }) => supplyA > 1;
  await clock.advance(500);
  expect(circuit.advance()).toMatchObject({ supplyV: 0, supplyA: 0 });
  expect(circuit.source.on).toBe(false);
  expect(circuit.advance().loadV).toBeLessThan(0.1);
});

test('the past can be probed, and a long pause costs no time', async () => {
  const { clock, circuit } = await powered(5, 3);
  const startS = clock.monotonicMs() / 1000;
  await clock.advance(1000);
  const volts = new Float64Array(101);
  circuit.probe('loadV', startS - 0.01, 0.01, volts);
  expect(volts[0]).toBe(0);
  expect(volts[1]).toBe(0);
  expect([...volts].every((value, i) => i === 0 || value >= (volts[i - 1] ?? 0) - 1e-9)).toBe(true);
  expect(volts[100]).toBeGreaterThan(4.8);
  await clock.advance(3_600_000);
  const before = performance.now();
  expect(circuit.advance().loadV).toBeGreaterThan(4.8);
  expect(performance.now() - before).toBeLessThan(2000);
});
