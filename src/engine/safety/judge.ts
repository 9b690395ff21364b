import type { Role } from '../../core/instrument.ts';
import type { OutputLimits } from './limits.ts';
import { MODE_QUANTITY, type Quantity } from './output-shape.ts';

/** An output as it was read back; what is not known is absent. */
export interface OutputState {
  isOn?: boolean | undefined;
  /** Of a load. */
  mode?: string | undefined;
  values: Partial<Record<Quantity, number>>;
}

export type OutputChange =
  | { kind: 'set'; quantity: Quantity; value: number }
  | { kind: 'switch'; on: boolean }
  | { kind: 'mode'; mode: string }
  /** Another function: its setpoints are not known before. */
  | { kind: 'function' };

/** Rounding of decimal texts must not refuse the limit itself. */
const SLACK = 1 + 1e-9;

/**
 * Why a change of an output may not be carried out; undefined: it may. Every setpoint is judged, whether the output is on or not, so that no order of calls
 * ends with one beyond the limits; what cannot be judged may not be. Switching off is never refused. Slew is judged apart (slew.ts).
 *
 * Supply: V, I, and P = V × I of its setpoints. Load: CC by I (with the highest allowed voltage: by P), CV by V, CP by P (with the lowest allowed voltage: by
 * I), CR by the current and power it draws at the highest allowed voltage. A load in CV draws what it takes, so it cannot keep limits of I and P.
 */
export function judge(role: Role, state: OutputState, change: OutputChange, limits: OutputLimits): string | undefined {
  if (change.kind === 'switch') {
    if (!change.on) return undefined;
    if (limits.unarmed.length > 0)
      return `${limits.unarmed.join(' and ')} must be armed before its output is switched on`;
    return role === 'load' ? judgeMode(state, state.mode, limits) : judgeSupply(state, limits);
  }
  if (change.kind === 'function') {
    return state.isOn === false ? undefined : 'it brings other setpoints into force; switch the output off first';
  }
  if (change.kind === 'mode') return role === 'load' ? judgeMode(state, change.mode, limits) : undefined;
  if (!Number.isFinite(change.value)) return 'it is no number';
  const next = { ...state, values: { ...state.values, [change.quantity]: change.value } };
  return (
    judgeValue(role, change.quantity, change.value, limits) ??
    (role === 'load' ? undefined : judgePower(next, change.quantity, limits))
  );
}

/** A single value against the limits of its quantity. */
function judgeValue(role: Role, quantity: Quantity, value: number, limits: OutputLimits): string | undefined {
  const { maxV, maxA, maxW } = limits;
  const minV = limits.minV ?? (maxV === undefined ? undefined : 0);
  switch (quantity) {
    case 'V':
      if (maxV !== undefined && value > maxV * SLACK) return beyond('voltage', value, 'above', maxV, 'V');
      if (minV !== undefined && value < minV - 1e-9) return beyond('voltage', value, 'below', minV, 'V');
      return undefined;
    case 'A':
      if (maxA !== undefined && Math.abs(value) > maxA * SLACK) return beyond('current', value, 'above', maxA, 'A');
      if (role !== 'load' || maxV === undefined || maxW === undefined) return undefined;
      return value * maxV > maxW * SLACK
        ? `${value} A at ${maxV} V would be ${round(value * maxV)} W, above ${maxW} W`
        : undefined;
    case 'W':
      return judgeWatts(role, value, limits);
    case 'Ohm':
      return role === 'load' ? judgeOhms(value, limits) : undefined;
  }
}

function judgeWatts(role: Role, watts: number, { maxA, maxW, minV }: OutputLimits): string | undefined {
  if (maxW !== undefined && Math.abs(watts) > maxW * SLACK) return beyond('power', watts, 'above', maxW, 'W');
  if (role !== 'load' || maxA === undefined || watts === 0) return undefined;
  if (minV === undefined || minV <= 0)
    return unjudged('constant power draws more current the lower the voltage', 'minV');
  return watts / minV > maxA * SLACK
    ? `${watts} W at ${minV} V would draw ${round(watts / minV)} A, above ${maxA} A`
    : undefined;
}

function judgeOhms(ohms: number, { maxA, maxV, maxW }: OutputLimits): string | undefined {
  if (maxA === undefined && maxW === undefined) return undefined;
  if (maxV === undefined) return unjudged('a resistance draws more the higher the voltage', 'maxV');
  if (ohms <= 0) return 'a resistance of zero draws what it can get';
  const amps = maxV / ohms;
  if (maxA !== undefined && amps > maxA * SLACK) return `at ${maxV} V it would draw ${round(amps)} A, above ${maxA} A`;
  const watts = maxV * amps;
  if (maxW !== undefined && watts > maxW * SLACK)
    return `at ${maxV} V it would draw ${round(watts)} W, above ${maxW} W`;
  return undefined;
}

/** P = V × I of the setpoints of a supply. */
function judgePower({ values }: OutputState, quantity: Quantity, { maxW }: OutputLimits): string | undefined {
  if (maxW === undefined || (quantity !== 'V' && quantity !== 'A')) return undefined;
  const { V: volts, A: amps } = values;
  if (volts === undefined || amps === undefined) return unknown('voltage and current set', 'a limit of power');
  const watts = Math.abs(volts * amps);
  return watts > maxW * SLACK ? `${volts} V × ${amps} A would allow ${round(watts)} W, above ${maxW} W` : undefined;
}

/** All setpoints of a supply, before it is switched on. */
function judgeSupply(state: OutputState, limits: OutputLimits): string | undefined {
  const { V: volts, A: amps } = state.values;
  if (volts === undefined && (limits.maxV !== undefined || limits.minV !== undefined)) {
    return unknown('voltage set', 'a limit of voltage');
  }
  if (amps === undefined && limits.maxA !== undefined) return unknown('current limit set', 'a limit of current');
  return (
    (volts === undefined ? undefined : judgeValue('supply', 'V', volts, limits)) ??
    (amps === undefined ? undefined : judgeValue('supply', 'A', amps, limits)) ??
    judgePower(state, 'V', limits)
  );
}

/** A load in a mode, with the level that mode has. */
function judgeMode({ values }: OutputState, mode: string | undefined, limits: OutputLimits): string | undefined {
  const { maxV, minV, maxA, maxW } = limits;
  if ([maxV, minV, maxA, maxW].every((limit) => limit === undefined)) return undefined;
  const quantity = MODE_QUANTITY[mode?.toUpperCase() ?? ''];
  if (quantity === undefined) return unknown(`mode${mode ? ` (${mode})` : ''}`, 'limits');
  if (quantity === 'V' && (maxA !== undefined || maxW !== undefined)) {
    return 'a load in CV draws what it takes to hold the voltage, so limits of current and power cannot be kept; use CC';
  }
  const level = values[quantity];
  return level === undefined ? unknown(`level of ${mode}`, 'limits') : judgeValue('load', quantity, level, limits);
}

function beyond(what: string, value: number, where: string, limit: number, unit: string): string {
  return `the ${what} ${value} ${unit} is ${where} ${limit} ${unit}`;
}

function unjudged(why: string, limit: string): string {
  return `${why}, and without ${limit} in the limits it cannot be judged`;
}

function unknown(what: string, whatFor: string): string {
  return `its ${what} could not be read back, and there is ${whatFor}`;
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
