import type { Clock } from '../../core/clock.ts';
import type { ControlValue } from '../../core/instrument.ts';
import type { FamilyDefinition } from '../../protocol/definition/definition-schema.ts';
import { resolveFamily } from '../../protocol/definition/resolve.ts';
import type {
  ResolvedControl,
  ResolvedFamily,
  ResolvedGroup,
  ResolvedLamp,
} from '../../protocol/definition/resolved.ts';
import { parseIdentity } from '../../protocol/idn.ts';
import type { Circuit } from '../circuit.ts';
import type { Random } from '../random.ts';
import { createLoadPart } from './load-part.ts';
import { meterValue } from './meter-value.ts';
import { createScopePart } from './scope-part.ts';
import { initialValue, limitNumber } from './simulated-control.ts';
import { SimulatedMeter } from './simulated-meter.ts';
import type { SimulatedPart } from './simulated-part.ts';
import { SimulatedScope } from './simulated-scope.ts';
import { createSupplyPart } from './supply-part.ts';

export interface SimulatedBench {
  circuit: Circuit;
  random: Random;
  clock: Clock;
}

/** Divisions across the screen of a scope, unless `waveform.with.divisions` says otherwise. */
const DIVISIONS = 10;

/**
 * An instrument as its definition tells it, without a dialect: settings, outputs on the circuit, measurements, lamps. The SCPI dialect on it is
 * `dialect/from-definition.ts`; a wire that is no SCPI (fixed lengths, acknowledgements) works on it as well.
 */
export class DefinitionModel {
  readonly family: ResolvedFamily;
  readonly meter: SimulatedMeter;
  readonly scope: SimulatedScope;
  readonly #bench: SimulatedBench;
  readonly #parts = new Map<string, SimulatedPart>();
  readonly #kept = new Map<string, ControlValue>();
  /** What was selected last, by the header of the command for it: the group that commands without a channel mean, the source of measurements. */
  readonly #selected = new Map<string, string>();

  constructor(definition: FamilyDefinition, bench: SimulatedBench) {
    this.family = resolveFamily(definition, parseIdentity(definition.simulation.identity).model);
    this.#bench = bench;
    const { groups, functions, role } = this.family;
    this.meter = new SimulatedMeter(functions, bench);
    const { divisions = DIVISIONS } = definition.waveform?.with ?? {};
    this.scope = new SimulatedScope(groups.length - 1, Number(divisions), bench);
    for (const group of groups) {
      const part = this.#createPart(group, role);
      if (part) this.#parts.set(group.group, part);
    }
    this.#selectFirst();
  }

  get(control: ResolvedControl): ControlValue {
    const found = this.#parts.get(control.group)?.get(control.key);
    return found ?? this.#kept.get(control.id) ?? initialValue(control);
  }

  /** Throws the SCPI error of a refusal. */
  set(control: ResolvedControl, value: ControlValue): void {
    if (!this.#parts.get(control.group)?.set(control.key, value)) this.#kept.set(control.id, value);
  }

  /** A channel that nothing is behind reads 0. */
  measure(group: string, key: string): number {
    return this.#parts.get(group)?.measure(key) ?? meterValue(key, this.#bench.circuit.advance()) ?? 0;
  }

  lamp({ group, key }: ResolvedLamp): string {
    return this.#parts.get(group)?.lamp(key) ?? '';
  }

  isSelected({ select }: ResolvedGroup): boolean {
    return select.every((text) => this.#selected.get(headerOf(text)) === text);
  }

  /** A command that selects: what it named before is no longer selected. */
  select(text: string): void {
    this.#selected.set(headerOf(text), text);
  }

  reset(): void {
    for (const part of this.#parts.values()) part.reset();
    this.#kept.clear();
    this.meter.reset();
    this.#selectFirst();
  }

  #selectFirst(): void {
    this.#selected.clear();
    for (const { select, channels } of this.family.groups) {
      for (const text of [...select, ...channels.flatMap((channel) => channel.select)]) {
        if (!this.#selected.has(headerOf(text))) this.#selected.set(headerOf(text), text);
      }
    }
  }

  #createPart(group: ResolvedGroup, role: string): SimulatedPart | undefined {
    const { circuit, random } = this.#bench;
    const has = (key: string): boolean => group.controls.some((control) => control.key === key);
    if (role === 'scope') return createScopePart(this.scope, group.n);
    if (role === 'load' && has('input')) return createLoadPart(circuit, random);
    if (role !== 'supply' || !has('output')) return undefined;
    const top = (key: string, otherwise: number): number =>
      limitNumber(group.controls.find((control) => control.key === key)?.max, otherwise);
    const maxVolts = top('voltage.set', 30);
    const maxAmps = top('current.set', 3);
    const rating = {
      maxVolts,
      maxAmps,
      maxOvp: top('ovp.level', maxVolts * 1.1),
      maxOcp: top('ocp.level', maxAmps * 1.1),
    };
    return createSupplyPart(rating, group.n <= 1 ? circuit : undefined, random);
  }
}

function headerOf(text: string): string {
  return text.trim().split(/\s+/)[0] ?? '';
}
