import { boolean, type Limits, number, optional, type Parameter, within } from './parameter.ts';

/** Text, or a 488.2 block already framed. */
export type Reply = string | Uint8Array;

/** One row of a dialect's table. */
export interface Command {
  /** As the manual prints it: upper case = short form, [ ] = may be left out, # = numeric suffix, final ? = query. */
  header: string;
  parameters: readonly Parameter<unknown>[];
  run(values: readonly unknown[], suffixes: readonly number[]): Promise<Reply | undefined>;
}

type Values<P extends readonly Parameter<unknown>[]> = {
  [K in keyof P]: P[K] extends Parameter<infer T> ? T : never;
};

/** A row that does something. `suffixes`: one per `#`, 1 where none was written. It may be async: the next unit waits. */
export function command<const P extends readonly Parameter<unknown>[]>(
  header: string,
  parameters: P,
  run: (values: Values<P>, suffixes: readonly number[]) => void,
): Command {
  return {
    header,
    parameters,
    async run(values, suffixes) {
      // parseParameters reads exactly `parameters`, so the values have their types.
      await (run(values as unknown as Values<P>, suffixes) as unknown);
      return undefined;
    },
  };
}

/** A row that answers. */
export function query<const P extends readonly Parameter<unknown>[]>(
  header: string,
  parameters: P,
  run: (values: Values<P>, suffixes: readonly number[]) => Reply | Promise<Reply>,
): Command {
  return { header, parameters, run: async (values, suffixes) => run(values as unknown as Values<P>, suffixes) };
}

/** A number of the instrument that can be set and read. */
export interface NumberSetting {
  limits: Limits;
  get(): number;
  set(value: number): void;
}

/**
 * Two rows: `HEADer value|MIN|MAX|DEF` and `HEADer? [MIN|MAX|DEF]`. `of` finds the setting by the suffixes, and by the
 * parameter `selector` in front of the value (`OUTP:OVP:VAL CH1,12`) if the dialect has one.
 */
export function setting<S = undefined>(
  header: string,
  unit: string,
  format: (value: number) => string,
  of: (suffixes: readonly number[], selector: S | undefined) => NumberSetting,
  selector?: Parameter<S>,
): Command[] {
  // Without a selector its place is taken by a parameter that is never there.
  const leading: Parameter<S | undefined> = selector ? optional(selector) : absent;
  return [
    command(header, [leading, number(unit)], ([which, value], suffixes) => {
      const target = of(suffixes, which);
      target.set(within(value, target.limits));
    }),
    query(`${header}?`, [leading, optional(number(unit))], ([which, value], suffixes) => {
      const target = of(suffixes, which);
      return format(value === undefined ? target.get() : within(value, target.limits));
    }),
  ];
}

/** Two rows: `HEADer ON|OFF` and `HEADer?`; `words` is how the dialect answers off and on. */
export function toggle<S = undefined>(
  header: string,
  words: readonly [off: string, on: string],
  of: (suffixes: readonly number[], selector: S | undefined) => { get(): boolean; set(on: boolean): void },
  selector?: Parameter<S>,
): Command[] {
  const leading: Parameter<S | undefined> = selector ? optional(selector) : absent;
  return [
    command(header, [leading, boolean], ([which, on], suffixes) => of(suffixes, which).set(on)),
    query(`${header}?`, [leading], ([which], suffixes) => words[of(suffixes, which).get() ? 1 : 0]),
  ];
}

/** A setting that is kept and moves nothing. */
export function memory<T>(initial: T): { get(): T; set(value: T): void } {
  let kept = initial;
  return {
    get: () => kept,
    set: (value) => {
      kept = value;
    },
  };
}

/** A number kept in a field of the instrument's settings. */
export function field<K extends string>(settings: Record<K, number>, key: K, limits: Limits): NumberSetting {
  return {
    limits,
    get: () => settings[key],
    set: (value) => {
      settings[key] = value;
    },
  };
}

const absent: Parameter<undefined> = { parse: () => undefined, isOptional: true, isAbsent: true };
