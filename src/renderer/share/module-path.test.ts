import encodeQR from 'qr';
import decodeQR from 'qr/decode.js';
import { expect, test } from 'vitest';
import { modulePath } from './module-path.ts';

/** The path painted, and the code read as a telephone would. */
function readPath(path: string, size: number, scale: number): string {
  const width = size * scale;
  const data = new Uint8Array(width * width * 4).fill(255);
  for (const [, x, y, length] of path.matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g)) {
    for (let row = Number(y) * scale; row < (Number(y) + 1) * scale; row++)
      for (let column = Number(x) * scale; column < (Number(x) + Number(length)) * scale; column++)
        data.fill(0, (row * width + column) * 4, (row * width + column) * 4 + 3);
  }
  return decodeQR({ width, height: width, data });
}

test('runs of dark modules, row by row', () => {
  expect(
    modulePath([
      [true, true, false, true],
      [false, false, false, false],
      [false, true, true, true],
    ]),
  ).toBe('M0 0h2v1h-2zM3 0h1v1h-1zM1 2h3v1h-3z');
  expect(modulePath([])).toBe('');
});

test('what is drawn is read back', () => {
  for (const url of ['http://127.0.0.1:8000', 'https://bench-3.lab.example:8443']) {
    const modules = encodeQR(url, 'raw', { border: 4 });
    expect(readPath(modulePath(modules), modules.length, 4)).toBe(url);
  }
});
