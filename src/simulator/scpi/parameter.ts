import { shortForm } from './command-tree.ts';
import { ScpiError } from './error-queue.ts';

/** How one parameter of a command is read. `parse` throws the SCPI error of what is wrong with the text. */
export interface Parameter<T> {
  parse(text: string): T;
  /** May be left out; a leading one (`OUTP [CH1,]ON`) is skipped when the text does not fit it. */
  isOptional?: boolean;
  /** Takes no text at all: a place in the list that this dialect leaves empty. */
  isAbsent?: boolean;
}

/** A number with its unit resolved, or one of the words every SCPI number takes (SCPI-99 7.2.1). */
export type Quantity = number | 'MIN' | 'MAX' | 'DEF';

export interface Limits {
  min: number;
  max: number;
  def?: number;
}

/** IEEE 488.2 table 7-1. In front of HZ and OHM a bare M means mega, elsewhere milli. */
const MULTIPLIERS: Record<string, number> = {
  '': 1,
  T: 1e12,
  G: 1e9,
  MA: 1e6,
  K: 1e3,
  M: 1e-3,
  U: 1e-6,
  N: 1e-9,
  P: 1e-12,
};
const NUMBER = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:\s*E[+-]?\d+)?)\s*([A-Z]*)$/i;

/** A number in `unit` (upper case SCPI spelling: V, A, W, OHM, S, HZ; '' for none): `5`, `250mV`, `1e-3`, `MAX`. */
export function number(unit = ''): Parameter<Quantity> {
  return {
    parse(text) {
      const upper = text.toUpperCase();
      if (/^MIN(IMUM)?$/.test(upper)) return 'MIN';
      if (/^MAX(IMUM)?$/.test(upper)) return 'MAX';
      if (/^DEF(AULT)?$/.test(upper)) return 'DEF';
      const match = NUMBER.exec(text);
      if (!match) throw new ScpiError(/^[+-.\d]/.test(text) ? -120 : -104);
      return Number((match[1] ?? '').replace(/\s/g, '')) * multiplier((match[2] ?? '').toUpperCase(), unit);
    },
  };
}

function multiplier(suffix: string, unit: string): number {
  if (suffix === '') return 1;
  if (unit === '') throw new ScpiError(-138);
  if (!suffix.endsWith(unit)) throw new ScpiError(-131);
  const prefix = suffix.slice(0, suffix.length - unit.length);
  if (prefix === 'M' && (unit === 'HZ' || unit === 'OHM')) return 1e6;
  const factor = MULTIPLIERS[prefix];
  if (factor === undefined) throw new ScpiError(-131);
  return factor;
}

/** The number meant, inside its limits; else -222. Float dust (3.2000000000000002) counts as the limit. */
export function within(quantity: Quantity, limits: Limits): number {
  if (quantity === 'MIN') return limits.min;
  if (quantity === 'MAX') return limits.max;
  if (quantity === 'DEF') return limits.def ?? limits.min;
  const dust = Math.abs(limits.max - limits.min) * 1e-9;
  if (quantity < limits.min - dust || quantity > limits.max + dust) throw new ScpiError(-222);
  return Math.min(limits.max, Math.max(limits.min, quantity));
}

export const boolean: Parameter<boolean> = {
  parse(text) {
    const upper = text.toUpperCase();
    if (upper === 'ON') return true;
    if (upper === 'OFF') return false;
    const value = Number(text);
    if (text === '' || Number.isNaN(value)) throw new ScpiError(-104);
    // SCPI-99 7.3: a number is rounded, everything but 0 is ON.
    return Math.round(value) !== 0;
  },
};

/** One of `words` in short or long form, written as manuals do (`IMMediate`); gives the word as listed. */
export function choice<const W extends string>(...words: readonly W[]): Parameter<W> {
  return {
    parse(text) {
      const upper = text.toUpperCase();
      const found = words.find((word) => word.toUpperCase() === upper || shortForm(word) === upper);
      if (found === undefined) throw new ScpiError(/^[A-Z]/.test(upper) ? -224 : -104);
      return found;
    },
  };
}

/** `CH1` … `CHn` as a number; `prefix` as the dialect spells it. */
export function channel(count: number, prefix: string): Parameter<number> {
  return {
    parse(text) {
      const match = /^([A-Z]+)(\d+)$/.exec(text.toUpperCase());
      if (!match || (match[1] !== prefix.toUpperCase() && match[1] !== shortForm(prefix))) throw new ScpiError(-104);
      const index = Number(match[2]);
      if (index < 1 || index > count) throw new ScpiError(-224);
      return index;
    },
  };
}

/** A quoted string; the quotes removed, doubled quotes inside made single. */
export const string: Parameter<string> = {
  parse(text) {
    const quote = text[0];
    if ((quote !== '"' && quote !== "'") || text.length < 2 || !text.endsWith(quote)) throw new ScpiError(-104);
    return text.slice(1, -1).replaceAll(quote + quote, quote);
  },
};

export function optional<T>(parameter: Parameter<T>): Parameter<T | undefined> {
  return { parse: parameter.parse, isOptional: true };
}

/** All parameters of a call. Throws -108 (too many), -109 (too few) or what a parameter says. */
export function parseParameters(parameters: readonly Parameter<unknown>[], texts: readonly string[]): unknown[] {
  const values: unknown[] = [];
  let used = 0;
  for (const [index, parameter] of parameters.entries()) {
    const text = texts[used];
    if (parameter.isAbsent || (text === undefined && parameter.isOptional)) {
      values.push(undefined);
      continue;
    }
    if (text === undefined) throw new ScpiError(-109);
    const mayBeLater = parameter.isOptional && parameters.length - index > 1;
    const parsed = attempt(parameter, text);
    if (parsed.error === undefined) used++;
    // `OUTP ON` with [CH1,] in front: ON does not fit the channel, so the channel was left out.
    else if (!mayBeLater || texts.length - used >= parameters.length - index) throw parsed.error;
    values.push(parsed.value);
  }
  if (used < texts.length) throw new ScpiError(-108);
  return values;
}

function attempt(parameter: Parameter<unknown>, text: string): { value?: unknown; error?: unknown } {
  try {
    return { value: parameter.parse(text) };
  } catch (error) {
    return { error };
  }
}
