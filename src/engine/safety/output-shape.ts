import type { Control, ControlValue, InstrumentShape, Role } from '../../core/instrument.ts';

/** What a setpoint sets. */
export type Quantity = 'V' | 'A' | 'W' | 'Ohm';

/** What a control does to an output, for judging; `unknown`: it may move an output in a way nobody can judge. */
export type OutputPart =
  | { kind: 'setpoint'; quantity: Quantity }
  | { kind: 'switch' }
  | { kind: 'mode' }
  /** Another choice brings other setpoints into force. */
  | { kind: 'function' }
  /** Clearing a trip switches the output on again on many instruments. */
  | { kind: 'restore' }
  | { kind: 'unknown' };

/** One control of an output. */
export interface OutputControl {
  control: Control;
  part: OutputPart;
  /** Outputs it moves. */
  groups: readonly string[];
}

/** Mode of a load → quantity of its level. */
export const MODE_QUANTITY: Record<string, Quantity> = { CC: 'A', CV: 'V', CP: 'W', CW: 'W', CR: 'Ohm' };

/** Outputs of an instrument by group, and every control that moves one. */
export interface OutputShape {
  role: Role;
  groups: readonly string[];
  controls: readonly OutputControl[];
  /** Controls of series and parallel operation and of tracking: while one is on, a setting of one output moves another. */
  couplings: readonly Control[];
  /** Its commands couple outputs, and no control says whether they are coupled. */
  isCouplingUnknown: boolean;
}

/** Levels of a protection move no output. */
const PROTECTION = /(^|\.)(ovp|ocp|opp|uvp|otp|protection|trip)(\.|$)/i;
/** Series and parallel operation, tracking: one setting then moves another output. */
const COUPLING = /track|coupl|pair|series|parallel/i;
const COUPLING_COMMAND = /track|:trac$|coupl|pair|series|parallel/i;
/** Choices of a coupling that couple nothing. */
const UNCOUPLED = /^(off|none|no|0|indep\w*|independent|normal|single|separate)$/i;

/** Reads the outputs off the controls of an instrument (ids as in core/instrument.ts). */
export function outputShape({
  role,
  controls,
  commands = [],
}: Pick<InstrumentShape, 'role' | 'controls'> & Partial<Pick<InstrumentShape, 'commands'>>): OutputShape {
  const groups = [...new Set(controls.flatMap(({ isOutput, group }) => (isOutput ? [group] : [])))];
  const all = controls.flatMap((control): OutputControl[] => {
    const part = partOf(control);
    // A control of the whole instrument moves all its outputs.
    const moved = groups.includes(control.group) ? [control.group] : control.group === '' ? groups : [];
    return part && moved.length > 0 ? [{ control, part, groups: moved }] : [];
  });
  const couplings = all.flatMap(({ control, part }) => (part.kind === 'unknown' ? [control] : []));
  const hasCommand = commands.some((header) => COUPLING_COMMAND.test(header.replace(/\?$/, '')));
  return {
    role,
    groups,
    controls: all,
    couplings,
    isCouplingUnknown: groups.length > 1 && couplings.length === 0 && hasCommand,
  };
}

/** Whether a value of a coupling couples nothing. */
export function isUncoupled(value: ControlValue | undefined): boolean {
  return value === false || (typeof value === 'string' && UNCOUPLED.test(value.trim()));
}

/** Whatever is not known to be harmless counts as what it might do. */
function partOf(control: Control): OutputPart | undefined {
  const { id, kind, unit, isOutput, label } = control;
  if (isOutput) return { kind: 'switch' };
  if (kind === 'action') return { kind: 'restore' };
  if (PROTECTION.test(id)) return undefined;
  if (COUPLING.test(id) || COUPLING.test(label)) return { kind: 'unknown' };
  // A master switch, remote sense: on is judged, off is not.
  if (kind === 'switch') return { kind: 'switch' };
  if (kind === 'choice') return { kind: /(^|\.)mode$/.test(id) ? 'mode' : 'function' };
  const quantity = quantityOf(unit);
  return quantity ? { kind: 'setpoint', quantity } : undefined;
}

function quantityOf(unit: string | undefined): Quantity | undefined {
  if (unit === 'V' || unit === 'A' || unit === 'W') return unit;
  return unit === 'Ohm' || unit === 'Ω' ? 'Ohm' : undefined;
}
