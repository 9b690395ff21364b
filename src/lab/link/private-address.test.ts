import { expect, test } from 'vitest';
import { isNearHost, tcpTarget } from './private-address.ts';

test.each([
  'localhost',
  '127.0.0.1',
  '127.9.9.9',
  '10.1.2.3',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.5',
  '169.254.7.7',
  '::1',
  '[::1]',
  'fe80::1',
  'fd00::5',
  '::ffff:192.168.1.5',
  '::ffff:7f00:1',
  '::ffff:c0a8:105',
  'scope.local',
  'LABPC',
])('near: %s', (host) => expect(isNearHost(host)).toBe(true));

test.each([
  '8.8.8.8',
  '172.32.0.1',
  '172.15.0.1',
  '192.169.0.1',
  '11.0.0.1',
  '2001:db8::1',
  '::ffff:8.8.8.8',
  '::ffff:808:808',
  'lab.example.org',
  '127.0.0.1.example.org',
  '10.example.org',
])('far: %s', (host) => expect(isNearHost(host)).toBe(false));

test('host and port of a URL', () => {
  expect(tcpTarget('ws://127.0.0.1:8000/ws?token=x')).toEqual({ host: '127.0.0.1', port: 8000 });
  expect(tcpTarget('ws://[::1]/ws')).toEqual({ host: '::1', port: 80 });
  expect(tcpTarget('wss://lab.local/ws')).toEqual({ host: 'lab.local', port: 443 });
  expect(tcpTarget('')).toBeUndefined();
});
