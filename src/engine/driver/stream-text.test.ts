import { describe, expect, it } from 'vitest';
import { openTextReader } from './stream-text.ts';

describe('text stream', () => {
  it('takes 9.9E37 for overload and 9.91E37 for missing', () => {
    const rows: number[][] = [];
    const setup = { columns: [{ channel: 'a', unit: 'V' }], rateHz: 10 } as Parameters<typeof openTextReader>[0];
    const reader = openTextReader(setup, (piece) => rows.push([...(piece.columns[0]?.subarray(0, piece.rows) ?? [])]));
    reader.push(new TextEncoder().encode('1.5\n9.9E37\n-9.9E37\n9.91E37\n9.8e36\n'), 0n);
    expect(rows.flat()).toEqual([1.5, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 9.8e36]);
  });
});
