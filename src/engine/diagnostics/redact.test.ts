import { expect, test } from 'vitest';
import { redactText, redactValue } from './redact.ts';

const known = { secrets: ['s3cr3t-t0ken'], homes: ['/home/annabel'], users: ['annabel'] };

test.each([
  ['the token s3cr3t-t0ken here', 'the token (removed) here'],
  ['http://127.0.0.1:1/?token=abcdef123&x=1', 'http://127.0.0.1:1/?token=(removed)&x=1'],
  ['Authorization: Bearer abc.def-1', 'Authorization: Bearer (removed)'],
  ['/home/annabel/data', '~/data'],
  ['/home/bob/data', '/home/user/data'],
  ['/Users/bob/data', '/Users/user/data'],
  ['C:\\Users\\bob\\data', 'C:\\Users\\user\\data'],
  ['written by annabel', 'written by user'],
  ['http://bob:p@ss@host/x', 'http://(removed)@host/x'],
  ['password="two words, really"', 'password=(removed)'],
  ['pwd=hunter2 passwd: hunter2', 'pwd=(removed) passwd: (removed)'],
  [':SYST:COMM:WLAN:PASS "two words";*OPC', ':SYST:COMM:WLAN:PASS (removed);*OPC'],
  ['SYST:PASS:CEN hunter2', 'SYST:PASS:CEN (removed)'],
  ['http://bob:pw@host/', 'http://(removed)@host/'],
  ['annabels and VOLT 5', 'annabels and VOLT 5'],
])('%s', (text, shown) => expect(redactText(text, known)).toBe(shown));

test('values keep their form; what is named like a secret loses its value', () => {
  expect(
    redactValue(
      {
        apiKey: 'k',
        nested: [{ password: 'p', tokens: ['a', { b: 'c' }], ok: 1n, none: null }],
        '/home/annabel': true,
      },
      known,
    ),
  ).toEqual({
    apiKey: '(removed)',
    nested: [{ password: '(removed)', tokens: '(removed)', ok: '1', none: null }],
    '~': true,
  });
});
