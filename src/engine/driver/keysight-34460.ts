import { LabError } from '../../core/errors.ts';
import type { ControlValue, InstrumentShape } from '../../core/instrument.ts';
import { formatScpiNumber, parseScpiBoolean, parseScpiNumber, parseScpiNumbers } from '../../protocol/scpi-number.ts';
import { type ControlRow, ControlTable, choiceRow } from './control-table.ts';
import type { Driver, DriverContext, DriverFamily, DriverRow, DriverStatus, OutputOff } from './driver.ts';
import { findMeterFunction, METER_FUNCTIONS, type MeterFunction, rangeLabel } from './meter-function.ts';
import { isNumber, isWord, ScpiDialog } from './scpi-dialog.ts';

const NPLC = [0.02, 0.2, 1, 10, 100];
/** Slowest line; s. */
const CYCLE_S = 1 / 50;

/** Keysight 34460A, 34461A, 34465A, 34470A and the Agilent 34410A, 34411A, 34401A before them. */
export const keysight34460Family: DriverFamily = {
  name: 'Keysight 34460A series',
  matches: ({ maker, model }) =>
    /keysight|agilent|hewlett|^hp$/i.test(maker) && /^344(01|10|11|60|61|65|70)A/i.test(model),
  open: openKeysight34460,
};

async function openKeysight34460(context: DriverContext): Promise<Driver> {
  const dialog = new ScpiDialog(context.session, (error) => context.report(error));
  const { texts } = await dialog.ask([':FUNC?'], {}, isWord);
  return new Keysight34460(context, dialog, findMeterFunction(texts[0] ?? ''));
}

/**
 * One channel for each function, because a channel never changes its unit: `voltage.dc` (V), `current.dc` (A), `resistance` (Ohm), …
 * Only that of the function in force has values (lamp `channel` names it); the function of the moment of opening comes first. Each round
 * asks for the function with the reading, so that a knob turned at the front panel never puts amperes into the volts.
 */
class Keysight34460 implements Driver {
  readonly #context: DriverContext;
  readonly #dialog: ScpiDialog;
  readonly #functions: readonly MeterFunction[];
  #function: MeterFunction;
  #table: ControlTable;
  #readMs = 4000;
  /** The last reading did not come: find out why before the next. */
  #mustAskWhy = false;
  shape: InstrumentShape;

  constructor(context: DriverContext, dialog: ScpiDialog, initial: MeterFunction | undefined) {
    this.#context = context;
    this.#dialog = dialog;
    this.#functions = initial ? [initial, ...METER_FUNCTIONS.filter((one) => one !== initial)] : METER_FUNCTIONS;
    this.#function = initial ?? firstFunction();
    this.#table = new ControlTable(controlRows(this.#function), dialog);
    this.shape = {
      role: 'meter',
      controls: this.#table.controls,
      polled: this.#functions.map(({ column }) => column),
      maxPollHz: 50,
      defaultPollHz: 10,
      commands: COMMANDS,
      waveforms: [],
    };
  }

  async poll(signal: AbortSignal): Promise<DriverRow> {
    if (this.#mustAskWhy) await this.#askWhy(signal);
    const values = new Float64Array(this.#functions.length).fill(Number.NaN);
    try {
      const options = { signal, priority: 'poll', timeoutMs: this.#readMs } as const;
      const { texts, sentNs, receivedNs } = await this.#dialog.ask([':FUNC?', ':READ?'], options, isReading);
      this.#follow(findMeterFunction(texts[0] ?? ''));
      const index = this.#functions.indexOf(this.#function);
      const isKnown = findMeterFunction(texts[0] ?? '') !== undefined;
      // Several samples a trigger: the newest.
      if (isKnown) values[index] = parseScpiNumbers(texts[1] ?? '').at(-1) ?? Number.NaN;
      return { values, sentNs, receivedNs, active: isKnown ? [this.#function.column.channel] : [] };
    } catch (error) {
      this.#mustAskWhy = ['transport.timeout', 'protocol.malformed'].includes(LabError.from(error).code);
      throw error;
    }
  }

  async status(signal: AbortSignal): Promise<DriverStatus> {
    const { header, column } = this.#function;
    const status: DriverStatus = { channel: column.channel, range: '' };
    if (this.#function.ranges.length === 0) return status;
    const { texts } = await this.#dialog.ask([`:${header}:RANG?`], { signal, priority: 'poll' }, isNumber);
    const range = parseScpiNumber(texts[0] ?? '');
    if (range !== undefined && Number.isFinite(range)) status.range = rangeLabel(range, column.unit);
    return status;
  }

  async readControls(ids: readonly string[] | undefined, signal: AbortSignal): Promise<Record<string, ControlValue>> {
    const { texts } = await this.#dialog.ask([':FUNC?'], { signal, priority: 'poll' }, isWord);
    this.#follow(findMeterFunction(texts[0] ?? ''));
    const values = await this.#table.read(ids, signal);
    this.#waitFor(values);
    return values;
  }

  async setControl(id: string, value: ControlValue, signal: AbortSignal): Promise<Record<string, ControlValue>> {
    await this.#table.set(id, value, signal);
    // Another function has ranges and an aperture of its own.
    return this.readControls(id === 'function' ? undefined : [id], signal);
  }

  async outputsOff(): Promise<OutputOff[]> {
    return [];
  }

  async toLocal(): Promise<void> {
    await this.#context.session.write(':SYST:LOC', { priority: 'person' });
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #follow(found: MeterFunction | undefined): void {
    if (!found || found === this.#function) return;
    this.#function = found;
    this.#table = new ControlTable(controlRows(found), this.#dialog);
    this.shape = { ...this.shape, controls: this.#table.controls };
  }

  /** A reading takes its aperture, twice with autozero, and auto ranging repeats it. */
  #waitFor(values: Record<string, ControlValue>): void {
    if (values.nplc === undefined && this.#function.isIntegrating) return;
    this.#readMs = 3000 + (this.#function.isIntegrating ? Number(values.nplc) * CYCLE_S * 2 * 3 * 1000 : 2000);
  }

  /** READ? is never answered while the meter waits for a trigger. */
  async #askWhy(signal: AbortSignal): Promise<void> {
    const { texts } = await this.#dialog.ask([':TRIG:SOUR?'], { signal, priority: 'poll' }, isWord);
    const source = (texts[0] ?? '').trim().toUpperCase();
    if (source === 'IMM' || source === '') {
      this.#mustAskWhy = false;
      return;
    }
    throw new LabError(
      'instrument.rejected',
      `${this.#context.identity.model} waits for its trigger (${source}), so it gives no readings. Set its trigger source to immediate (TRIG:SOUR IMM).`,
      { source },
    );
  }
}

function controlRows(current: MeterFunction): ControlRow[] {
  const { header, ranges } = current;
  const rows: ControlRow[] = [
    {
      ...choiceRow({ id: 'function', group: '', label: 'Function' }, ':FUNC', functionWords()),
      parse: (text) => findMeterFunction(text)?.choice ?? 'other',
    },
  ];
  if (ranges.length > 0) rows.push(rangeRow(current));
  if (current.isIntegrating) {
    rows.push({
      control: { id: 'nplc', group: '', label: 'NPLC', kind: 'choice', choices: NPLC.map(String) },
      read: `:${header}:NPLC?`,
      parse: (text) => {
        const value = parseScpiNumber(text);
        return value === undefined ? undefined : String(Number(value.toPrecision(4)));
      },
      write: (value) => [`:${header}:NPLC ${String(value)}`],
    });
  }
  return rows;
}

/** Automatic ranging and the range are two settings; as one control: `auto`, or a range, which switches automatic off. */
function rangeRow({ header, column, ranges }: MeterFunction): ControlRow {
  const labels = ranges.map((range) => rangeLabel(range, column.unit));
  return {
    control: { id: 'range', group: '', label: 'Range', kind: 'choice', choices: ['auto', ...labels] },
    read: `:${header}:RANG:AUTO?`,
    readMore: `:${header}:RANG?`,
    parse: (text, more) => {
      if (parseScpiBoolean(text)) return 'auto';
      const range = parseScpiNumber(more);
      return range === undefined ? undefined : rangeLabel(range, column.unit);
    },
    write: (value) => {
      const range = ranges[labels.indexOf(String(value))];
      return value === 'auto' || range === undefined
        ? [`:${header}:RANG:AUTO ON`]
        : [`:${header}:RANG ${formatScpiNumber(range)}`];
    },
  };
}

function functionWords(): { choice: string; word: string }[] {
  return METER_FUNCTIONS.map(({ choice, header }) => ({ choice, word: `"${header}"` }));
}

function firstFunction(): MeterFunction {
  const [first] = METER_FUNCTIONS;
  if (!first) throw new RangeError('no meter functions');
  return first;
}

function isReading(text: string, index: number): boolean {
  return index === 0 ? isWord(text) : parseScpiNumbers(text).every((one) => one !== undefined);
}

const COMMANDS = [
  ':ABOR',
  ':CONF:CURR:DC',
  ':CONF:RES',
  ':CONF:VOLT:AC',
  ':CONF:VOLT:DC',
  ':CONF?',
  ':FETC?',
  ':FUNC?',
  ':INIT',
  ':MEAS:CURR:DC?',
  ':MEAS:RES?',
  ':MEAS:VOLT:AC?',
  ':MEAS:VOLT:DC?',
  ':READ?',
  ':SAMP:COUN?',
  ':SYST:ERR?',
  ':TRIG:SOUR?',
  ':VOLT:DC:NPLC?',
  ':VOLT:DC:RANG?',
  '*IDN?',
  '*OPC?',
];
