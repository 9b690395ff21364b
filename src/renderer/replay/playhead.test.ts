import { expect, test } from 'vitest';
import type { ReplayState } from '../../contract/replay-schema.ts';
import { Playhead } from './playhead.ts';

const state = (change: Partial<ReplayState>): ReplayState =>
  ({ positionNs: '0', state: 'paused', speed: 1, speedGot: 0, run: 1, ...change }) as ReplayState;

test('it stands while paused, runs on between two words, and not without end', () => {
  const head = new Playhead(1_000_000_000n);
  head.set(state({ positionNs: '3000000000' }), 0);
  expect(head.at(10_000)).toBe(2);
  head.set(state({ positionNs: '3000000000', state: 'playing', speed: 10 }), 10_000);
  expect(head.at(10_100)).toBeCloseTo(3, 9);
  expect(head.at(60_000)).toBeCloseTo(6, 9);
});

test('it does not go back while it runs, but at a seek', () => {
  const head = new Playhead(0n);
  head.set(state({ positionNs: '1000000000', state: 'playing' }), 0);
  expect(head.at(300)).toBeCloseTo(1.3, 9);
  head.set(state({ positionNs: '1200000000', state: 'playing' }), 300);
  expect(head.at(310)).toBeCloseTo(1.3, 9);
  head.set(state({ positionNs: '500000000', state: 'playing', run: 2 }), 400);
  expect(head.at(400)).toBeCloseTo(0.5, 9);
});

test('at max it runs at the speed got', () => {
  const head = new Playhead(0n);
  head.set(state({ positionNs: '0', state: 'playing', speed: 'max', speedGot: 50 }), 0);
  expect(head.at(100)).toBeCloseTo(5, 9);
});
