import type { ControlValue, InstrumentShape } from '../../core/instrument.ts';
import { parseScpiBoolean, parseScpiNumber } from '../../protocol/scpi-number.ts';
import { type ControlRow, ControlTable, choiceRow, numberRow, switchRow } from './control-table.ts';
import type { Driver, DriverContext, DriverFamily, DriverRow, DriverStatus, OutputOff } from './driver.ts';
import { switchOutputsOff } from './outputs-off.ts';
import { isBoolean, isNumber, isWord, ScpiDialog } from './scpi-dialog.ts';

const MODES = [
  { mode: 'CC', word: 'CURRENT', short: 'CURR', label: 'Current', unit: 'A' },
  { mode: 'CV', word: 'VOLTAGE', short: 'VOLT', label: 'Voltage', unit: 'V' },
  { mode: 'CR', word: 'RESISTANCE', short: 'RES', label: 'Resistance', unit: 'Ohm' },
  { mode: 'CP', word: 'POWER', short: 'POW', label: 'Power', unit: 'W' },
] as const;

/** Siglent SDL1000X electronic loads. SDL1000X Programming Guide. */
export const siglentSdlFamily: DriverFamily = {
  name: 'Siglent SDL1000X',
  matches: ({ maker, model }) => /siglent/i.test(maker) && /^SDL\d/i.test(model),
  open: openSiglentSdl,
};

async function openSiglentSdl(context: DriverContext): Promise<Driver> {
  const dialog = new ScpiDialog(context.session, (error) => context.report(error));
  const queries = MODES.flatMap(({ short }) => [`:SOUR:${short}? MIN`, `:SOUR:${short}? MAX`]);
  const { texts } = await dialog.ask(queries, {}, isNumber);
  const limits = texts.map((text) => parseScpiNumber(text) ?? Number.NaN);
  return new SiglentSdl(context, dialog, new ControlTable(controlRows(limits), dialog));
}

function controlRows(limits: readonly number[]): ControlRow[] {
  return [
    choiceRow(
      { id: 'mode', group: '', label: 'Mode' },
      ':SOUR:FUNC',
      MODES.map(({ mode, word, short }) => ({ choice: mode, word, answers: [short] })),
    ),
    ...MODES.map(({ mode, short, label, unit }, index) =>
      numberRow(
        {
          id: `level.${mode.toLowerCase()}`,
          group: '',
          label,
          unit,
          min: limits[index * 2],
          max: limits[index * 2 + 1],
          resolution: 0.001,
        },
        `:SOUR:${short}`,
      ),
    ),
    switchRow({ id: 'input', group: '', label: 'Input', isOutput: true }, ':SOUR:INP'),
  ];
}

class SiglentSdl implements Driver {
  readonly shape: InstrumentShape;
  readonly #context: DriverContext;
  readonly #dialog: ScpiDialog;
  readonly #table: ControlTable;

  constructor(context: DriverContext, dialog: ScpiDialog, table: ControlTable) {
    this.#context = context;
    this.#dialog = dialog;
    this.#table = table;
    this.shape = {
      role: 'load',
      controls: table.controls,
      polled: [
        { channel: 'voltage', unit: 'V', resolution: 0.0001 },
        { channel: 'current', unit: 'A', resolution: 0.0001 },
        { channel: 'power', unit: 'W', resolution: 0.001 },
      ],
      maxPollHz: 50,
      defaultPollHz: 10,
      commands: COMMANDS,
      waveforms: [],
    };
  }

  async poll(signal: AbortSignal): Promise<DriverRow> {
    const options = { signal, priority: 'poll' } as const;
    const { texts, sentNs, receivedNs } = await this.#dialog.ask(
      [':MEAS:VOLT?', ':MEAS:CURR?', ':MEAS:POW?'],
      options,
      isNumber,
    );
    return { values: Float64Array.from(texts, (text) => parseScpiNumber(text) ?? Number.NaN), sentNs, receivedNs };
  }

  async status(signal: AbortSignal): Promise<DriverStatus> {
    const { texts } = await this.#dialog.ask(
      [':SOUR:INP?', ':SOUR:FUNC?'],
      { signal, priority: 'poll' },
      (text, index) => (index === 0 ? isBoolean(text) : isWord(text)),
    );
    const [input = '', word = ''] = texts;
    const mode = MODES.find((one) => word.trim().toUpperCase().startsWith(one.short))?.mode ?? word.trim();
    return { mode: parseScpiBoolean(input) ? mode : 'off' };
  }

  readControls(ids: readonly string[] | undefined, signal: AbortSignal): Promise<Record<string, ControlValue>> {
    return this.#table.read(ids, signal);
  }

  setControl(id: string, value: ControlValue, signal: AbortSignal): Promise<Record<string, ControlValue>> {
    return this.#table.set(id, value, signal);
  }

  outputsOff(): Promise<OutputOff[]> {
    return switchOutputsOff(this.#context.session, [{ group: '', command: ':SOUR:INP OFF', query: ':SOUR:INP?' }]);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

const COMMANDS = [
  ':MEAS:CURR?',
  ':MEAS:POW?',
  ':MEAS:RES?',
  ':MEAS:VOLT?',
  ':SOUR:CURR',
  ':SOUR:CURR?',
  ':SOUR:CURR:IRANG?',
  ':SOUR:FUNC',
  ':SOUR:FUNC?',
  ':SOUR:INP OFF',
  ':SOUR:INP?',
  ':SOUR:POW?',
  ':SOUR:RES?',
  ':SOUR:SHOR?',
  ':SOUR:VOLT?',
  ':SYST:ERR?',
  ':SYST:SENS?',
  '*IDN?',
  '*OPC?',
];
