import type { Circuit, SinkMode } from '../circuit.ts';
import type { Random } from '../random.ts';
import type { SimulatedPart } from './simulated-part.ts';

/** An electronic load on the load node of the circuit. */
export function createLoadPart(circuit: Circuit, random: Random): SimulatedPart {
  const levels: Record<SinkMode, number> = { CC: 0, CV: 150, CR: 10_000, CP: 0 };
  const { sink } = circuit;
  const apply = (): void => {
    circuit.advance();
    sink.level = levels[sink.mode];
  };
  const reset = (): void => {
    sink.on = false;
    sink.mode = 'CC';
    Object.assign(levels, { CC: 0, CV: 150, CR: 10_000, CP: 0 });
    apply();
  };
  reset();
  const noisy = (value: number): number => Math.max(0, value + 0.0002 * random.gaussian());
  return {
    get(key) {
      if (key === 'mode') return sink.mode;
      if (key === 'input') return sink.on;
      const mode = modeOf(key);
      return mode ? levels[mode] : undefined;
    },
    set(key, value) {
      const mode = modeOf(key);
      if (key === 'input') sink.on = value === true;
      else if (key === 'mode' && isMode(String(value))) sink.mode = value as SinkMode;
      else if (mode) levels[mode] = Number(value);
      else return false;
      apply();
      return true;
    },
    measure(key) {
      const { loadV, loadA } = circuit.advance();
      if (key === 'voltage') return noisy(loadV);
      if (key === 'current') return noisy(loadA);
      if (key === 'power') return noisy(loadV * loadA);
      return key === 'resistance' ? (loadA > 0.001 ? loadV / loadA : Infinity) : undefined;
    },
    lamp: (key) => (key === 'mode' ? (sink.on ? sink.mode : 'off') : key === 'tripped' ? '' : undefined),
    reset,
  };
}

/** `level.cc` is the level of CC. */
function modeOf(key: string): SinkMode | undefined {
  const mode = /^level\.(c[cvrp])$/.exec(key)?.[1]?.toUpperCase();
  return mode !== undefined && isMode(mode) ? mode : undefined;
}

function isMode(text: string): text is SinkMode {
  return text === 'CC' || text === 'CV' || text === 'CR' || text === 'CP';
}
