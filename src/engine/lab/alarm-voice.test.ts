import { beforeEach, expect, test } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { type AlarmNews, AlarmVoice } from './alarm-voice.ts';

let clock: ManualClock;
let lines: string[];
let told: string[];
let voice: AlarmVoice;

beforeEach(() => {
  clock = new ManualClock();
  lines = [];
  told = [];
  voice = new AlarmVoice({
    clock,
    line: (severity, text) => lines.push(`${severity}: ${text}`),
    notify: (severity, text) => told.push(`${severity}: ${text}`),
  });
});

function news(id: number, severity: AlarmNews['severity'] = 'error', state: AlarmNews['state'] = 'active'): AlarmNews {
  return { id: `a${id}`, state, severity, equipment: 'psu', text: `Alarm ${id}`, atNs: BigInt(id) };
}

test('one alarm is one line and one notification at once, and nothing after it', async () => {
  voice.heard(news(1));
  expect(told).toEqual(['error: Alarm 1']);
  await clock.advance(60_000);
  expect({ lines, told }).toEqual({ lines: ['error: Alarm 1 (active)'], told: ['error: Alarm 1'] });
  expect(clock.pending).toBe(0);
});

test('500 in a second: one notification at once, one for the rest, and few lines', async () => {
  for (let id = 0; id < 500; id++) {
    voice.heard(news(id));
    await clock.advance(1.9);
  }
  expect(told).toEqual(['error: Alarm 0']);
  await clock.advance(1000);
  expect(told).toEqual(['error: Alarm 0', 'error: Alarm 1 (and 498 more)']);
  expect(lines).toHaveLength(21);
  expect(lines.at(-1)).toBe('warning: 480 more changes of alarms within 1 s. Its list shows the latest.');
});

test('a storm of minutes is told less and less often; what is worse waits for nothing', async () => {
  for (let second = 0; second < 120; second++) {
    for (let id = 0; id < 50; id++) voice.heard(news(second * 50 + id, 'warning'));
    await clock.advance(1000);
  }
  expect(told.length).toBeLessThanOrEqual(9);
  const before = told.length;
  voice.heard(news(9999, 'critical'));
  expect(told.slice(before)).toEqual(['critical: Alarm 9999']);
});

test('after the calm the next is told at once again', async () => {
  for (let id = 0; id < 100; id++) voice.heard(news(id));
  await clock.advance(300_000);
  expect(clock.pending).toBe(0);
  const before = told.length;
  voice.heard(news(1000, 'warning'));
  expect(told.slice(before)).toEqual(['warning: Alarm 1000']);
});

test('what is cleared, acknowledged or only information notifies nobody', async () => {
  voice.heard(news(1, 'critical', 'cleared'));
  voice.heard(news(2, 'error', 'acknowledged'));
  voice.heard(news(3, 'info'));
  await clock.advance(5000);
  expect(told).toEqual([]);
  expect(lines).toEqual(['info: Alarm 1 (cleared)', 'info: Alarm 2 (acknowledged)', 'info: Alarm 3 (active)']);
});

test('disposed in a storm it leaves no timer', () => {
  voice.heard(news(1));
  voice.heard(news(2));
  voice[Symbol.dispose]();
  expect(clock.pending).toBe(0);
});
