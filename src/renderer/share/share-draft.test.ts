import { expect, test } from 'vitest';
import { lablinkSettings } from '../../contract/lablink-settings.ts';
import { shareSettings } from '../../contract/share-schema.ts';
import {
  freePort,
  isLoopback,
  profileAt,
  reachText,
  readHost,
  readNumber,
  readPort,
  readWhole,
} from './share-draft.ts';

const SHARE = {
  port: 8000,
  listeners: [
    { port: 8001, profile: 'lablink' as const },
    { port: 8003, profile: 'neurograph' as const },
  ],
};

test('addresses of this machine alone', () => {
  for (const host of ['127.0.0.1', '127.1.2.3', 'localhost', '::1']) expect(isLoopback(host), host).toBe(true);
  for (const host of ['0.0.0.0', '10.0.0.4', '::', 'bench.lab', '127.evil.example'])
    expect(isLoopback(host), host).toBe(false);
});

test('a port is a number of the contract that no other listener has; its own is fine', () => {
  expect(readPort(' 8002 ', SHARE, 'main')).toEqual({ ok: true, value: 8002 });
  expect(readPort('8000', SHARE, 'main')).toEqual({ ok: true, value: 8000 });
  expect(readPort('8001', SHARE, 0)).toEqual({ ok: true, value: 8001 });
  for (const [text, own] of [
    ['8001', 'main'],
    ['8000', 0],
    ['8003', 0],
    ['0', 'main'],
    ['65536', 'main'],
    ['80a', 'main'],
    ['', 'main'],
    ['1e3', 'main'],
  ] as const)
    expect(readPort(text, SHARE, own).ok, text).toBe(false);
});

test('a new listener gets a port that is free, also at the end of the range', () => {
  expect(freePort(SHARE)).toBe(8002);
  expect(freePort({ port: 65_535, listeners: [{ port: 65_534, profile: 'native' }] })).toBe(65_533);
});

test('what is read as an address, the contract takes', () => {
  for (const text of ['0.0.0.0', ' ::1 ', 'bench-3.lab']) {
    const read = readHost(text);
    expect(read.ok && shareSettings.shape.host.safeParse(read.value).success, text).toBe(true);
  }
  expect(readHost('[fd00::2]')).toEqual({ ok: true, value: 'fd00::2' });
  for (const text of [
    '',
    'http://bench',
    'bench/x',
    'a b',
    'bench:8000',
    '127.0.0.1:8000',
    '[bench]x',
    'x'.repeat(254),
  ])
    expect(readHost(text).ok, text).toBe(false);
});

test('an address says by its port what it speaks, also where the port is not written', () => {
  expect(profileAt('https://10.0.0.4:8003', SHARE)).toBe('neurograph');
  expect(profileAt('https://[fd00::2]:8000', SHARE)).toBe('native');
  expect(profileAt('https://10.0.0.4', { port: 8000, listeners: [{ port: 443, profile: 'lablink' }] })).toBe('lablink');
});

test('limits are whole numbers between their ends', () => {
  expect(readWhole('10 000', 16, 100_000)).toEqual({ ok: true, value: 10_000 });
  for (const text of ['15', '100001', '1.5', '', 'x']) expect(readWhole(text, 16, 100_000).ok, text).toBe(false);
});

test('a number of the settings of LabLink has the limits of its schema', () => {
  const { compression, recording } = lablinkSettings.shape;
  expect(readNumber('9', compression.shape.level)).toEqual({ ok: true, value: 9 });
  expect(readNumber('0.5', recording.shape.maxSizeMb)).toEqual({ ok: true, value: 0.5 });
  for (const text of ['10', '1.5', '', 'x', 'Infinity'])
    expect(readNumber(text, compression.shape.level)).toEqual({ ok: false, reason: '1 … 9, whole.' });
  expect(readNumber('0', recording.shape.maxSizeMb)).toEqual({ ok: false, reason: '0.01 … 10000.' });
});

test('beyond this machine a certificate is missing until it is given', () => {
  const tls = { cert: '/c.pem', key: '/k.pem' };
  expect(reachText({ host: '127.0.0.1', tls: null }).isMissing).toBe(false);
  expect(reachText({ host: '0.0.0.0', tls: null })).toMatchObject({ isMissing: true });
  expect(reachText({ host: '10.0.0.4', tls }).text).toContain('10.0.0.4');
  expect(reachText({ host: '0.0.0.0', tls }).isMissing).toBe(false);
});
