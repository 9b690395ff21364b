import { expect, test } from 'vitest';
import { ManualClock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { patternOf } from '../../src/hub/compression/data-pattern.ts';
import { LevelController, type LevelMeasure } from '../../src/hub/compression/level-controller.ts';
import { LevelForecast } from '../../src/hub/compression/level-forecast.ts';
import { ConditionFilter, conditionOf } from '../../src/hub/compression/network-condition.ts';

const CALM = { goodputBytesPerS: undefined, busyShare: 0, loopLagMs: 0 };
const LINKS = {
  excellent: { roundTripMs: 2, bitsPerS: 200e6 },
  good: { roundTripMs: 20, bitsPerS: 20e6 },
  fair: { roundTripMs: 100, bitsPerS: 4e6 },
  poor: { roundTripMs: 300, bitsPerS: 1e6 },
  critical: { roundTripMs: 600, bitsPerS: 0.2e6 },
};
const unknown = (): undefined => undefined;

test('332 five shaped links are classified right, either figure may be the worse one', () => {
  for (const [name, link] of Object.entries(LINKS)) expect(conditionOf(link)).toBe(name);
  expect(conditionOf({ roundTripMs: 2, bitsPerS: 1e6 })).toBe('poor');
  expect(conditionOf({ roundTripMs: 300, bitsPerS: 1e9 })).toBe('poor');
  expect(conditionOf({ roundTripMs: 10, bitsPerS: 50e6 })).toBe('good');
  expect(conditionOf({ roundTripMs: 9.9, bitsPerS: 50e6 + 1 })).toBe('excellent');
  expect(conditionOf({ roundTripMs: 400, bitsPerS: undefined })).toBe('critical');
});

test('332 a condition counts when it was seen twice without a break', () => {
  const filter = new ConditionFilter();
  expect(filter.see(LINKS.poor)).toBe(false);
  expect(filter.see(LINKS.fair)).toBe(false);
  expect(filter.see(LINKS.poor)).toBe(false);
  expect(filter.see(LINKS.critical)).toBe(false);
  expect(filter.see({ roundTripMs: undefined, bitsPerS: undefined })).toBe(false);
  expect(filter.condition).toBe('fair');
  expect(filter.see(LINKS.critical)).toBe(true);
  expect(filter.condition).toBe('critical');
});

test('333 patterns of a synthetic set', () => {
  const random = seededRandom(7);
  const of = (value: (index: number) => number): string =>
    patternOf(Float32Array.from({ length: 512 }, (_, index) => value(index)));
  expect(of(() => 3.3)).toBe('flat');
  expect(of((index) => index / 10)).toBe('flat');
  expect(of((index) => Math.sin(index / 20))).toBe('normal');
  expect(of((index) => Math.sin(index / 20) + random.normal() * 0.01)).toBe('normal');
  expect(of(() => random.normal())).toBe('noisy');
  expect(of((index) => Math.sin(index / 20) * 0.01 + (index % 100 === 0 ? 5 : 0))).toBe('burst');
  expect(of((index) => (index === 300 ? 40 : random.normal() * 0.1))).toBe('burst');
  expect(patternOf([1, Number.NaN, 2])).toBe('normal');
});

test('302 a throttled link: the level rises, one step in two seconds at most', async () => {
  const clock = new ManualClock();
  const controller = new LevelController(clock);
  const levels: number[] = [];
  for (let look = 0; look < 20; look++) {
    await clock.advance(500);
    levels.push(controller.look({ ...CALM, ...LINKS.critical }, unknown));
  }
  expect(levels).toEqual([6, 6, 6, 7, 7, 7, 7, 8, 8, 8, 8, 9, 9, 9, 9, 9, 9, 9, 9, 9]);
  expect(controller.adaptations).toBe(3);
});

test.each([
  { busyShare: 0.5, loopLagMs: 0 },
  { busyShare: 0, loopLagMs: 80 },
])('302 a burning processor: the level falls whatever the link is like: %o', async (load) => {
  const clock = new ManualClock();
  const controller = new LevelController(clock, {}, 9);
  const levels: number[] = [];
  for (let look = 0; look < 10; look++) {
    await clock.advance(2_000);
    levels.push(controller.look({ ...CALM, ...LINKS.critical, ...load }, unknown));
  }
  expect(levels).toEqual([8, 7, 6, 5, 4, 3, 2, 1, 1, 1]);
});

test('335 a step that costs more than 5 % of the goodput is taken back within 4 s, and not tried again at once', async () => {
  const clock = new ManualClock();
  const controller = new LevelController(clock);
  const look = async (goodputBytesPerS: number): Promise<number> => {
    await clock.advance(2_000);
    return controller.look({ ...CALM, ...LINKS.critical, goodputBytesPerS }, unknown);
  };
  expect(await look(1000)).toBe(6);
  expect(await look(1000)).toBe(7);
  expect(await look(940)).toBe(6);
  for (let again = 0; again < 20; again++) expect(await look(1000)).toBe(6);
  for (let again = 0; again < 10; again++) await look(1000);
  expect(controller.level).toBeGreaterThan(6);
  expect(await look(951)).toBeGreaterThan(7);
});

test('350 switched off, the level stays where it is set', async () => {
  const clock = new ManualClock();
  const controller = new LevelController(clock, { isAdaptive: false });
  for (let look = 0; look < 5; look++) {
    await clock.advance(2_000);
    expect(controller.look({ ...CALM, ...LINKS.critical }, unknown)).toBe(6);
  }
  controller.setLevel(12);
  expect(controller.level).toBe(9);
  controller.configure({ isAdaptive: true });
  await clock.advance(2_000);
  expect(controller.look({ ...CALM, ...LINKS.excellent, busyShare: 1 }, unknown)).toBe(8);
});

test('334 the forecast is a line by least squares over the last 32 messages', () => {
  const forecast = new LevelForecast();
  expect(forecast.at(6)).toBeUndefined();
  for (let index = 0; index < 32; index++) forecast.add({ level: 1, msPerKib: 50, ratio: 0.9 });
  for (let index = 0; index < 32; index++) {
    const level = 1 + (index % 9);
    forecast.add({ level, msPerKib: 0.01 * level, ratio: 0.5 - 0.02 * level });
  }
  for (const level of [1, 5, 9]) {
    expect(forecast.at(level)?.msPerKib).toBeCloseTo(0.01 * level, 2);
    expect(forecast.at(level)?.ratio).toBeCloseTo(0.5 - 0.02 * level, 2);
  }
});

/** Measured on JSON of a sampled signal: ms for a KiB and ratio, by level. */
const MS_PER_KIB = [0, 0.009, 0.01, 0.013, 0.019, 0.026, 0.043, 0.052, 0.07, 0.078];
const RATIO = [0, 0.308, 0.3, 0.29, 0.28, 0.272, 0.265, 0.263, 0.261, 0.26];

test.each(Object.entries(LINKS))(
  '334 on a %s link: better than a fixed 6 in goodput or time, never worse by 5 %%',
  async (name, link) => {
    const clock = new ManualClock();
    const controller = new LevelController(clock);
    const forecast = new LevelForecast();
    const cost = (level: number): number => MS_PER_KIB[level]! + (RATIO[level]! * 8_192_000) / link.bitsPerS;
    for (let look = 0; look < 30; look++) {
      const { level } = controller;
      for (let index = 0; index < 8; index++)
        forecast.add({ level, msPerKib: MS_PER_KIB[level]!, ratio: RATIO[level]! });
      await clock.advance(2_000);
      const measure: LevelMeasure = { ...CALM, ...link, goodputBytesPerS: 1024 / cost(level) };
      controller.look(measure, (one) => forecast.at(one));
    }
    const { level } = controller;
    expect(cost(level)).toBeLessThanOrEqual(cost(6) * 1.05);
    if (name === 'excellent' || name === 'good') expect(MS_PER_KIB[level]!).toBeLessThan(MS_PER_KIB[6]!);
    if (name === 'critical') expect(cost(level)).toBeLessThan(cost(6));
  },
);
