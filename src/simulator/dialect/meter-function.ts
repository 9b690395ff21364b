import type { CircuitState } from '../circuit.ts';
import { number, type Parameter, type Quantity } from '../scpi/parameter.ts';

/** One function of the multimeter. */
export interface MeterFunction {
  /** As in the SENSe subsystem. */
  header: string;
  /** As FUNCtion takes them; the first is how it answers. */
  names: readonly [string, ...string[]];
  unit: 'V' | 'A' | 'OHM' | 'HZ';
  ranges: readonly number[];
  /** Has an aperture in line cycles; the others take a fixed time. */
  isIntegrating: boolean;
  /** Noise at 1 PLC, ppm of the range. */
  noisePpm: number;
  measure(state: Readonly<CircuitState>): number;
}

const VOLTS = [0.1, 1, 10, 100, 1000] as const;
/** Those of its 3 A terminals. */
const AMPS = [1e-4, 1e-3, 1e-2, 0.1, 1, 3] as const;
const OHMS = [100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8] as const;
/** RMS of a triangle of amplitude 1. */
const TRIANGLE_RMS = 1 / Math.sqrt(3);

/** Keysight 34461A: functions, ranges and names. */
export const METER_FUNCTIONS: readonly [MeterFunction, ...MeterFunction[]] = [
  {
    header: 'VOLTage[:DC]',
    names: ['VOLT', 'VOLT:DC', 'VOLTAGE', 'VOLTAGE:DC'],
    unit: 'V',
    ranges: VOLTS,
    isIntegrating: true,
    noisePpm: 0.5,
    measure: (state) => state.loadV,
  },
  {
    header: 'VOLTage:AC',
    names: ['VOLT:AC', 'VOLTAGE:AC'],
    unit: 'V',
    ranges: VOLTS,
    isIntegrating: false,
    noisePpm: 40,
    measure: (state) => state.rippleV * TRIANGLE_RMS,
  },
  {
    header: 'CURRent[:DC]',
    names: ['CURR', 'CURR:DC', 'CURRENT', 'CURRENT:DC'],
    unit: 'A',
    ranges: AMPS,
    isIntegrating: true,
    noisePpm: 2,
    measure: (state) => state.supplyA,
  },
  {
    header: 'CURRent:AC',
    names: ['CURR:AC', 'CURRENT:AC'],
    unit: 'A',
    ranges: AMPS,
    isIntegrating: false,
    noisePpm: 60,
    measure: (state) => (state.rippleV / state.dutOhm) * TRIANGLE_RMS,
  },
  {
    header: 'RESistance',
    names: ['RES', 'RESISTANCE'],
    unit: 'OHM',
    ranges: OHMS,
    isIntegrating: true,
    noisePpm: 3,
    measure: unpowered,
  },
  {
    header: 'FRESistance',
    names: ['FRES', 'FRESISTANCE'],
    unit: 'OHM',
    ranges: OHMS,
    isIntegrating: true,
    noisePpm: 3,
    measure: unpowered,
  },
  {
    header: 'FREQuency',
    names: ['FREQ', 'FREQUENCY'],
    unit: 'HZ',
    ranges: [3e5],
    isIntegrating: false,
    noisePpm: 0.01,
    measure: (state) => (state.rippleV > 0 ? 10_000 : 0),
  },
];

/** Ohms need a dead circuit: with voltage on it the meter shows overload. */
function unpowered(state: Readonly<CircuitState>): number {
  return state.loadV > 0.1 || state.supplyV > 0.1 ? Number.POSITIVE_INFINITY : state.dutOhm;
}

/** Range of CONF and MEAS: a number, MIN, MAX, DEF or AUTO. */
export function rangeParameter(unit: string): Parameter<Quantity | 'AUTO'> {
  const plain = number(unit);
  return { parse: (text) => (text.toUpperCase() === 'AUTO' ? 'AUTO' : plain.parse(text)) };
}
