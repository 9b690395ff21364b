import { describe, expect, test } from 'vitest';
import { LiveEdge } from './live-edge.ts';
import {
  pan,
  rangeOf,
  resume,
  setSpan,
  type TimeLimits,
  type TimeView,
  togglePause,
  wholeOf,
  zoom,
} from './time-window.ts';

const live: TimeLimits = { fromS: -100, toS: 1000, live: true };
const minute: TimeView = { kind: 'live', spanS: 60 };

describe('live window', () => {
  test('runs with the edge', () => {
    expect(rangeOf(minute, live)).toEqual({ fromS: 940, toS: 1000 });
    expect(rangeOf(minute, { ...live, toS: 1001 })).toEqual({ fromS: 941, toS: 1001 });
  });

  test('zoom keeps the point under the pointer', () => {
    const view = zoom(minute, live, 0.5, 0.25);
    const range = rangeOf(view, live);
    expect(range.toS - range.fromS).toBeCloseTo(30);
    expect(range.fromS + 0.25 * 30).toBeCloseTo(940 + 0.25 * 60);
    expect(view.kind).toBe('fixed');
  });

  test('zoom at the right edge, and out to it, stays live', () => {
    expect(zoom(minute, live, 0.5, 1)).toEqual({ kind: 'live', spanS: 30 });
    expect(zoom(zoom(minute, live, 0.5, 0.25), live, 8, 0.5).kind).toBe('live');
  });

  test('panning into the past leaves live, back to the edge returns', () => {
    const past = pan(minute, live, -120);
    expect(rangeOf(past, live)).toEqual({ fromS: 820, toS: 880 });
    expect(pan(past, live, 500)).toEqual({ kind: 'live', spanS: 60 });
  });

  test('pause freezes the view; resume goes on', () => {
    const paused = togglePause(minute, live);
    expect(rangeOf(paused, { ...live, toS: 1500 })).toEqual({ fromS: 940, toS: 1000 });
    expect(togglePause(paused, live)).toEqual(minute);
  });

  test('paused, the edge does not catch the view', () => {
    const paused = togglePause(minute, live);
    expect(pan(paused, live, 30)).toMatchObject({ kind: 'fixed', paused: true });
  });

  test('double click returns to the window before', () => {
    expect(resume(zoom(minute, live, 0.1, 0.2), live)).toEqual(minute);
    expect(resume(zoom({ kind: 'all' }, live, 0.1, 0.2), live)).toEqual({ kind: 'all' });
  });

  test('all shows everything there is', () => {
    expect(rangeOf({ kind: 'all' }, live)).toEqual({ fromS: -100, toS: 1000 });
  });

  test('limits hold: one second to a day', () => {
    expect(zoom(minute, live, 1e9, 0.5)).toEqual({ kind: 'live', spanS: 86_400 });
    expect(zoom(minute, live, 1e-9, 1)).toEqual({ kind: 'live', spanS: 1 });
  });
});

describe('recording', () => {
  const limits: TimeLimits = { fromS: 0, toS: 100, live: false };

  test('never leaves the recording', () => {
    const whole = wholeOf(limits);
    expect(rangeOf(pan(whole, limits, 50), limits)).toEqual({ fromS: 0, toS: 100 });
    expect(rangeOf(zoom(whole, limits, 5, 0.3), limits)).toEqual({ fromS: 0, toS: 100 });
    const part = zoom(whole, limits, 0.1, 0.5);
    expect(rangeOf(pan(part, limits, 1000), limits)).toEqual({ fromS: 90, toS: 100 });
  });

  test('a window length is taken around the middle', () => {
    expect(rangeOf(setSpan(wholeOf(limits), limits, 10), limits)).toEqual({ fromS: 45, toS: 55 });
    expect(rangeOf(setSpan(wholeOf(limits), limits, 1000), limits)).toEqual({ fromS: 0, toS: 100 });
  });
});

describe('live edge', () => {
  test('runs evenly though samples come in bursts, and never goes back', () => {
    const edge = new LiveEdge();
    let before = Number.NEGATIVE_INFINITY;
    for (let ms = 0; ms < 20_000; ms += 16) {
      if (ms % 96 === 0) edge.observe(ms / 1000 - 0.02 - (ms % 192 === 0 ? 0.03 : 0), ms);
      const at = edge.at(ms) ?? 0;
      if (ms > 2000) {
        expect(at).toBeGreaterThanOrEqual(before);
        expect(at - before).toBeLessThan(0.03);
      }
      before = at;
    }
    expect(before).toBeGreaterThan(19.9);
    expect(before).toBeLessThan(20);
  });

  test('a slow stream does not hold the edge back', () => {
    const edge = new LiveEdge();
    for (let ms = 0; ms < 5000; ms += 100) {
      edge.observe(ms / 1000, ms);
      edge.observe(ms / 1000 - 1.5, ms);
    }
    expect(edge.at(5000)).toBeGreaterThan(4.8);
  });

  test('samples from far away move it at once', () => {
    const edge = new LiveEdge();
    edge.guess(0, 0);
    edge.observe(500, 1000);
    expect(edge.at(1000)).toBeCloseTo(500);
  });
});
