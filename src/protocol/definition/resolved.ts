import type { Role } from '../../core/instrument.ts';
import type { LampCase, Reading } from './answer-schema.ts';
import type { FamilyDefinition } from './definition-schema.ts';

/** A limit: known, or to be asked of the instrument. */
export type ResolvedLimit = number | (Reading & { typical: number });
/** A unit: known, or told by the instrument. */
export type ResolvedUnit = string | { ask: string; words: Record<string, string>; typical: string };

export interface ResolvedChoice {
  /** What a person reads. */
  choice: string;
  /** What is put for `{value}`, and how it may be answered. */
  word: string;
  write: readonly string[];
  answers: readonly string[];
  first?: { ask: string; is: readonly string[]; write: readonly string[] };
}

/** A control of one instrument: nothing in braces is left but `{value}`. */
export interface ResolvedControl {
  /** `ch1.voltage.set` */
  id: string;
  /** `ch1`, or ''. */
  group: string;
  /** `voltage.set`: the id in its group. */
  key: string;
  label: string;
  kind: 'number' | 'switch' | 'choice' | 'range' | 'action';
  unit: string;
  min?: ResolvedLimit;
  max?: ResolvedLimit;
  resolution?: number;
  read?: Reading;
  /** Of a switch: when on; else all that is sent. */
  write: readonly string[];
  writeOff?: readonly string[];
  on: string;
  off: string;
  format?: string;
  scale: number;
  choices: readonly ResolvedChoice[];
  auto?: { read: Reading; write: readonly string[] };
  touches: readonly string[];
  /** Id of the choice whose word is put for `{by}` in `read` and `write`; `as`: what is put for each of its choices instead. */
  by?: string;
  as?: Readonly<Record<string, string>>;
  isOutput: boolean;
  help: string;
}

export interface ResolvedChannel {
  /** `ch1.voltage` */
  channel: string;
  group: string;
  key: string;
  unit: ResolvedUnit;
  resolution?: number;
  read: Reading;
  /** Sent before the question. */
  select: readonly string[];
  /** Questions whose answers name the fields of the answer, and the names of this one. */
  named?: { asks: readonly string[]; is: readonly string[] };
  /** How the name put for `{found}` is found: `{found}` stands in the questions too. */
  found?: { list: string; is: readonly { ask: string; words: readonly string[] }[]; typical: string };
}

export interface ResolvedLamp {
  id: string;
  group: string;
  key: string;
  rows: readonly LampCase[];
}

/** One function of a meter. */
export interface ResolvedFunction {
  choice: string;
  word: string;
  answers: readonly string[];
  channel: string;
  unit: string;
  resolution?: number;
  ranges: readonly number[];
  write: readonly string[];
  reading: Reading;
  controls: readonly ResolvedControl[];
}

/** The whole instrument (group '') or one of its outputs. */
export interface ResolvedGroup {
  /** `ch1`, or ''. */
  group: string;
  n: number;
  select: readonly string[];
  /** Id of the switch that says whether it is measured. */
  measuredWhile?: string;
  controls: readonly ResolvedControl[];
  channels: readonly ResolvedChannel[];
  lamps: readonly ResolvedLamp[];
  waveform?: { channel: string; source: string; unit: ResolvedUnit };
}

/** A family as one model of it is: groups counted out, parameters put in. */
export interface ResolvedFamily {
  definition: FamilyDefinition;
  role: Role;
  groups: readonly ResolvedGroup[];
  functions: readonly ResolvedFunction[];
}
