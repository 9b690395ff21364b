import type { ControlValue, InstrumentShape } from '../../core/instrument.ts';
import type { ColumnInfo } from '../../core/stream-info.ts';
import { parseScpiBoolean, parseScpiNumber, parseScpiNumbers } from '../../protocol/scpi-number.ts';
import { type ControlRow, ControlTable, numberRow, switchRow } from './control-table.ts';
import type { Driver, DriverContext, DriverFamily, DriverRow, DriverStatus, OutputOff } from './driver.ts';
import { switchOutputsOff } from './outputs-off.ts';
import { ScpiDialog } from './scpi-dialog.ts';

const PER_OUTPUT = 3;

/** Rigol DP800 series (DP832, DP831, DP821, DP811 and their A models): one to three outputs. DP800 Programming Guide. */
export const rigolDp800Family: DriverFamily = {
  name: 'Rigol DP800',
  matches: ({ maker, model }) => /rigol/i.test(maker) && /^DP8\d\d/i.test(model),
  open: openRigolDp800,
};

async function openRigolDp800(context: DriverContext): Promise<Driver> {
  const dialog = new ScpiDialog(context.session, (error) => context.report(error));
  // DP8xy: x outputs.
  const outputs = Math.min(3, Math.max(1, Number(context.identity.model[3]) || 1));
  const numbers = Array.from({ length: outputs }, (_, index) => index + 1);
  const limits = await readLimits(dialog, numbers);
  const rows = numbers.flatMap((output) => outputRows(output, limits.slice((output - 1) * 4, output * 4)));
  return new RigolDp800(context, dialog, numbers, new ControlTable(rows, dialog));
}

/** Largest voltage, current, OVP and OCP level of each output. */
async function readLimits(dialog: ScpiDialog, outputs: readonly number[]): Promise<number[]> {
  const queries = outputs.flatMap((output) =>
    ['VOLT', 'CURR', 'VOLT:PROT', 'CURR:PROT'].map((what) => `:SOUR${output}:${what}? MAX`),
  );
  const { texts } = await dialog.ask(queries, {}, (text) => parseScpiNumber(text) !== undefined);
  return texts.map((text) => parseScpiNumber(text) ?? Number.NaN);
}

function outputRows(output: number, [volts, amps, ovp, ocp]: number[]): ControlRow[] {
  const group = `ch${output}`;
  const source = `:SOUR${output}`;
  const protection = (kind: 'ovp' | 'ocp', unit: string, max: number | undefined): ControlRow[] => {
    const header = `:OUTP:${kind.toUpperCase()}`;
    const name = kind.toUpperCase();
    return [
      numberRow(
        { id: `${group}.${kind}.level`, group, label: `${name} level`, unit, min: 0, max, resolution: 0.001 },
        '',
        {
          read: `${header}:VAL? CH${output}`,
          write: (value) => [`${header}:VAL CH${output},${Number(value)}`],
          touches: [`${group}.output`],
        },
      ),
      switchRow({ id: `${group}.${kind}.enabled`, group, label: name }, '', {
        read: `${header}? CH${output}`,
        write: (value) => [`${header} CH${output},${value === true ? 'ON' : 'OFF'}`],
        touches: [`${group}.output`],
      }),
    ];
  };
  return [
    numberRow(
      { id: `${group}.voltage.set`, group, label: 'Voltage', unit: 'V', min: 0, max: volts, resolution: 0.001 },
      `${source}:VOLT`,
    ),
    numberRow(
      { id: `${group}.current.set`, group, label: 'Current limit', unit: 'A', min: 0, max: amps, resolution: 0.001 },
      `${source}:CURR`,
    ),
    switchRow({ id: `${group}.output`, group, label: 'Output', isOutput: true }, '', {
      read: `:OUTP? CH${output}`,
      write: (value) => [`:OUTP CH${output},${value === true ? 'ON' : 'OFF'}`],
    }),
    ...protection('ovp', 'V', ovp),
    ...protection('ocp', 'A', ocp),
    {
      control: { id: `${group}.protection.clear`, group, label: 'Clear trip', kind: 'action' },
      parse: () => undefined,
      write: () => [`:OUTP:OVP:CLE CH${output}`, `:OUTP:OCP:CLE CH${output}`],
      touches: [`${group}.output`],
    },
  ];
}

class RigolDp800 implements Driver {
  readonly shape: InstrumentShape;
  readonly #context: DriverContext;
  readonly #dialog: ScpiDialog;
  readonly #outputs: readonly number[];
  readonly #table: ControlTable;

  constructor(context: DriverContext, dialog: ScpiDialog, outputs: readonly number[], table: ControlTable) {
    this.#context = context;
    this.#dialog = dialog;
    this.#outputs = outputs;
    this.#table = table;
    this.shape = {
      role: 'supply',
      controls: table.controls,
      polled: outputs.flatMap((output): ColumnInfo[] => [
        { channel: `ch${output}.voltage`, unit: 'V', resolution: 0.0001 },
        { channel: `ch${output}.current`, unit: 'A', resolution: 0.0001 },
        { channel: `ch${output}.power`, unit: 'W', resolution: 0.001 },
      ]),
      maxPollHz: 50,
      defaultPollHz: 10,
      commands: COMMANDS,
      waveforms: [],
    };
  }

  async poll(signal: AbortSignal, channels?: readonly string[]): Promise<DriverRow> {
    const asked = this.#outputs.filter(
      (output) => !channels || channels.some((name) => name.startsWith(`ch${output}.`)),
    );
    const values = new Float64Array(this.shape.polled.length).fill(Number.NaN);
    const queries = asked.map((output) => `:MEAS:ALL? CH${output}`);
    const { texts, sentNs, receivedNs } = await this.#dialog.ask(queries, { signal, priority: 'poll' }, isTriple);
    asked.forEach((output, index) => {
      parseScpiNumbers(texts[index] ?? '').forEach((value, place) => {
        values[(output - 1) * PER_OUTPUT + place] = value ?? Number.NaN;
      });
    });
    return { values, sentNs, receivedNs };
  }

  async status(signal: AbortSignal): Promise<DriverStatus> {
    const queries = this.#outputs.flatMap((output) =>
      [':OUTP?', ':OUTP:MODE?', ':OUTP:OVP:QUES?', ':OUTP:OCP:QUES?'].map((query) => `${query} CH${output}`),
    );
    const { texts } = await this.#dialog.ask(queries, { signal, priority: 'poll' }, (text) => /^[A-Z01]+$/i.test(text));
    const status: DriverStatus = {};
    this.#outputs.forEach((output, index) => {
      const [on = '', mode = '', ovp = '', ocp = ''] = texts.slice(index * 4, index * 4 + 4);
      status[`ch${output}.mode`] = parseScpiBoolean(on) ? mode.toUpperCase() : 'off';
      status[`ch${output}.tripped`] = isYes(ovp) ? 'OVP' : isYes(ocp) ? 'OCP' : '';
    });
    return status;
  }

  readControls(ids: readonly string[] | undefined, signal: AbortSignal): Promise<Record<string, ControlValue>> {
    return this.#table.read(ids, signal);
  }

  setControl(id: string, value: ControlValue, signal: AbortSignal): Promise<Record<string, ControlValue>> {
    return this.#table.set(id, value, signal);
  }

  outputsOff(): Promise<OutputOff[]> {
    return switchOutputsOff(
      this.#context.session,
      this.#outputs.map((output) => ({
        group: `ch${output}`,
        command: `:OUTP CH${output},OFF`,
        query: `:OUTP? CH${output}`,
      })),
    );
  }

  async toLocal(): Promise<void> {
    await this.#context.session.write(':SYST:LOC', { priority: 'person' });
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function isTriple(text: string): boolean {
  const numbers = parseScpiNumbers(text);
  return numbers.length === PER_OUTPUT && numbers.every((value) => value !== undefined);
}

function isYes(text: string): boolean {
  return /^(YES|ON|1)$/i.test(text.trim());
}

const COMMANDS = [
  ':APPL? CH1',
  ':INST:NSEL',
  ':MEAS:ALL? CH1',
  ':MEAS:CURR? CH1',
  ':MEAS:POWE? CH1',
  ':MEAS:VOLT? CH1',
  ':OUTP CH1,OFF',
  ':OUTP? CH1',
  ':OUTP:MODE? CH1',
  ':OUTP:OCP:VAL CH1,',
  ':OUTP:OVP:VAL CH1,',
  ':SOUR1:CURR',
  ':SOUR1:CURR?',
  ':SOUR1:VOLT',
  ':SOUR1:VOLT?',
  ':SYST:ERR?',
  '*IDN?',
  '*OPC?',
];
