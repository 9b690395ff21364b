import { describe, expect, test } from 'vitest';
import { LabError } from '../../core/errors.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import { parseTolerantJson, parseTolerantJsonBytes } from './tolerant-json.ts';

const codeOf = (call: () => unknown): string => {
  try {
    call();
  } catch (thrown) {
    if (thrown instanceof LabError) return thrown.code;
    throw thrown;
  }
  return 'no error';
};

describe('what JSON has not', () => {
  test('NaN, Infinity and −0 anywhere a value may stand', () => {
    expect(parseTolerantJson('{"ch1": NaN, "ch2": -Infinity, "list": [Infinity, -0.0, 1e3, "NaN"]}')).toEqual({
      ch1: Number.NaN,
      ch2: Number.NEGATIVE_INFINITY,
      list: [Number.POSITIVE_INFINITY, -0, 1000, 'NaN'],
    });
    expect(parseTolerantJson(' NaN ')).toBeNaN();
  });

  test('strings stay what they are, escapes and names of the language included', () => {
    const text = '{"a\\"b": "NaN \\u00e9 \\\\", "__proto__": {"x": NaN}, "constructor": 1}';
    const value = parseTolerantJson(text) as Record<string, unknown>;
    expect(Object.keys(value)).toEqual(['a"b', '__proto__', 'constructor']);
    expect(value['a"b']).toBe('NaN é \\');
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  test.each([
    '',
    '{',
    '[1,]',
    '{"a":}',
    '{a: NaN}',
    '[NaN',
    'NaNNaN',
    '"open NaN',
    '{"a" NaN}',
    '[+NaN]',
    '[1 NaN]',
    "['NaN']",
    '\u0000',
  ])('no JSON: %j', (text) => expect(codeOf(() => parseTolerantJson(text))).toBe('protocol.malformed'));
});

describe('limits', () => {
  test('depth: 64 is taken, 65 is not, brackets in strings do not count', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    expect(codeOf(() => parseTolerantJson(nested(64)))).toBe('no error');
    expect(codeOf(() => parseTolerantJson(nested(65)))).toBe('protocol.too-long');
    expect(codeOf(() => parseTolerantJson(nested(1_000_000)))).toBe('protocol.too-long');
    expect(parseTolerantJson(`"${'['.repeat(100)}\\"${'['.repeat(100)}"`)).toHaveLength(201);
  });

  test('length', () => {
    const limits = { maxLength: 10, maxDepth: 3 };
    expect(parseTolerantJson('[1,2,3,45]', limits)).toHaveLength(4);
    expect(codeOf(() => parseTolerantJson('[1,2,3,456]', limits))).toBe('protocol.too-long');
    expect(codeOf(() => parseTolerantJsonBytes(new Uint8Array(11), limits))).toBe('protocol.too-long');
  });

  test('bytes that are no UTF-8', () => {
    expect(parseTolerantJsonBytes(new TextEncoder().encode('{"é": 1}'))).toEqual({ é: 1 });
    expect(codeOf(() => parseTolerantJsonBytes(Uint8Array.of(0x22, 0xff, 0xfe, 0x22)))).toBe('protocol.malformed');
  });
});

test('a hundred thousand texts: what JSON.parse takes is the same, nothing else is thrown', () => {
  const random = seededRandom(7);
  const parts = [
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"a"',
    '"\\"',
    '"',
    '1',
    '-1.5e3',
    '0',
    'NaN',
    'Infinity',
    '-Infinity',
    'true',
    'null',
    ' ',
    '\\',
    'x',
  ];
  const value = (depth: number): unknown => {
    switch (random.below(depth > 4 ? 5 : 7)) {
      case 0:
        return random.below(1000) / 7;
      case 1:
        return `é"\\${String.fromCharCode(random.below(0x400))}`;
      case 2:
        return null;
      case 3:
        return random.below(2) > 0;
      case 4:
        return -random.below(10);
      case 5:
        return Array.from({ length: random.below(4) }, () => value(depth + 1));
      default:
        return Object.fromEntries(Array.from({ length: random.below(4) }, (_, n) => [`k${n}`, value(depth + 1)]));
    }
  };
  let taken = 0;
  for (let n = 0; n < 100_000; n++) {
    if (n % 4 === 0) {
      const right = value(0);
      const plain = JSON.stringify([right]);
      // With a NaN beside it the second reader is used: it must agree with the first.
      const second = parseTolerantJson(`[${plain.slice(1, -1)}, NaN]`) as unknown[];
      if (JSON.stringify(second[0]) !== JSON.stringify(right)) expect(second[0], plain).toEqual(right);
      continue;
    }
    const text = Array.from({ length: random.below(12) }, () => parts[random.below(parts.length)]).join('');
    let known: unknown;
    let isJson = true;
    try {
      known = JSON.parse(text);
    } catch {
      isJson = false;
    }
    const code = codeOf(() => {
      const parsed = parseTolerantJson(text);
      if (isJson && JSON.stringify(parsed) !== JSON.stringify(known)) throw new Error(text);
      taken++;
    });
    if (code !== 'protocol.malformed' && code !== 'no error') throw new Error(`${code}: ${text}`);
  }
  expect(taken).toBeGreaterThan(1000);
});
