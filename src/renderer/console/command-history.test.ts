import { expect, test } from 'vitest';
import { addToHistory, completions } from './command-history.ts';

const COMMANDS = [':MEASure:VOLTage?', ':MEASure:CURRent?', ':MEMory:STATe', '*IDN?', '*CLS'];

test.each([
  [':m', [':MEASure:VOLTage?', ':MEASure:CURRent?', ':MEMory:STATe']],
  ['meas:v', [':MEASure:VOLTage?']],
  ['*i', ['*IDN?']],
  ['*IDN?', []],
  ['measure:voltage?', []],
  ['', []],
  ['meas:volt 5', []],
  ['x', []],
])('%j is completed to %j', (typed, expected) => expect(completions(COMMANDS, typed)).toEqual(expected));

test('completions are bounded', () => {
  const many = Array.from({ length: 100 }, (_, index) => `:A${index}`);
  expect(completions(many, ':a')).toHaveLength(8);
});

test('history keeps no repeats in a row and no more than 200', () => {
  expect(addToHistory(['a'], 'a')).toEqual(['a']);
  expect(addToHistory(['a'], 'b')).toEqual(['a', 'b']);
  const long = Array.from({ length: 300 }, (_, index) => String(index)).reduce<string[]>(addToHistory, []);
  expect(long).toHaveLength(200);
  expect(long.at(-1)).toBe('299');
});
