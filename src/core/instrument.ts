import type { ColumnInfo } from './stream-info.ts';

/** What an instrument is, as the engineer says it; decides the card. */
export type Role = 'supply' | 'meter' | 'scope' | 'load' | 'stream' | 'unknown';

/** The four fields of `*IDN?` (IEEE 488.2 10.14), trimmed; missing ones are ''. */
export interface Identity {
  maker: string;
  model: string;
  serial: string;
  firmware: string;
}

export type ControlValue = number | boolean | string;

/**
 * Something of an instrument a person can set. Ids are the same for a role whatever the maker: see docs/instruments.md.
 * Supply: `ch1.voltage.set` (V), `ch1.current.set` (A), `ch1.output` (switch), `ch1.ovp.level`, `ch1.ovp.enabled`, `ch1.ocp.level`, `ch1.ocp.enabled`, `ch1.protection.clear` (action).
 * Meter: `function` (choice), `range` (choice, 'auto' first), `nplc` (choice). Load: `mode` (choice CC CV CR CP), `level.cc`, `level.cv`, `level.cr`, `level.cp`, `input` (switch).
 * Scope: `ch1.display` (switch), `ch1.scale`, `ch1.offset`, `ch1.coupling`, `timebase.scale`, `timebase.offset`, `trigger.source`, `trigger.level`, `trigger.slope`, `acquire` (choice run stop single).
 * Stream: `rate` (Hz), `channels` (number), `running` (switch).
 */
export interface Control {
  id: string;
  /** Group on the card: `ch1`, or '' for the whole instrument. */
  group: string;
  label: string;
  kind: 'number' | 'switch' | 'choice' | 'action';
  unit?: string | undefined;
  min?: number | undefined;
  max?: number | undefined;
  /** Step of the instrument, in the unit. */
  resolution?: number | undefined;
  choices?: string[] | undefined;
  /** Switching it feeds energy: Outputs off turns these off. */
  isOutput?: boolean | undefined;
}

/** Asked and read back of one control; a difference is marked on screen. */
export interface ControlState {
  asked?: ControlValue | undefined;
  readBack?: ControlValue | undefined;
  /** ns since 1970 of the read-back, as a decimal text (JSON has no int64). */
  at?: string | undefined;
}

/** What never changes while attached. */
export interface InstrumentShape {
  role: Role;
  controls: Control[];
  /** Polled channels, in the order of `DriverRow.values`; empty for pure streamers. */
  polled: ColumnInfo[];
  /** Fastest sensible poll rate; Hz. */
  maxPollHz: number;
  /** Rate polled at when nobody asks otherwise; Hz. */
  defaultPollHz: number;
  /** SCPI headers for completion in the console. */
  commands: string[];
  /** Channels the instrument can capture as segments (scope); empty otherwise. */
  waveforms: ColumnInfo[];
}
