const TWO_32 = 2 ** 32;
/** `NaT` of NumPy: a time that is not there. */
export const NO_TIME = -(2n ** 63n);

/**
 * Writes times as int64 ns since 1970 from position `at` on: base + offset, offsets being whole ns (NaN: `NO_TIME`). Without a BigInt per row.
 */
export function layTimes(
  target: BigInt64Array,
  at: number,
  baseNs: bigint,
  offsetsNs: ArrayLike<number>,
  count: number,
): void {
  const words = new Uint32Array(target.buffer, target.byteOffset, target.length * 2);
  const low = Number(BigInt.asUintN(32, baseNs));
  const high = Number(baseNs >> 32n);
  for (let row = 0; row < count; row++) {
    const offset = offsetsNs[row] as number;
    const to = (at + row) * 2;
    if (Number.isNaN(offset)) {
      target[at + row] = NO_TIME;
      continue;
    }
    const above = Math.floor(offset / TWO_32);
    const sum = low + (offset - above * TWO_32);
    words[to] = sum;
    words[to + 1] = high + above + (sum >= TWO_32 ? 1 : 0);
  }
}
