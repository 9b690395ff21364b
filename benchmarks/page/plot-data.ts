import { encodeFrame } from '../../src/contract/frame-write.ts';
import type { FrameBlock } from '../../src/contract/frames.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import type { StreamInfo } from '../../src/core/stream-info.ts';

/** Size of every chart in the benchmark; CSS pixels. The plotting area is about 1,200 wide. */
export const CHART = { width: 1280, height: 460 };
/** Columns asked for, as the screen asks for 1,200 pixels. */
export const WIDTH = 1200;
export const STREAM = 1;
export const ORIGIN_NS = 1_700_000_000_000_000_000n;

/** Noise that costs little to make: the same for all charts. */
const noise = (() => {
  const random = seededRandom(3);
  return Float32Array.from({ length: 65_536 }, () => random.normal());
})();

/** Sample `row` of a channel: a slow wave with noise, each channel at its own height. */
export function sampleAt(channel: number, channels: number, row: number, rateHz: number): number {
  const wave = Math.sin((row / rateHz) * 1.7 + channel);
  return channel * (20 / channels) + wave * 0.6 + (noise[(row * 7 + channel * 977) & 65_535] as number) * 0.15;
}

/** All channels as columns, rows 0 to `rows`. */
export function makeRows(channels: number, rows: number, rateHz: number): Float32Array<ArrayBuffer>[] {
  return Array.from({ length: channels }, (_, channel) =>
    Float32Array.from({ length: rows }, (_row, row) => sampleAt(channel, channels, row, rateHz)),
  );
}

/** The stream of the benchmark. */
export function streamOf(channels: number, rateHz: number): StreamInfo {
  const columns = Array.from({ length: channels }, (_, index) => ({ channel: `ch${index + 1}`, unit: 'V' }));
  return { id: STREAM, key: 'bench/main', instrument: 'bench', epoch: 1, kind: 'regular', columns, rateHz };
}

/** Rows per column the engine would choose. */
export function columnRowsFor(windowS: number, rateHz: number): number {
  const perPixel = (windowS * rateHz) / WIDTH;
  return perPixel > 2 ? 2 ** Math.floor(Math.log2(perPixel)) : 1;
}

/**
 * Columns `from` to `to` of all channels as the engine sends them: one encoded frame. A column's extremes are those of 64 of its samples at
 * most (a million samples a second cannot be made in the page while it is measured).
 */
export function columnsFrame(channels: number, n: number, rateHz: number, from: number, to: number): ArrayBuffer {
  const length = to - from;
  const min: Float32Array<ArrayBuffer>[] = [];
  const max: Float32Array<ArrayBuffer>[] = [];
  const step = Math.max(1, n >> 6);
  for (let channel = 0; channel < channels; channel++) {
    const lows = new Float32Array(length);
    const highs = new Float32Array(length);
    for (let index = 0; index < length; index++) {
      let low = Number.POSITIVE_INFINITY;
      let high = Number.NEGATIVE_INFINITY;
      for (let row = (from + index) * n; row < (from + index + 1) * n; row += step) {
        const value = sampleAt(channel, channels, row, rateHz);
        if (value < low) low = value;
        if (value > high) high = value;
      }
      lows[index] = low;
      highs[index] = high;
    }
    min.push(lows);
    max.push(n === 1 ? lows : highs);
  }
  const block: FrameBlock = {
    kind: 'columns',
    id: 1,
    isReply: false,
    stream: STREAM,
    isRestart: false,
    channels: Array.from({ length: channels }, (_, index) => index),
    columns: {
      n,
      firstRow: from * n,
      rows: length * n,
      length,
      t0Ns: ORIGIN_NS + BigInt(Math.round(((from * n) / rateHz) * 1e9)),
      dtS: 1 / rateHz,
      timeS: undefined,
      min,
      max,
      flags: undefined,
      isAfterGap: false,
      isPartial: false,
    },
  };
  return encodeFrame({ number: 1, arrivedNs: ORIGIN_NS, blocks: [block] });
}
