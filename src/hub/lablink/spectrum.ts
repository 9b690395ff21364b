/** Windows a spectrum may be taken with. */
export const WINDOWS = ['hann', 'hamming', 'blackman', 'rectangular'] as const;
export type WindowName = (typeof WINDOWS)[number];

export interface Spectrum {
  /** Hz. */
  frequencies: number[];
  /** Amplitude in the unit of the values; of 0 Hz the mean. */
  magnitudes: number[];
  phases: number[];
  dominant_frequency: number;
  fundamental_amplitude: number;
  thd_percent: number | null;
  snr_db: number | null;
}

/** Longest row that is taken: 2^15 samples need some ten ms. */
export const MAX_SPECTRUM = 32_768;

const HARMONICS = 5;
/** Bins a tone spreads over to each side, of the widest window. */
const LOBE = 3;

/** Spectrum of the newest 2^n values, taken `rateHz` times a second; undefined: fewer than two. */
export function spectrumOf(values: Float64Array, rateHz: number, window: WindowName): Spectrum | undefined {
  const length = 2 ** Math.floor(Math.log2(Math.min(values.length, MAX_SPECTRUM)));
  if (values.length < 2 || length < 2) return undefined;
  const part = values.subarray(values.length - length);
  const weights = Float64Array.from(part, (_, index) => weightOf(window, index, length));
  const gain = weights.reduce((sum, weight) => sum + weight, 0);
  // Beside a window the mean would look like a slow oscillation.
  const average = part.reduce((sum, value) => sum + value, 0) / length;
  const real = part.map((value, index) => (value - average) * (weights[index] ?? 0));
  const imaginary = new Float64Array(length);
  transform(real, imaginary);
  const bins = length / 2;
  const magnitudes = Array.from({ length: bins }, (_, bin) => {
    const amplitude = Math.hypot(real[bin] ?? 0, imaginary[bin] ?? 0) / gain;
    return bin === 0 ? Math.abs(average) : 2 * amplitude;
  });
  const phases = Array.from({ length: bins }, (_, bin) => Math.atan2(imaginary[bin] ?? 0, real[bin] ?? 0));
  const frequencies = Array.from({ length: bins }, (_, bin) => (bin * rateHz) / length);
  // The mean is no oscillation.
  const dominant = magnitudes.reduce(
    (best, value, bin) => (bin > 0 && value > (magnitudes[best] ?? 0) ? bin : best),
    1,
  );
  const fundamental = magnitudes[dominant] ?? 0;
  let harmonics = 0;
  for (let number = 2; number <= HARMONICS && dominant * number < bins; number++)
    harmonics += (magnitudes[dominant * number] ?? 0) ** 2;
  const rest = magnitudes.reduce(
    (sum, value, bin) => (bin > 0 && Math.abs(bin - dominant) > LOBE ? sum + value ** 2 : sum),
    0,
  );
  return {
    frequencies,
    magnitudes,
    phases,
    dominant_frequency: frequencies[dominant] ?? 0,
    fundamental_amplitude: fundamental,
    thd_percent: fundamental > 0 ? (Math.sqrt(harmonics) / fundamental) * 100 : null,
    snr_db: fundamental > 0 && rest > 0 ? 10 * Math.log10(fundamental ** 2 / rest) : null,
  };
}

function weightOf(window: WindowName, index: number, length: number): number {
  const turn = (2 * Math.PI * index) / length;
  switch (window) {
    case 'hann':
      return 0.5 - 0.5 * Math.cos(turn);
    case 'hamming':
      return 0.54 - 0.46 * Math.cos(turn);
    case 'blackman':
      return 0.42 - 0.5 * Math.cos(turn) + 0.08 * Math.cos(2 * turn);
    case 'rectangular':
      return 1;
  }
}

/** Fast Fourier transform in place (Cooley and Tukey, radix 2); the length is a power of two. */
function transform(real: Float64Array, imaginary: Float64Array): void {
  const length = real.length;
  for (let index = 1, mirrored = 0; index < length; index++) {
    let bit = length >> 1;
    for (; mirrored & bit; bit >>= 1) mirrored ^= bit;
    mirrored ^= bit;
    if (index < mirrored) {
      swap(real, index, mirrored);
      swap(imaginary, index, mirrored);
    }
  }
  for (let size = 2; size <= length; size *= 2) {
    for (let begin = 0; begin < length; begin += size) {
      for (let index = 0; index < size / 2; index++) {
        const angle = (-2 * Math.PI * index) / size;
        const even = begin + index;
        const odd = even + size / 2;
        const re = (real[odd] ?? 0) * Math.cos(angle) - (imaginary[odd] ?? 0) * Math.sin(angle);
        const im = (real[odd] ?? 0) * Math.sin(angle) + (imaginary[odd] ?? 0) * Math.cos(angle);
        real[odd] = (real[even] ?? 0) - re;
        imaginary[odd] = (imaginary[even] ?? 0) - im;
        real[even] = (real[even] ?? 0) + re;
        imaginary[even] = (imaginary[even] ?? 0) + im;
      }
    }
  }
}

function swap(values: Float64Array, one: number, other: number): void {
  const held = values[one] ?? 0;
  values[one] = values[other] ?? 0;
  values[other] = held;
}
