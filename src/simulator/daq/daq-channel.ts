import type { CircuitState } from '../circuit.ts';

/** One input of the DAQ: what it is wired to and its integer grid, value = code * scale + offset. */
export interface DaqChannel {
  name: string;
  unit: string;
  scale: number;
  offset: number;
  /** Decimals in text mode: those of the scale. */
  decimals: number;
  /** The slow part of the signal, in the unit. */
  level(state: Readonly<CircuitState>): number;
  /** Share of the circuit's switching ripple on it; V per V of ripple, or the like. */
  ripple: number;
  /** Standard deviation of its noise, in codes. */
  noise: number;
}

/** The ten inputs. Text mode has the first eight. */
export const DAQ_CHANNELS: readonly DaqChannel[] = [
  channel('supply.voltage', 'V', 0.001, 3, (s) => s.supplyV, 0.2, 0.8),
  channel('load.voltage', 'V', 0.001, 3, (s) => s.loadV, 1, 0.8),
  channel('supply.current', 'A', 0.0002, 4, (s) => s.supplyA, 0.45, 1.2),
  channel('load.current', 'A', 0.0005, 4, (s) => s.loadA, 0.1, 1.2),
  channel('dut.temperature', 'degC', 0.01, 2, (s) => s.dutC, 0, 1.5),
  channel('ambient.temperature', 'degC', 0.01, 2, (s) => s.ambientC, 0, 0.9),
  channel('ripple.voltage', 'V', 0.00001, 5, () => 0, 1, 3),
  channel('dut.power', 'W', 0.002, 3, (s) => s.supplyA * s.supplyA * s.dutOhm, 0, 1),
  channel('dut.voltage', 'V', 0.001, 3, (s) => s.supplyA * s.dutOhm, 0.8, 0.8),
  channel('reference.voltage', 'V', 0.0001, 4, () => 2.5, 0, 0.7),
];

function channel(
  name: string,
  unit: string,
  scale: number,
  decimals: number,
  level: DaqChannel['level'],
  ripple: number,
  noise: number,
): DaqChannel {
  return { name, unit, scale, offset: 0, decimals, level, ripple, noise };
}
