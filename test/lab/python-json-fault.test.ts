import { expect, test } from 'vitest';
import { pythonJsonFault } from '../../src/protocol/lab/python-json-fault.ts';

test.each([
  // What Python 3.11 says of each.
  ['{]', 'Expecting property name enclosed in double quotes: line 1 column 2 (char 1)'],
  ['', 'Expecting value: line 1 column 1 (char 0)'],
  ['[1,]', 'Expecting value: line 1 column 4 (char 3)'],
  ['{"a":1,}', 'Expecting property name enclosed in double quotes: line 1 column 8 (char 7)'],
  ['{"a" 1}', "Expecting ':' delimiter: line 1 column 6 (char 5)"],
  ['{"a":}', 'Expecting value: line 1 column 6 (char 5)'],
  ['"abc', 'Unterminated string starting at: line 1 column 1 (char 0)'],
  ['[1 2]', "Expecting ',' delimiter: line 1 column 4 (char 3)"],
  ['{} x', 'Extra data: line 1 column 4 (char 3)'],
  ['"\\q"', 'Invalid \\escape: line 1 column 2 (char 1)'],
  ['"\\u12"', 'Invalid \\uXXXX escape: line 1 column 3 (char 2)'],
  ['"a\nb"', 'Invalid control character at: line 1 column 3 (char 2)'],
  ['nul', 'Expecting value: line 1 column 1 (char 0)'],
  ['01', 'Extra data: line 1 column 2 (char 1)'],
  ['[', 'Expecting value: line 1 column 2 (char 1)'],
  ['{"a"', "Expecting ':' delimiter: line 1 column 5 (char 4)"],
  ['\n\n  x', 'Expecting value: line 3 column 3 (char 4)'],
  ['1.', 'Extra data: line 1 column 2 (char 1)'],
  ['"é😀" x', 'Extra data: line 1 column 6 (char 5)'],
  ['"\\', 'Unterminated string starting at: line 1 column 1 (char 0)'],
])('%j: %s', (text, fault) => {
  expect(pythonJsonFault(text)).toBe(fault);
});

test('what Python takes has no fault', () => {
  for (const text of ['{}', ' [1, -2.5e3, NaN, -Infinity, null] ', '{"a": {"b": ["\\u00e9", "\\n"]}}', '"x"'])
    expect(pythonJsonFault(text)).toBeUndefined();
});
