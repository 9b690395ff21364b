import { type Circuit, RIPPLE_HZ, ripple } from '../circuit.ts';
import type { Random } from '../random.ts';
import { DAQ_CHANNELS } from './daq-channel.ts';

/** Makes the codes of consecutive rows: `into` channel by channel, `rows` of channel 0, then `rows` of channel 1, … */
export interface Signal {
  /** Called once before the rows up to now are made: looks at the circuit. */
  look(rows: number): void;
  fill(into: Int16Array, at: number, firstRow: number, rows: number, channels: number): void;
}

/**
 * SIGNal RAMP: a function of row and channel alone, so that whoever receives it can check every sample without a record of what was sent:
 *
 *     code = ((row * (2 * channel + 1) + 4096 * channel) mod 65536) - 32768        channel from 0
 */
export function rampCode(row: number, channel: number): number {
  return (((row % 65_536) * (2 * channel + 1) + 4096 * channel) & 0xffff) - 32_768;
}

export function createRampSignal(): Signal {
  return {
    look: () => {},
    fill(into, at, firstRow, rows, channels) {
      for (let channel = 0; channel < channels; channel++) {
        const step = 2 * channel + 1;
        const start = (firstRow % 65_536) * step + 4096 * channel;
        const base = at + channel * rows;
        for (let i = 0; i < rows; i++) into[base + i] = ((start + i * step) & 0xffff) - 32_768;
      }
    },
  };
}

const NOISE = 65_536;
const RIPPLE_BITS = 10;

/**
 * SIGNal CIRCuit: level + ripple + noise of each input. The level runs straight from one look at the circuit to the next (5 ms), ripple and
 * noise come out of tables: 3 ns a sample.
 */
export class CircuitSignal implements Signal {
  readonly #circuit: Circuit;
  readonly #random: Random;
  readonly #noise: Float32Array;
  readonly #ripple: Float32Array;
  readonly #rippleStep: number;
  readonly #from: Float64Array;
  readonly #to: Float64Array;
  #rippleV = 0;
  /** Rows between the two looks, and the first of them not yet made. */
  #span = 1;
  #made = 0;

  constructor(circuit: Circuit, random: Random, rateHz: number) {
    this.#circuit = circuit;
    this.#random = random;
    this.#noise = Float32Array.from({ length: NOISE }, () => random.gaussian());
    this.#ripple = Float32Array.from({ length: 1 << RIPPLE_BITS }, (_, i) =>
      ripple(i / (1 << RIPPLE_BITS) / RIPPLE_HZ),
    );
    // Phase in 2^32 parts of a turn; multiplying it by the row number wraps by itself.
    this.#rippleStep = Math.round((RIPPLE_HZ / rateHz) * 2 ** 32) | 0;
    this.#from = new Float64Array(DAQ_CHANNELS.length);
    this.#to = new Float64Array(DAQ_CHANNELS.length);
    this.#read();
  }

  look(rows: number): void {
    this.#from.set(this.#to);
    this.#read();
    this.#span = Math.max(1, rows);
    this.#made = 0;
  }

  fill(into: Int16Array, at: number, firstRow: number, rows: number, channels: number): void {
    for (let index = 0; index < channels; index++) {
      const channel = DAQ_CHANNELS[index];
      if (!channel) return;
      const step = ((this.#to[index] ?? 0) - (this.#from[index] ?? 0)) / this.#span;
      const first = (this.#from[index] ?? 0) + step * this.#made;
      const amplitude = (channel.ripple * this.#rippleV) / channel.scale;
      this.#fillChannel(into, at + index * rows, firstRow, rows, first, step, amplitude, channel.noise);
    }
    this.#made += rows;
  }

  #fillChannel(
    into: Int16Array,
    at: number,
    firstRow: number,
    rows: number,
    first: number,
    step: number,
    amplitude: number,
    sigma: number,
  ): void {
    const noise = this.#noise;
    const table = this.#ripple;
    const from = this.#random.integer(NOISE);
    let phase = Math.imul(firstRow, this.#rippleStep);
    for (let i = 0; i < rows; i++) {
      const wave = amplitude * (table[phase >>> (32 - RIPPLE_BITS)] as number);
      const code = first + step * i + wave + sigma * (noise[(from + i) & (NOISE - 1)] as number);
      // Rounded by truncating a positive number: Math.round costs as much as all the rest.
      into[at + i] = code >= 32_767 ? 32_767 : code <= -32_768 ? -32_768 : ((code + 32_768.5) | 0) - 32_768;
      phase = (phase + this.#rippleStep) | 0;
    }
  }

  #read(): void {
    const state = this.#circuit.advance();
    this.#rippleV = state.rippleV;
    for (const [index, channel] of DAQ_CHANNELS.entries()) {
      this.#to[index] = (channel.level(state) - channel.offset) / channel.scale;
    }
  }
}
