import type { SerialOptions } from '../serial-options.ts';
import type { Stop } from './stop.ts';

/** Above this rate the silences have fixed times (MODBUS over Serial Line 2.5.1.1). */
const FIXED_ABOVE_BAUD = 19_200;
const FIXED_SILENCE_MS = 1.75;
const SILENT_CHARACTERS = 3.5;
/** The longest frame: what is still to come of one that has begun. */
const FRAME_CHARACTERS = 256;

export interface SilenceTimes {
  /** What one character takes on the wire, ms. */
  characterMs: number;
  /** Silence before a frame, ms; 0: none. */
  silenceMs: number;
  /** Longest wait for it, ms: on a wire with noise there is none. */
  boundMs: number;
}

/** Times of a line with these settings. */
export function silenceTimes(
  { baudRate = 9600, dataBits = 8, stopBits = 1, parity = 'none' }: SerialOptions,
  { silenceMs, silenceBoundMs }: { silenceMs: number | undefined; silenceBoundMs: number },
): SilenceTimes {
  const characterMs = ((1 + dataBits + (parity === 'none' ? 0 : 1) + stopBits) * 1000) / baudRate;
  const ofRate = baudRate > FIXED_ABOVE_BAUD ? FIXED_SILENCE_MS : SILENT_CHARACTERS * characterMs;
  return {
    characterMs,
    silenceMs: silenceMs ?? ofRate,
    boundMs: Math.min(silenceBoundMs, FRAME_CHARACTERS * characterMs + ofRate),
  };
}

/**
 * When a frame may begin: 3.5 characters after the last byte either way (MODBUS over Serial Line 2.5.1.1). Devices that hear two frames without the
 * silence take them for one and drop both; on RS-485 a frame sent into an answer destroys both.
 */
export class LineSilence {
  readonly #times: SilenceTimes;
  /** When the last byte either way is over, by performance.now. */
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(times: SilenceTimes) {
    this.#times = times;
  }

  /** So many bytes are handed to the system; they are on the wire for some time yet. */
  sent(bytes: number): void {
    this.#lastMs = Math.max(this.#lastMs, performance.now()) + bytes * this.#times.characterMs;
  }

  heard(): void {
    this.#lastMs = performance.now();
  }

  /** 0: a frame may begin now. */
  get leftMs(): number {
    return Math.max(0, this.#lastMs + this.#times.silenceMs - performance.now());
  }

  /** Resolves when a frame may begin, or the longest wait is over. Rejects with the reason of the stop. */
  wait(stop: Stop): Promise<void> {
    const endMs = performance.now() + this.#times.boundMs;
    return new Promise((resolve, reject) => {
      let timer: ReturnType<typeof setTimeout>;
      const look = (): void => {
        const waitMs = Math.min(this.leftMs, endMs - performance.now());
        if (waitMs > 0) {
          timer = setTimeout(look, Math.ceil(waitMs));
          return;
        }
        stop.listen(undefined);
        resolve();
      };
      stop.listen((reason) => {
        clearTimeout(timer);
        reject(reason);
      });
      look();
    });
  }
}
