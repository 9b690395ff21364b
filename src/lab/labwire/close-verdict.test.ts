import { expect, test } from 'vitest';
import { judgeEnd } from './close-verdict.ts';

const closed = (code: number, reason = '') => judgeEnd({ code, reason, refusal: undefined });
const refused = (status: number, headers: Record<string, string> = {}) =>
  judgeEnd({ code: 1006, reason: '', refusal: { status, headers, body: '' } });

test.each([1000, 1001, 1006, 1007, 1009, 1011, 1012, 1013, 4408, 4429, 4500, 4508])('%i: another try', (code) => {
  expect(closed(code)).toMatchObject({ kind: 'retry' });
});

test.each([1008, 4401, 4403])('%i: a new token, once', (code) => {
  expect(closed(code)).toMatchObject({ kind: 'refresh' });
});

test.each([1002, 1003, 4400, 4413])('%i: the same would happen again', (code) => {
  expect(closed(code, 'why')).toMatchObject({ kind: 'fatal', error: { code: 'server.refused', details: { code } } });
});

test('4409: no fight between two windows', () => {
  expect(closed(4409)).toMatchObject({ kind: 'superseded' });
});

test('4410: a person took it off, and says so; no other try', () => {
  expect(closed(4410, 'anna took this connection off the bench.')).toEqual({
    kind: 'superseded',
    reason: 'anna took this connection off the bench.',
  });
});

test('what the server says of the wait is heard, and no secret of it shown', () => {
  expect(closed(4429, 'slow down; retry_after=7')).toMatchObject({ kind: 'retry', retryAfterS: 7 });
  expect(JSON.stringify(closed(4401, 'bad token=abc123'))).not.toContain('abc123');
  expect(refused(503, { 'retry-after': '9' })).toMatchObject({ kind: 'retry', retryAfterS: 9 });
});

test('HTTP instead of a socket', () => {
  expect(refused(401)).toMatchObject({ kind: 'refresh' });
  expect(refused(403)).toMatchObject({ kind: 'refresh' });
  expect(refused(404)).toMatchObject({ kind: 'next-path' });
  expect(refused(500)).toMatchObject({ kind: 'retry', reason: expect.stringContaining('HTTP 500') });
});
