import type { CircuitState } from '../circuit.ts';

/** RMS of a triangle of amplitude 1. */
const TRIANGLE_RMS = 1 / Math.sqrt(3);

/**
 * What a meter's channel sees of the circuit: volt terminals on the load node, ampere terminals in the supply's lead, Ohms of the device under
 * test, which must be free of voltage. Undefined for a quantity the circuit has not.
 */
export function meterValue(channel: string, state: Readonly<CircuitState>): number | undefined {
  const { loadV, supplyV, supplyA, rippleV, dutOhm, dutC } = state;
  switch (channel) {
    case 'voltage':
    case 'voltage.dc':
      return loadV;
    case 'voltage.ac':
      return rippleV * TRIANGLE_RMS;
    case 'current':
    case 'current.dc':
      return supplyA;
    case 'current.ac':
      return (rippleV / dutOhm) * TRIANGLE_RMS;
    case 'resistance':
    case 'resistance.4w':
      return loadV > 0.1 || supplyV > 0.1 ? Number.POSITIVE_INFINITY : dutOhm;
    case 'frequency':
      return rippleV > 0 ? 10_000 : 0;
    case 'period':
      return rippleV > 0 ? 1e-4 : 0;
    case 'temperature':
      return dutC;
    case 'continuity':
      return dutOhm;
    case 'diode':
      return 0.6;
    case 'capacitance':
      return 22e-3;
    default:
      return undefined;
  }
}
