import type { Clock } from '../../core/clock.ts';
import type { ControlValue } from '../../core/instrument.ts';
import type { ResolvedControl, ResolvedFunction } from '../../protocol/definition/resolved.ts';
import type { Circuit } from '../circuit.ts';
import type { Random } from '../random.ts';
import { meterValue } from './meter-value.ts';
import { initialValue } from './simulated-control.ts';

/** A range reads to a fifth beyond it. */
const MARGIN = 1.2;

/** The functions of a meter of any dialect: which is in force, its range and whatever else can be set of it. */
export class SimulatedMeter {
  readonly functions: readonly ResolvedFunction[];
  readonly #circuit: Circuit;
  readonly #random: Random;
  readonly #kept = new Map<ResolvedControl, ControlValue>();
  #selected: ResolvedFunction | undefined;

  constructor(functions: readonly ResolvedFunction[], bench: { circuit: Circuit; random: Random; clock: Clock }) {
    this.functions = functions;
    this.#circuit = bench.circuit;
    this.#random = bench.random;
    [this.#selected] = functions;
  }

  get selected(): ResolvedFunction | undefined {
    return this.#selected;
  }

  select(wanted: ResolvedFunction): void {
    this.#selected = wanted;
  }

  get(control: ResolvedControl): ControlValue {
    const kept = this.#kept.get(control);
    if (kept !== undefined) return kept;
    return control.kind === 'range' && control.auto ? 'auto' : initialValue(control);
  }

  set(control: ResolvedControl, value: ControlValue): void {
    this.#kept.set(control, value);
  }

  /** The range in force, as a choice: that chosen, or the smallest that holds the signal. */
  rangeOf(one: ResolvedFunction, control: ResolvedControl): string {
    const value = this.get(control);
    if (value !== 'auto') return String(value);
    const size = Math.abs(this.#signal(one));
    const place = one.ranges.findIndex((range) => size <= range * MARGIN);
    return (control.choices[place] ?? control.choices.at(-1))?.choice ?? '';
  }

  /** A reading of a function; ±Infinity beyond its range. */
  read(one: ResolvedFunction): number {
    const value = this.#signal(one);
    const control = one.controls.find(({ kind }) => kind === 'range');
    const chosen = control && this.get(control);
    const place = control?.choices.findIndex(({ choice }) => choice === chosen) ?? -1;
    const range = one.ranges[place];
    if (range !== undefined && Math.abs(value) > range * MARGIN) return value < 0 ? -Infinity : Infinity;
    return Number.isFinite(value) ? value + 1e-6 * Math.max(1e-3, Math.abs(value)) * this.#random.gaussian() : value;
  }

  reset(): void {
    this.#kept.clear();
    [this.#selected] = this.functions;
  }

  #signal({ channel }: ResolvedFunction): number {
    return meterValue(channel, this.#circuit.advance()) ?? 0;
  }
}
