import type { ColumnInfo } from '../../core/stream-info.ts';

/** One function of a Keysight 3446x / 344xx meter: its words in the dialect and its channel here. */
export interface MeterFunction {
  /** As a person chooses it. */
  choice: string;
  /** `SENS:` subsystem and argument of FUNC. */
  header: string;
  /** How FUNC? may answer, without quotes, upper case. */
  answers: readonly string[];
  column: ColumnInfo;
  /** Ranges of the 34461A in the unit, smallest first (34460A/34461A guide, CONFigure). */
  ranges: readonly number[];
  /** Has an aperture in power line cycles. */
  isIntegrating: boolean;
}

const VOLTS = [0.1, 1, 10, 100, 1000];
const AMPS = [1e-4, 1e-3, 1e-2, 0.1, 1, 3, 10];
const OHMS = [100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];

export const METER_FUNCTIONS: readonly MeterFunction[] = [
  {
    choice: 'DC voltage',
    header: 'VOLT:DC',
    answers: ['VOLT', 'VOLT:DC'],
    column: { channel: 'voltage.dc', unit: 'V' },
    ranges: VOLTS,
    isIntegrating: true,
  },
  {
    choice: 'AC voltage',
    header: 'VOLT:AC',
    answers: ['VOLT:AC'],
    column: { channel: 'voltage.ac', unit: 'V' },
    ranges: VOLTS,
    isIntegrating: false,
  },
  {
    choice: 'DC current',
    header: 'CURR:DC',
    answers: ['CURR', 'CURR:DC'],
    column: { channel: 'current.dc', unit: 'A' },
    ranges: AMPS,
    isIntegrating: true,
  },
  {
    choice: 'AC current',
    header: 'CURR:AC',
    answers: ['CURR:AC'],
    column: { channel: 'current.ac', unit: 'A' },
    ranges: AMPS,
    isIntegrating: false,
  },
  {
    choice: 'Resistance',
    header: 'RES',
    answers: ['RES'],
    column: { channel: 'resistance', unit: 'Ohm' },
    ranges: OHMS,
    isIntegrating: true,
  },
  {
    choice: 'Resistance 4-wire',
    header: 'FRES',
    answers: ['FRES'],
    column: { channel: 'resistance.4w', unit: 'Ohm' },
    ranges: OHMS,
    isIntegrating: true,
  },
  {
    choice: 'Frequency',
    header: 'FREQ',
    answers: ['FREQ'],
    column: { channel: 'frequency', unit: 'Hz' },
    ranges: [],
    isIntegrating: false,
  },
];

/** The function FUNC? names; undefined for one Labwire does not read. */
export function findMeterFunction(answer: string): MeterFunction | undefined {
  const word = answer
    .trim()
    .replace(/^["']|["']$/g, '')
    .toUpperCase();
  return METER_FUNCTIONS.find(({ answers }) => answers.includes(word));
}

const PREFIXES: readonly [number, string][] = [
  [1e6, 'M'],
  [1e3, 'k'],
  [1, ''],
  [1e-3, 'm'],
  [1e-6, 'u'],
];

/** `100 mV`, `10 V`, `1 MOhm`: how ranges are shown and chosen. */
export function rangeLabel(value: number, unit: string): string {
  const [factor, prefix] = PREFIXES.find(([one]) => value >= one * 0.999) ?? [1, ''];
  return `${Number((value / factor).toPrecision(4))} ${prefix}${unit}`;
}
