import { expect, test } from 'vitest';
import { bytesOfBase64, hexRows } from './hex-dump.ts';

test('sixteen bytes a row, text beside them', () => {
  const bytes = Uint8Array.from({ length: 18 }, (_, index) => index + 0x3a);
  expect(hexRows(bytes)).toEqual([
    { offset: '000000', hex: '3a 3b 3c 3d 3e 3f 40 41  42 43 44 45 46 47 48 49', text: ':;<=>?@ABCDEFGHI' },
    { offset: '000010', hex: '4a 4b', text: 'JK' },
  ]);
  expect(hexRows(Uint8Array.of(0, 10, 0x7f, 0xff))).toEqual([{ offset: '000000', hex: '00 0a 7f ff', text: '····' }]);
  expect(hexRows(new Uint8Array(0))).toEqual([]);
});

test('base64 gives every byte back', () => {
  const all = Uint8Array.from({ length: 256 }, (_, index) => index);
  expect(bytesOfBase64(btoa(String.fromCharCode(...all)))).toEqual(all);
});
