import type { Clock } from '../../core/clock.ts';
import type { Circuit } from '../circuit.ts';
import type { Random } from '../random.ts';
import { type ChannelSettings, digitize, type Frame, findTrigger, PROBES } from '../scope-acquisition.ts';

const POINTS = 1200;

/**
 * The acquisition of a scope of any dialect: channels on the probes of the bench, one frame of one trigger at a time. What a dialect makes of
 * a frame (codes, preamble) is its own.
 *
 *     stop ──run──▶ running ──┐ a frame whenever somebody looks
 *      ▲               └──────┘
 *      └── stop, single (with its frame)
 */
export class SimulatedScope {
  readonly timebase = { scale: 1e-3, offset: 0 };
  readonly trigger = { source: 1, level: 0 };
  readonly divisions: number;
  readonly #circuit: Circuit;
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #channels: ChannelSettings[] = [];
  #isRunning = true;
  #frame: Frame | undefined;

  constructor(channels: number, divisions: number, bench: { circuit: Circuit; random: Random; clock: Clock }) {
    this.divisions = divisions;
    this.#circuit = bench.circuit;
    this.#random = bench.random;
    this.#clock = bench.clock;
    for (let n = 1; n <= channels; n++) this.#channels.push({ on: n === 1, scale: 1, offset: 0, coupling: 'DC' });
  }

  channel(n: number): ChannelSettings | undefined {
    return this.#channels[n - 1];
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Samples of a frame. */
  get recordLength(): number {
    return POINTS;
  }

  /** `auto` or `stop`. */
  state(): string {
    return this.#isRunning ? 'auto' : 'stop';
  }

  /** `run`, `stop` or `single`. */
  run(how: string): void {
    this.frame();
    this.#isRunning = how === 'run';
    if (how === 'single') this.#frame = this.#take();
  }

  /** A setting moved: a running scope takes a new frame, a stopped one keeps what it has. */
  changed(): void {
    if (this.#isRunning) this.#frame = undefined;
  }

  /** The newest frame; of a stopped scope the last. */
  frame(): Frame | undefined {
    const nowS = this.#clock.monotonicMs() / 1000;
    const isOld = !this.#frame || nowS - this.#frame.endS > Math.max(0.03, this.timebase.scale * this.divisions);
    if (this.#isRunning && isOld) this.#frame = this.#take();
    return this.#frame;
  }

  reset(): void {
    Object.assign(this.timebase, { scale: 1e-3, offset: 0 });
    Object.assign(this.trigger, { source: 1, level: 0 });
    for (const [index, one] of this.#channels.entries()) {
      Object.assign(one, { on: index === 0, scale: 1, offset: 0, coupling: 'DC' });
    }
    this.#isRunning = true;
    this.#frame = undefined;
  }

  #take(): Frame {
    const spanS = this.timebase.scale * this.divisions;
    const beforeS = spanS / 2 - this.timebase.offset;
    this.#circuit.advance();
    const latestS = this.#circuit.knownS - (spanS - beforeS);
    const probe = PROBES[(this.trigger.source - 1) % PROBES.length];
    const fromS = latestS - Math.max(spanS, 1e-3);
    const crossing = probe && findTrigger(this.#circuit, probe, this.trigger.level, 'POSitive', fromS, latestS);
    const triggerS = crossing ?? latestS;
    const stepS = spanS / POINTS;
    const samples = new Map<number, Float64Array>();
    for (const [index, { on, coupling }] of this.#channels.entries()) {
      const tip = PROBES[index % PROBES.length];
      if (!on || !tip) continue;
      const startS = triggerS - beforeS;
      samples.set(index + 1, digitize(this.#circuit, this.#random, tip, coupling, startS, stepS, POINTS));
    }
    return { stepS, startS: -beforeS, endS: triggerS - beforeS + spanS, samples };
  }
}
