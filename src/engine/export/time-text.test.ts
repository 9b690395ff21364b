import { expect, it } from 'vitest';
import { COMMA } from './number-text.ts';
import { TIME_BYTES, TimeText } from './time-text.ts';

const bytes = new Uint8Array(TIME_BYTES);
const text = (end: number): string => String.fromCharCode(...bytes.subarray(0, end));

it('writes times to the nanosecond, before 1970 and after', () => {
  const time = new TimeText(0n);
  time.setBase(-1n);
  expect([0, 1, 1_000_000_001].map((offset) => text(time.writeIso(bytes, 0, offset)))).toEqual([
    '1969-12-31T23:59:59.999999999Z',
    '1970-01-01T00:00:00.000000000Z',
    '1970-01-01T00:00:01.000000000Z',
  ]);
  time.setBase(1_700_000_000_123_456_789n);
  expect([0, -123_456_790, 876_543_211].map((offset) => text(time.writeIso(bytes, 0, offset)))).toEqual([
    '2023-11-14T22:13:20.123456789Z',
    '2023-11-14T22:13:19.999999999Z',
    '2023-11-14T22:13:21.000000000Z',
  ]);
});

it('writes seconds since the start, before it and after', () => {
  const time = new TimeText(1_700_000_000_500_000_000n);
  time.setBase(1_700_000_000_500_000_000n);
  expect(
    [0, 1, -1, 1_234_567_890_123, -1_000_000_000, -1_500_000_000].map((offset) =>
      text(time.writeElapsed(bytes, 0, offset)),
    ),
  ).toEqual(['0.000000000', '0.000000001', '-0.000000001', '1234.567890123', '-1.000000000', '-1.500000000']);
  time.setBase(1_800_000_000_000_000_000n);
  expect(text(time.writeElapsed(bytes, 0, 7, COMMA))).toBe('99999999,500000007');
});
