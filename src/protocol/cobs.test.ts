import { expect, test } from 'vitest';
import { cobsBound, decodeCobs, encodeCobs } from './cobs.ts';

function encode(bytes: number[]): number[] {
  const target = new Uint8Array(cobsBound(bytes.length));
  return [...target.subarray(0, encodeCobs(Uint8Array.from(bytes), bytes.length, target))];
}

function decode(bytes: number[]): number[] | undefined {
  const target = new Uint8Array(bytes.length);
  const length = decodeCobs(Uint8Array.from(bytes), 0, bytes.length, target);
  return length < 0 ? undefined : [...target.subarray(0, length)];
}

const run = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

// The examples of the paper and of its Wikipedia article.
const GOLDEN: [number[], number[]][] = [
  [[0], [1, 1]],
  [
    [0, 0],
    [1, 1, 1],
  ],
  [
    [0, 0x11, 0],
    [1, 2, 0x11, 1],
  ],
  [
    [0x11, 0x22, 0, 0x33],
    [3, 0x11, 0x22, 2, 0x33],
  ],
  [
    [0x11, 0x22, 0x33, 0x44],
    [5, 0x11, 0x22, 0x33, 0x44],
  ],
  [
    [0x11, 0, 0, 0],
    [2, 0x11, 1, 1, 1],
  ],
  [run(1, 254), [255, ...run(1, 254)]],
  [
    [0, ...run(1, 254)],
    [1, 255, ...run(1, 254)],
  ],
  [run(1, 255), [255, ...run(1, 254), 2, 255]],
  [
    [...run(2, 255), 0],
    [255, ...run(2, 255), 1, 1],
  ],
  [
    [...run(3, 255), 0, 1],
    [254, ...run(3, 255), 2, 1],
  ],
];

test.each(GOLDEN)('golden vector %#', (plain, framed) => {
  expect(encode(plain)).toEqual(framed);
  expect(decode(framed)).toEqual(plain);
});

test('any bytes come back, none of the frame is zero', () => {
  let seed = 7;
  const next = () => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return seed / 4_294_967_296;
  };
  for (let round = 0; round < 500; round++) {
    const zeros = next();
    const plain = Array.from({ length: Math.floor(next() * 1200) }, () =>
      next() < zeros ? 0 : Math.floor(next() * 256),
    );
    const framed = encode(plain);
    expect(framed).not.toContain(0);
    expect(framed.length).toBeLessThanOrEqual(cobsBound(plain.length));
    expect(decode(framed)).toEqual(plain);
  }
});

test('decodes in place', () => {
  const framed = Uint8Array.from([3, 0x11, 0x22, 2, 0x33]);
  expect(decodeCobs(framed, 0, 5, framed)).toBe(4);
  expect([...framed.subarray(0, 4)]).toEqual([0x11, 0x22, 0, 0x33]);
});

test.each([[[5, 1]], [[0]], [[3, 1, 0]], [[2]]])('%j is no frame', (bytes) => {
  expect(decode(bytes)).toBeUndefined();
});

test('what does not fit is refused, not cut', () => {
  expect(decodeCobs(Uint8Array.from([4, 1, 2, 3]), 0, 4, new Uint8Array(2))).toBe(-1);
});
