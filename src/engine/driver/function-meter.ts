import { LabError } from '../../core/errors.ts';
import type { ControlValue } from '../../core/instrument.ts';
import type { ColumnInfo } from '../../core/stream-info.ts';
import { isSameWord, numberIn } from '../../protocol/definition/answer.ts';
import type { FunctionsDefinition } from '../../protocol/definition/function-schema.ts';
import { rangeLabel } from '../../protocol/definition/range-label.ts';
import type { ResolvedFunction } from '../../protocol/definition/resolved.ts';
import { parseScpiNumbers, parseScpiString } from '../../protocol/scpi-number.ts';
import type { ControlRow } from './control-table.ts';
import { controlRow, parseValue } from './definition-rows.ts';
import type { DriverStatus } from './driver.ts';
import { isWord, type ScpiDialog } from './scpi-dialog.ts';

/** Slowest line; s. */
const CYCLE_S = 1 / 50;

export interface MeterReading {
  /** Of the function in force; undefined: one Labwire does not read. */
  channel: string | undefined;
  value: number;
  sentNs: bigint;
  receivedNs: bigint;
}

/**
 * A meter by its functions. One channel for each, because a channel never changes its unit: only that of the function in force has values.
 * Each reading is asked for together with the function, so that a knob turned at the front panel never puts amperes into the volts.
 */
export class FunctionMeter {
  readonly functions: readonly ResolvedFunction[];
  readonly #definition: FunctionsDefinition;
  readonly #dialog: ScpiDialog;
  readonly #model: string;
  #current: ResolvedFunction;
  #patienceMs: number;
  /** The last reading did not come: find out why before the next. */
  #mustAskWhy = false;

  /** `functions`: the one in force first. */
  constructor(
    definition: FunctionsDefinition,
    functions: readonly [ResolvedFunction, ...ResolvedFunction[]],
    dialog: ScpiDialog,
    model: string,
  ) {
    this.#definition = definition;
    this.functions = functions;
    this.#dialog = dialog;
    this.#model = model;
    [this.#current] = functions;
    this.#patienceMs = definition.patienceMs;
  }

  get columns(): ColumnInfo[] {
    return this.functions.map(({ channel, unit, resolution }) => ({
      channel,
      unit,
      ...(resolution === undefined ? {} : { resolution }),
    }));
  }

  /** Controls of the function in force. */
  rows(): ControlRow[] {
    const { ask, label } = this.#definition;
    const choose: ControlRow = {
      control: {
        id: 'function',
        group: '',
        label,
        kind: 'choice',
        choices: this.functions.map(({ choice }) => choice),
      },
      read: ask,
      parse: (text) => this.#find(text)?.choice ?? 'other',
      write: (value) => [...(this.functions.find(({ choice }) => choice === value)?.write ?? [])],
    };
    return [choose, ...this.#current.controls.map((control) => controlRow(control, [], plainLimit))];
  }

  async read(signal: AbortSignal): Promise<MeterReading> {
    if (this.#mustAskWhy) await this.#askWhy(signal);
    const options = { signal, priority: 'poll', timeoutMs: this.#patienceMs } as const;
    const { ask } = this.#definition;
    try {
      const isFollowed = this.functions.some(({ reading }) => reading.ask !== this.#current.reading.ask);
      // Each function has a question of its own: which is in force must be known first.
      const before = isFollowed ? await this.#dialog.ask([ask], options, (text) => this.#isFunction(text)) : undefined;
      if (before) this.#follow(this.#find(before.texts[0] ?? ''));
      const questions = [ask, this.#current.reading.ask];
      const { texts, sentNs, receivedNs } = await this.#dialog.ask(questions, options, (text, index) =>
        index === 0 ? this.#isFunction(text) : this.#isReading(text),
      );
      const found = this.#find(texts[0] ?? '');
      // Turned between the two: the reading is of nobody knows which.
      const isSure = !isFollowed || found === this.#current;
      this.#follow(found);
      const value = found && isSure ? this.#valueOf(texts[1] ?? '') : Number.NaN;
      return { channel: found?.channel, value, sentNs, receivedNs };
    } catch (error) {
      this.#mustAskWhy = ['transport.timeout', 'protocol.malformed'].includes(LabError.from(error).code);
      throw error;
    }
  }

  /** `channel`: that of the function in force; `range`, where it can be asked. */
  async status(signal: AbortSignal): Promise<DriverStatus> {
    const { channel, unit, controls } = this.#current;
    const status: DriverStatus = { channel, range: '' };
    const control = controls.find(({ kind }) => kind === 'range');
    if (!control?.read) return status;
    const { read } = control;
    const { texts } = await this.#dialog.ask([read.ask], { signal, priority: 'poll' }, (text) => text.trim() !== '');
    const [text = ''] = texts;
    const range = numberIn(text, read);
    const chosen = parseValue({ ...control, kind: 'choice' }, text);
    if (typeof chosen === 'string') status.range = chosen;
    else if (range !== undefined && Number.isFinite(range)) status.range = rangeLabel(range, unit);
    return status;
  }

  /** The function in force, as far as is known. */
  get current(): ResolvedFunction {
    return this.#current;
  }

  /** Asks which function is in force. */
  async look(signal: AbortSignal): Promise<void> {
    const { texts } = await this.#dialog.ask([this.#definition.ask], { signal, priority: 'poll' }, (text) =>
      this.#isFunction(text),
    );
    this.#follow(this.#find(texts[0] ?? ''));
  }

  /** A reading takes its aperture, twice with autozero, and auto ranging repeats it. */
  waitFor(values: Record<string, ControlValue>): void {
    const cycles = Number(values.nplc);
    const hasAperture = this.#current.controls.some(({ key }) => key === 'nplc');
    if (hasAperture && !Number.isFinite(cycles)) return;
    this.#patienceMs = this.#definition.patienceMs + (hasAperture ? cycles * CYCLE_S * 2 * 3 * 1000 : 2000);
  }

  #find(answer: string): ResolvedFunction | undefined {
    return functionSaid(this.functions, answer);
  }

  #isFunction(text: string): boolean {
    return canBeFunction(this.functions, text);
  }

  #follow(found: ResolvedFunction | undefined): void {
    if (found) this.#current = found;
  }

  #isReading(text: string): boolean {
    const { field, match } = this.#current.reading;
    if (field !== undefined || match !== undefined) return numberIn(text, this.#current.reading) !== undefined;
    return parseScpiNumbers(text).every((one) => one !== undefined);
  }

  /** Several samples a trigger: the newest. */
  #valueOf(text: string): number {
    const { reading } = this.#current;
    const last = reading.field === undefined && reading.match === undefined ? (text.split(',').at(-1) ?? '') : text;
    return numberIn(last, reading) ?? Number.NaN;
  }

  /** A reading is never given while the meter waits for a trigger. */
  async #askWhy(signal: AbortSignal): Promise<void> {
    const { trigger } = this.#definition;
    if (trigger) {
      const { texts } = await this.#dialog.ask([trigger.ask], { signal, priority: 'poll' }, isWord);
      const source = parseScpiString(texts[0] ?? '').toUpperCase();
      if (source !== '' && !trigger.free.some((word) => isSameWord(word, source))) {
        throw new LabError(
          'instrument.rejected',
          `${this.#model} waits for its trigger (${source}), so it gives no readings. ${trigger.help}`,
          { source },
        );
      }
    }
    this.#mustAskWhy = false;
  }
}

/** The function an answer names. By its letters only: `2WR` is a word, and the reading 2.0 is not it. */
export function functionSaid(functions: readonly ResolvedFunction[], answer: string): ResolvedFunction | undefined {
  const word = parseScpiString(answer).toUpperCase();
  return functions.find(({ answers }) => answers.some((one) => one.toUpperCase() === word));
}

/** Whether a text can name a function, also one that is not in the list. */
export function canBeFunction(functions: readonly ResolvedFunction[], text: string): boolean {
  return isWord(text) || functionSaid(functions, text) !== undefined;
}

function plainLimit(limit: number | { typical: number }): number {
  return typeof limit === 'number' ? limit : limit.typical;
}
