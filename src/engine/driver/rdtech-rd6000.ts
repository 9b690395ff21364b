import { LabError } from '../../core/errors.ts';
import type { Control, ControlValue, InstrumentShape } from '../../core/instrument.ts';
import { type RdtechModel, rdtechModelNamed } from '../../protocol/rdtech-model.ts';
import type { Driver, DriverContext, DriverFamily, DriverRow, DriverStatus, OutputOff } from './driver.ts';
import { switchOutputsOff } from './outputs-off.ts';

/** RDTech RD6006, RD6012, RD6018, RD6024, RD6030 and the RK and P models of the same scale: one output, Modbus RTU (docs/protocols/modbus.md). */
export const rdtechRd6000Family: DriverFamily = {
  name: 'RDTech RD60xx',
  id: 'rdtech-rd6000',
  role: 'supply',
  matches: ({ maker, model }) => /rdtech|riden|ruideng/i.test(maker) && rdtechModelNamed(model) !== undefined,
  open: openRdtechRd6000,
};

async function openRdtechRd6000(context: DriverContext): Promise<Driver> {
  const model = rdtechModelNamed(context.identity.model);
  if (!model) {
    throw new LabError('driver.unsupported', `${context.identity.model} is no RD60xx Labwire knows. Nothing was sent.`);
  }
  return new RdtechRd6000(context, model);
}

/** One register a person can set. */
interface RegisterRow {
  control: Control;
  register: number;
  /** Steps per unit; switches: 1. */
  perUnit: number;
}

/** Registers, all of function 3 and 6. */
const V_SET = 8;
const I_SET = 9;
const FIRST_READING = 8;
const READINGS = 11;
const OUTPUT = 18;
const OVP = 82;
const OCP = 83;
const TRIPS = ['', 'OVP', 'OCP', 'OPP'];

function rowsOf({ perVolt, perAmp, maxVolts, maxAmps }: RdtechModel): RegisterRow[] {
  const group = 'ch1';
  const number = (
    id: string,
    label: string,
    unit: string,
    register: number,
    perUnit: number,
    max: number,
  ): RegisterRow => ({
    control: { id: `ch1.${id}`, group, label, kind: 'number', unit, min: 0, max, resolution: 1 / perUnit },
    register,
    perUnit,
  });
  return [
    number('voltage.set', 'Voltage', 'V', V_SET, perVolt, maxVolts),
    number('current.set', 'Current limit', 'A', I_SET, perAmp, maxAmps),
    {
      control: { id: 'ch1.output', group, label: 'Output', kind: 'switch', isOutput: true },
      register: OUTPUT,
      perUnit: 1,
    },
    // The protections are always on; their levels go a little beyond the ratings.
    number('ovp.level', 'OVP level', 'V', OVP, perVolt, maxVolts + 2),
    number('ocp.level', 'OCP level', 'A', OCP, perAmp, maxAmps + 0.2),
  ];
}

class RdtechRd6000 implements Driver {
  readonly shape: InstrumentShape;
  readonly #context: DriverContext;
  readonly #model: RdtechModel;
  readonly #rows: Map<string, RegisterRow>;

  constructor(context: DriverContext, model: RdtechModel) {
    this.#context = context;
    this.#model = model;
    this.#rows = new Map(rowsOf(model).map((row) => [row.control.id, row]));
    this.shape = {
      role: 'supply',
      controls: [...this.#rows.values()].map(({ control }) => control),
      polled: [
        { channel: 'ch1.voltage', unit: 'V', resolution: 1 / model.perVolt },
        { channel: 'ch1.current', unit: 'A', resolution: 1 / model.perAmp },
        { channel: 'ch1.power', unit: 'W', resolution: 1 / model.perWatt },
        // What it is fed with.
        { channel: 'ch1.input', unit: 'V', resolution: 0.01 },
      ],
      maxPollHz: 20,
      defaultPollHz: 5,
      commands: [
        '*IDN?',
        `HOLD? ${FIRST_READING},${READINGS}`,
        `HOLD? ${OVP},2`,
        `HOLD ${V_SET},`,
        `HOLD ${I_SET},`,
        `HOLD ${OUTPUT},0`,
      ],
      waveforms: [],
    };
  }

  async poll(signal: AbortSignal): Promise<DriverRow> {
    const { registers, sentNs, receivedNs } = await this.#readings(signal);
    const { perVolt, perAmp, perWatt } = this.#model;
    const at = (register: number): number => registers[register - FIRST_READING] ?? Number.NaN;
    const values = Float64Array.of(
      at(10) / perVolt,
      at(11) / perAmp,
      (at(12) * 65_536 + at(13)) / perWatt,
      at(14) / 100,
    );
    return { values, sentNs, receivedNs };
  }

  async status(signal: AbortSignal): Promise<DriverStatus> {
    const { registers } = await this.#readings(signal);
    const at = (register: number): number => registers[register - FIRST_READING] ?? 0;
    const tripped = TRIPS[at(16)] ?? `protection ${at(16)}`;
    return { 'ch1.mode': at(OUTPUT) === 0 ? 'off' : at(17) === 1 ? 'CC' : 'CV', 'ch1.tripped': tripped };
  }

  async readControls(ids: readonly string[] | undefined, signal: AbortSignal): Promise<Record<string, ControlValue>> {
    const values: Record<string, ControlValue> = {};
    const rows = [...this.#rows.values()].filter(({ control }) => !ids || ids.includes(control.id));
    if (rows.length === 0) return values;
    const message = rows.map(({ register }) => `HOLD? ${register}`).join(';');
    const text = await this.#context.session.query(message, {
      signal,
      priority: 'poll',
      expect: (reply) => parseAnswers(reply).length === rows.length,
    });
    const answers = parseAnswers(text);
    rows.forEach((row, index) => {
      const [value = 0] = answers[index] ?? [];
      values[row.control.id] = row.control.kind === 'switch' ? value !== 0 : value / row.perUnit;
    });
    return values;
  }

  /** The device checks little: what it would not keep is refused here, before it is sent. */
  async setControl(id: string, value: ControlValue, signal: AbortSignal): Promise<Record<string, ControlValue>> {
    const commands = this.writes(id, value);
    if (!commands) throw new LabError('call.invalid', `This supply has no control '${id}'. Nothing was sent.`, { id });
    for (const command of commands) await this.#context.session.write(command, { signal });
    return this.readControls([id], signal);
  }

  writes(id: string, value: ControlValue): readonly string[] | undefined {
    const row = this.#rows.get(id);
    if (!row) return undefined;
    return [`HOLD ${row.register},${registerValue(row, value)}`];
  }

  outputsOff(): Promise<OutputOff[]> {
    const { session, outputsOffStepMs: stepMs } = this.#context;
    const output = {
      group: 'ch1',
      commands: [`HOLD ${OUTPUT},0`],
      query: `HOLD? ${OUTPUT}`,
      isOn: (text: string) => (/^[01]$/.test(text.trim()) ? text.trim() === '1' : undefined),
    };
    return switchOutputsOff(session, [output], { stepMs });
  }

  /** A write is answered, and refused with an exception: nothing more is to be asked. */
  async send(command: string, options: Parameters<NonNullable<Driver['send']>>[1]): Promise<void> {
    await this.#context.session.write(command, options);
  }

  async explain(): Promise<undefined> {
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #readings(signal: AbortSignal): Promise<{ registers: number[]; sentNs: bigint; receivedNs: bigint }> {
    const { text, sentNs, receivedNs } = await this.#context.session.queryTimed(`HOLD? ${FIRST_READING},${READINGS}`, {
      signal,
      priority: 'poll',
      expect: (reply) => parseAnswers(reply)[0]?.length === READINGS,
    });
    return { registers: parseAnswers(text)[0] ?? [], sentNs, receivedNs };
  }
}

function registerValue({ control, perUnit }: RegisterRow, value: ControlValue): number {
  const fail = (why: string): never => {
    throw new LabError('call.invalid', `${control.label} ${String(value)}: ${why}. Nothing was sent.`, {
      id: control.id,
    });
  };
  if (control.kind === 'switch') return typeof value === 'boolean' ? Number(value) : fail('it is switched on or off');
  if (typeof value !== 'number' || !Number.isFinite(value)) return fail('it takes a number');
  const { min = 0, max = 0, unit = '' } = control;
  if (value < min || value > max) return fail(`the supply takes ${min} to ${max} ${unit}`);
  return Math.round(value * perUnit);
}

/** `1,2;3` → [[1,2],[3]]; empty if any of it is no number. */
function parseAnswers(text: string): number[][] {
  const answers = text
    .split(';')
    .map((answer) => answer.split(',').map((part) => (/^\d+$/.test(part.trim()) ? Number(part) : Number.NaN)));
  return answers.flat().every((value) => !Number.isNaN(value)) ? answers : [];
}
