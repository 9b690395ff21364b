import { expect, test } from 'vitest';
import { serverOfBench } from './server-of-bench.ts';

/** `labwire server X --remove` takes off the one server X names, or none. */
const SERVERS = [
  { id: 'a1', url: 'http://10.0.0.11:8000', label: 'Bench 1' },
  { id: 'a2', url: 'http://10.0.0.1:8000', label: 'Bench 2' },
  { id: 'a3', url: 'http://lab:8000/ws', label: 'Twin' },
  { id: 'a4', url: 'https://lab:8443', label: 'Twin' },
  { id: 'a5', url: 'http://[::1]:8000', label: '10.0.0.1:80' },
];

test.each([
  ['10.0.0.1', 'a2'],
  ['10.0.0.11', 'a1'],
  ['10.0.0.1:8000', 'a2'],
  ['http://10.0.0.1:8000', 'a2'],
  ['http://10.0.0.1:8000/', 'a2'],
  ['ws://10.0.0.1:8000/ws?token=x', 'a2'],
  ['LAB:8000', 'a3'],
  ['lab:8443', 'a4'],
  ['https://lab:8443', 'a4'],
  ['[::1]', 'a5'],
  ['[::1]:8000', 'a5'],
  ['Bench 1', 'a1'],
  ['a4', 'a4'],
])('%s is that one', (wanted, id) => {
  expect(serverOfBench(SERVERS, wanted)?.id).toBe(id);
});

test.each(['10.0.0', '0.0.1', '10.0.0.1:800', 'http://10.0.0.1', 'http', 'Bench', '8000', '', 'a'])(
  '“%s” is none, though it stands in one',
  (wanted) => {
    expect(serverOfBench(SERVERS, wanted)).toBeUndefined();
  },
);

test.each(['Twin', 'lab'])('two fit %s: refused with both, so that one can be named', (wanted) => {
  expect(() => serverOfBench(SERVERS, wanted)).toThrow(
    /^2 lab servers of the bench fit that: Twin http:\/\/lab:8000\/ws \(a3\), Twin https:\/\/lab:8443 \(a4\)\. Nothing was changed\./,
  );
});
