import { LabError } from '../../core/errors.ts';

/**
 * `i16d-rice`: columns of int16 codes as differences in Rice code, a tenth of their JSON for smooth signals. Bits, most significant first:
 *
 *     16 first code
 *     then per block of 64 differences (the last one shorter):
 *        4 k
 *        each difference, modulo 2^16, zigzag (0 -1 1 -2 … → 0 1 2 3 …) to u:
 *           u >> k < 24:   that many ones, a zero, k low bits of u
 *           else:          24 ones, 16 bits of u
 *     zeros up to the next byte
 *
 * The number of codes stands outside. A code costs at least a bit, so n codes need n / 8 bytes: nothing here can blow up.
 */
const BLOCK = 64;
const MAX_ONES = 24;

/** Most bytes `n` codes can take. */
export function riceBound(n: number): number {
  if (n === 0) return 0;
  return Math.ceil((16 + Math.ceil((n - 1) / BLOCK) * 4 + (n - 1) * (MAX_ONES + 16)) / 8);
}

/** Writes the codes at `at`; gives the number of bytes. There must be `riceBound` of room. */
export function encodeRice(codes: Int16Array, into: Uint8Array, at: number): number {
  if (codes.length === 0) return 0;
  const bits = new BitWriter(into, at);
  let previous = codes[0] as number;
  bits.put(previous & 0xffff, 16);
  const block = new Uint16Array(BLOCK);
  for (let start = 1; start < codes.length; start += BLOCK) {
    const count = Math.min(BLOCK, codes.length - start);
    for (let i = 0; i < count; i++) {
      const code = codes[start + i] as number;
      const difference = ((code - previous) << 16) >> 16;
      block[i] = (difference << 1) ^ (difference >> 31);
      previous = code;
    }
    const k = bestK(block, count);
    bits.put(k, 4);
    for (let i = 0; i < count; i++) {
      const u = block[i] as number;
      const ones = u >> k;
      if (ones >= MAX_ONES) {
        bits.put(0xff_ffff, MAX_ONES);
        bits.put(u, 16);
      } else {
        bits.put(2 ** (ones + 1) - 2, ones + 1);
        bits.put(u & ((1 << k) - 1), k);
      }
    }
  }
  return bits.end() - at;
}

/**
 * Reads `codes.length` codes from `bytes` at `at`; gives the number of bytes they took. Throws `protocol.malformed` if they end before.
 */
export function decodeRice(bytes: Uint8Array, at: number, codes: Int16Array): number {
  const n = codes.length;
  if (n === 0) return 0;
  const end = bytes.length * 8;
  let bit = at * 8;
  let code = (peek(bytes, bit) >> 16) | 0;
  bit += 16;
  codes[0] = code;
  let start = 1;
  for (; start < n && bit < end; start += BLOCK) {
    const stop = Math.min(n, start + BLOCK);
    const k = peek(bytes, bit) >>> 28;
    bit += 4;
    for (let i = start; i < stop; i++) {
      const ones = Math.clz32(~peek(bytes, bit));
      let u: number;
      if (ones >= MAX_ONES) {
        u = peek(bytes, bit + MAX_ONES) >>> 16;
        bit += MAX_ONES + 16;
      } else {
        bit += ones + 1;
        u = (ones << k) | (k === 0 ? 0 : peek(bytes, bit) >>> (32 - k));
        bit += k;
      }
      code = ((code + ((u >>> 1) ^ -(u & 1))) << 16) >> 16;
      codes[i] = code;
    }
  }
  if (bit > end || start < n)
    throw new LabError(
      'protocol.malformed',
      `A column of ${n} packed values ends after ${bytes.length - at} bytes. These rows are left out; the numbering shows them as lost.`,
      { n, bytes: bytes.length - at },
    );
  return ((bit + 7) >> 3) - at;
}

/** 32 bits at a bit position; beyond the end they are zeros. */
function peek(bytes: Uint8Array, bit: number): number {
  const index = bit >>> 3;
  const shift = bit & 7;
  const word =
    ((bytes[index] as number) << 24) |
    ((bytes[index + 1] as number) << 16) |
    ((bytes[index + 2] as number) << 8) |
    (bytes[index + 3] as number);
  return shift === 0 ? word : (word << shift) | ((bytes[index + 4] as number) >>> (8 - shift));
}

/** The k with the fewest bits for a block. */
function bestK(block: Uint16Array, count: number): number {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let k = 0; k < 16; k++) {
    let cost = 0;
    for (let i = 0; i < count; i++) {
      const ones = (block[i] as number) >> k;
      cost += ones >= MAX_ONES ? MAX_ONES + 16 : ones + 1 + k;
    }
    if (cost >= least) continue;
    least = cost;
    best = k;
  }
  return best;
}

class BitWriter {
  readonly #into: Uint8Array;
  #at: number;
  #held = 0;
  #bits = 0;

  constructor(into: Uint8Array, at: number) {
    this.#into = into;
    this.#at = at;
  }

  /** At most 24 bits. */
  put(value: number, count: number): void {
    this.#held = count === 0 ? this.#held : (this.#held << count) | value;
    this.#bits += count;
    this.#drain();
  }

  #drain(): void {
    while (this.#bits >= 8) {
      this.#bits -= 8;
      this.#into[this.#at++] = (this.#held >>> this.#bits) & 0xff;
    }
    this.#held &= (1 << this.#bits) - 1;
  }

  /** Fills the last byte; gives the position after it. */
  end(): number {
    if (this.#bits > 0) this.#into[this.#at++] = (this.#held << (8 - this.#bits)) & 0xff;
    this.#bits = 0;
    return this.#at;
  }
}
