import { expect, test } from 'vitest';
import { type EventMark, flagTone, flagWords, gapReason, placeFlags } from './event-flags.ts';

const mark = (timeS: number, text: string, kind = 'note'): EventMark => ({
  id: `${timeS} ${text}`,
  timeS,
  kind,
  text,
  severity: undefined,
  channel: undefined,
  instrument: undefined,
});
/** A letter is 10 pixels wide, a second one pixel; the plot is 1000 wide. */
const place = (marks: EventMark[]) => placeFlags(marks, 0, 1, 1000, (text) => text.length * 10);

test('words stand in two rows and never run into later ones; the newest keep theirs', () => {
  const rows = place([mark(100, 'x'.repeat(20)), mark(110, 'y'.repeat(20)), mark(120, 'z'.repeat(20))]);
  expect(rows.map((flag) => flag.row)).toEqual([undefined, 1, 0]);
});

test('what would leave the plot has no words', () => {
  expect(place([mark(950, 'a long one')])[0]?.row).toBeUndefined();
  expect(place([mark(950, 'short')])[0]?.row).toBe(0);
});

test('long words are cut', () => {
  expect(flagWords(mark(0, 'w'.repeat(60)))).toHaveLength(40);
  expect(flagWords(mark(0, 'short'))).toBe('short');
});

test('a gap is told once', () => {
  expect(gapReason([], [mark(10, 'Gap: no answer', 'gap')], 9, 12)).toBe('no answer');
  expect(gapReason([], [mark(500, 'Gap: no answer', 'gap')], 9, 12)).toBeUndefined();
});

test('the colour of a flag says how bad it is', () => {
  const tones = (kind: string): string[] =>
    [undefined, 'info', 'warning', 'critical'].map((severity) => flagTone({ kind, severity }));
  expect(tones('alarm')).toEqual(['bad', 'info', 'warn', 'bad']);
  expect(tones('trip')).toEqual(['bad', 'quiet', 'warn', 'bad']);
  expect(tones('safety')).toEqual(['bad', 'quiet', 'warn', 'bad']);
  const plain = [
    'mode',
    'range',
    'instrument-error',
    'service-request',
    'operation-complete',
    'setpoint',
    'outputs-off',
  ];
  expect(plain.map((kind) => flagTone({ kind, severity: undefined }))).toEqual([
    'info',
    'quiet',
    'warn',
    'info',
    'info',
    'accent',
    'bad',
  ]);
});
