import { expect, it } from 'vitest';
import { ByteQueue } from '../core/byte-queue.ts';
import { startsPicture, wholePicture } from './picture.ts';

/** A BMP of 60 bytes, and the smallest PNG chunk sequence: IHDR and IEND. */
const bmp = new Uint8Array(60);
bmp.set([0x42, 0x4d, 60, 0, 0, 0]);
const png = Uint8Array.from([
  ...[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
  ...[0, 0, 0, 2, 0x49, 0x48, 0x44, 0x52, 1, 10, 0, 0, 0, 0],
  ...[0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82],
]);

it.each([
  ['BMP', bmp],
  ['PNG', png],
])('finds the end of a %s byte by byte, whatever follows', (_, file) => {
  const queue = new ByteQueue();
  for (const [index, byte] of file.entries()) {
    queue.push(Uint8Array.of(byte));
    expect(wholePicture(queue)).toBe(index + 1 < file.length ? undefined : file.length);
  }
  expect(startsPicture(queue)).toBe(true);
  queue.push(Uint8Array.of(10, 10));
  expect(wholePicture(queue)).toBe(file.length);
});

it('refuses lengths that cannot be', () => {
  const queue = new ByteQueue();
  queue.push(Uint8Array.of(0x42, 0x4d, 5, 0, 0, 0));
  expect(() => wholePicture(queue)).toThrowError(expect.objectContaining({ code: 'protocol.malformed' }));
  queue.clear();
  queue.push(Uint8Array.of(0x42, 0x4d, 0, 0, 0, 255));
  expect(() => wholePicture(queue)).toThrowError(expect.objectContaining({ code: 'protocol.too-long' }));
});

it('takes no text for a picture', () => {
  const queue = new ByteQueue();
  queue.push(new TextEncoder().encode('#9000000001x'));
  expect(startsPicture(queue)).toBe(false);
});
