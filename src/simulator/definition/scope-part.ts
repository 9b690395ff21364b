import type { ControlValue } from '../../core/instrument.ts';
import { frameItem } from '../dialect/scope-measurement.ts';
import type { SimulatedPart } from './simulated-part.ts';
import type { SimulatedScope } from './simulated-scope.ts';

const ITEMS = {
  vpp: 'VPP',
  vavg: 'VAVG',
  vrms: 'VRMS',
  vmax: 'VMAX',
  vmin: 'VMIN',
  frequency: 'FREQuency',
  period: 'PERiod',
} as const;

/** Channel `n` of a scope, or the scope as a whole (n = 0). */
export function createScopePart(scope: SimulatedScope, n: number): SimulatedPart {
  /** The choice of the family (`DC 50 Ohm`); the bench knows three kinds. */
  let coupling: ControlValue = 'DC';
  return {
    get(key) {
      if (n === 0) return wholeOf(scope, key);
      return key === 'coupling' ? coupling : channelOf(scope, n, key);
    },
    set(key, value) {
      if (n === 0) return setWhole(scope, key, value);
      if (key === 'coupling') coupling = value;
      return setChannel(scope, n, key, value);
    },
    measure(key) {
      const item = Object.hasOwn(ITEMS, key) ? ITEMS[key as keyof typeof ITEMS] : undefined;
      if (item === undefined || n === 0) return undefined;
      const frame = scope.frame();
      const samples = frame?.samples.get(n);
      const value = frame && samples ? frameItem(item, samples, frame.stepS) : 9.9e37;
      return value >= 9.9e37 ? Number.POSITIVE_INFINITY : value;
    },
    lamp: (key) => (key === 'trigger.state' && n === 0 ? scope.state() : undefined),
    reset: () => {
      coupling = 'DC';
      if (n === 0) scope.reset();
    },
  };
}

function channelOf(scope: SimulatedScope, n: number, key: string): ControlValue | undefined {
  const settings = scope.channel(n);
  if (!settings) return undefined;
  if (key === 'display') return settings.on;
  return key === 'scale' || key === 'offset' ? settings[key] : undefined;
}

function setChannel(scope: SimulatedScope, n: number, key: string, value: ControlValue): boolean {
  const settings = scope.channel(n);
  if (!settings) return false;
  if (key === 'display') settings.on = value === true;
  else if (key === 'scale') settings.scale = Number(value);
  else if (key === 'offset') settings.offset = Number(value);
  else if (key === 'coupling') settings.coupling = kindOf(String(value));
  else return false;
  scope.changed();
  return true;
}

function wholeOf(scope: SimulatedScope, key: string): ControlValue | undefined {
  if (key === 'timebase.scale') return scope.timebase.scale;
  if (key === 'timebase.offset') return scope.timebase.offset;
  if (key === 'trigger.level') return scope.trigger.level;
  if (key === 'acquire') return scope.state() === 'stop' ? 'stop' : 'run';
  return undefined;
}

function setWhole(scope: SimulatedScope, key: string, value: ControlValue): boolean {
  if (key === 'timebase.scale') scope.timebase.scale = Number(value);
  else if (key === 'timebase.offset') scope.timebase.offset = Number(value);
  else if (key === 'trigger.level') scope.trigger.level = Number(value);
  else if (key === 'acquire') scope.run(String(value));
  else return false;
  scope.changed();
  return true;
}

function kindOf(choice: string): 'DC' | 'AC' | 'GND' {
  if (choice.startsWith('GND')) return 'GND';
  return choice.startsWith('AC') ? 'AC' : 'DC';
}
