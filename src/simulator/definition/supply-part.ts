import type { ControlValue } from '../../core/instrument.ts';
import type { Circuit } from '../circuit.ts';
import type { Random } from '../random.ts';
import { ScpiError } from '../scpi/error-queue.ts';
import { type OutputRating, type Protection, resistiveTerminals, SupplyOutput } from '../supply-output.ts';
import type { SimulatedPart } from './simulated-part.ts';

/** What hangs on outputs that do not feed the circuit. */
const RESISTOR_OHM = 100;

/** One output of a supply: the first of an instrument feeds the circuit, the others a resistor each. */
export function createSupplyPart(rating: OutputRating, circuit: Circuit | undefined, random: Random): SimulatedPart {
  const source = circuit?.source ?? { voltage: 0, currentLimit: 1, on: false };
  const output = new SupplyOutput(rating, source, () => {
    if (!circuit) return resistiveTerminals(source, RESISTOR_OHM);
    const { supplyV, supplyA } = circuit.advance();
    return { volts: supplyV, amps: supplyA };
  });
  if (circuit) circuit.protection = ({ supplyV, supplyA }) => output.trip({ volts: supplyV, amps: supplyA });
  const noisy = (value: number, noise: number): number => (value === 0 ? 0 : value + noise * random.gaussian());
  const guardOf = (key: string): Protection | undefined =>
    key.startsWith('ovp.') ? output.ovp : key.startsWith('ocp.') ? output.ocp : undefined;
  return {
    get(key) {
      if (key === 'voltage.set') return output.volts;
      if (key === 'current.set') return output.ampLimit;
      if (key === 'output') {
        output.measure();
        return output.on;
      }
      const guard = guardOf(key);
      return key.endsWith('.level') ? guard?.level : key.endsWith('.enabled') ? guard?.enabled : undefined;
    },
    set(key, value) {
      const guard = guardOf(key);
      if (key === 'voltage.set') output.volts = Number(value);
      else if (key === 'current.set') output.ampLimit = Number(value);
      else if (key === 'output') switchTo(output, value);
      else if (key === 'protection.clear') output.ovp.tripped = output.ocp.tripped = false;
      else if (guard && key.endsWith('.level')) guard.level = Number(value);
      else if (guard && key.endsWith('.enabled')) guard.enabled = value === true;
      else return false;
      return true;
    },
    measure(key) {
      const { volts, amps } = output.measure();
      if (key === 'voltage') return noisy(volts, 0.0004);
      if (key === 'current') return noisy(amps, 0.0002);
      return key === 'power' ? noisy(volts * amps, 0.001) : undefined;
    },
    lamp(key) {
      if (key === 'mode') return output.mode() === 'UR' ? 'off' : output.mode();
      output.measure();
      if (key === 'tripped') return output.ovp.tripped ? 'OVP' : output.ocp.tripped ? 'OCP' : '';
      return undefined;
    },
    reset: () => output.reset(),
  };
}

function switchTo(output: SupplyOutput, on: ControlValue): void {
  if (!output.switch(on === true)) throw new ScpiError(-221);
}
