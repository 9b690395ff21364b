import { expect, test } from 'vitest';
import { Awake } from './awake.ts';

test('the system may sleep when nobody needs it awake any more, and is told once', () => {
  const told: boolean[] = [];
  const awake = new Awake({ blockSleep: (on) => void told.push(on) });
  const recording = awake.for('recording');
  const sessions = awake.for('sessions');
  recording(true);
  sessions(true);
  sessions(true);
  recording(false);
  expect(told).toEqual([true]);
  sessions(false);
  sessions(false);
  expect(told).toEqual([true, false]);
});
