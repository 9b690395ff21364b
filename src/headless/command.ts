import type { ParseArgsConfig } from 'node:util';
import { parseArgs } from 'node:util';
import { LabError } from '../core/errors.ts';
import type { BuiltFiles } from './built-files.ts';
import { parseDurationMs } from './duration.ts';
import type { Output } from './output.ts';

/** One command of the command line; one file each in commands/. */
export interface Command {
  readonly name: string;
  /** Its arguments, as the usage line shows them. */
  readonly usage: string;
  readonly summary: string;
  readonly options: Record<string, CommandOption>;
  /** Fewest and most positional arguments. */
  readonly positionals: readonly [least: number, most: number];
  /** Gives the exit code. Throws LabError. */
  run(args: Arguments, shell: Shell): Promise<number>;
}

export interface CommandOption {
  type: 'string' | 'boolean';
  /** `DIR`: what stands for the value in the help. */
  value?: string;
  about: string;
  multiple?: boolean;
  short?: string;
}

/** What a command works in. */
export interface Shell {
  readonly files: BuiltFiles;
  readonly out: Output;
  /** A line for the person, on stderr: stdout belongs to the result. */
  say(text: string): void;
  /** Aborted by Ctrl-C, SIGTERM, SIGHUP, or when nobody reads stdout any more; the reason is a LabError. */
  readonly signal: AbortSignal;
}

/** Options every command knows. */
export const COMMON_OPTIONS: Record<string, CommandOption> = {
  json: { type: 'boolean', about: 'one JSON object a line instead of text' },
  data: { type: 'string', value: 'DIR', about: "data folder of the engine (default: the desktop app's)" },
  help: { type: 'boolean', short: 'h', about: 'this text' },
};

/** The arguments of one call of a command. */
export class Arguments {
  readonly positionals: readonly string[];
  readonly #values: Record<string, unknown>;

  /** Throws call.invalid with the usage. */
  constructor(command: Command, args: readonly string[]) {
    const { values, positionals } = parse(command, args);
    this.#values = values;
    this.positionals = positionals;
    const [least, most] = command.positionals;
    if (this.flag('help') || (positionals.length >= least && positionals.length <= most)) return;
    throw wrong(command, positionals.length < least ? 'something is missing' : 'there are too many arguments');
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  texts(name: string): string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? value.map(String) : [];
  }

  /** Throws call.invalid if it is missing. */
  need(name: string): string {
    const value = this.text(name);
    if (value === undefined || value === '') throw new LabError('call.invalid', `--${name} is missing.`);
    return value;
  }

  /** A positional that is a duration; ms. Throws call.invalid. */
  positionalMs(index: number): number {
    return parseDurationMs(this.at(index));
  }

  durationMs(name: string): number | undefined {
    const value = this.text(name);
    return value === undefined ? undefined : parseDurationMs(value);
  }

  /** A whole number within limits. Throws call.invalid. */
  whole(name: string, least: number, most: number): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
    if (number >= least && number <= most) return number;
    throw new LabError('call.invalid', `--${name} is "${value}"; it must be a whole number from ${least} to ${most}.`);
  }

  /** A positional that is there by `positionals` of the command. */
  at(index: number): string {
    return this.positionals[index] ?? '';
  }
}

function parse(
  command: Command,
  args: readonly string[],
): { values: Record<string, unknown>; positionals: readonly string[] } {
  const options: NonNullable<ParseArgsConfig['options']> = {};
  for (const [name, { type, multiple, short }] of Object.entries({ ...COMMON_OPTIONS, ...command.options })) {
    options[name] = { type, ...(multiple ? { multiple } : {}), ...(short ? { short } : {}) };
  }
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (cause) {
    throw wrong(command, cause instanceof Error ? cause.message : String(cause));
  }
}

function wrong(command: Command, what: string): LabError {
  return new LabError('call.invalid', `labwire ${command.name}: ${what}. Usage: ${usageLine(command)}`);
}

export function usageLine(command: Command): string {
  return `labwire ${command.name} ${command.usage}`.trimEnd();
}

/** The help of one command. */
export function helpText(command: Command): string {
  const rows = Object.entries({ ...command.options, ...COMMON_OPTIONS }).map(([name, { value, about }]) => ({
    left: `  --${name}${value ? ` ${value}` : ''}`,
    about,
  }));
  const width = Math.max(...rows.map(({ left }) => left.length));
  const options = rows.map(({ left, about }) => `${left.padEnd(width)}  ${about}`);
  return [`${usageLine(command)}`, '', command.summary, '', ...options].join('\n');
}
