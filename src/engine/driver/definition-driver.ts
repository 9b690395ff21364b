import type { CommandHelp } from '../../contract/instrument-schema.ts';
import type { LabError } from '../../core/errors.ts';
import type { ControlValue, InstrumentShape } from '../../core/instrument.ts';
import type { ColumnInfo } from '../../core/stream-info.ts';
import type { ResolvedFamily, ResolvedFunction, ResolvedGroup } from '../../protocol/definition/resolved.ts';
import type { ExchangeOptions } from '../session/session.ts';
import { askChannels } from './channel-round.ts';
import { type ControlRow, ControlTable } from './control-table.ts';
import { helpOf } from './definition-help.ts';
import { readLamps } from './definition-lamps.ts';
import { commandsFor, parseValue } from './definition-rows.ts';
import type { Driver, DriverContext, DriverRow, DriverStatus, OutputOff, Screenshot, Waveform } from './driver.ts';
import { errorReader } from './error-form.ts';
import type { FunctionMeter } from './function-meter.ts';
import { type OutputSwitch, switchOutputsOff } from './outputs-off.ts';
import { remoteCommands } from './remote.ts';
import type { ScpiDialog } from './scpi-dialog.ts';
import { takeScreenshot } from './screenshot.ts';
import type { WaveformReader } from './waveform/waveform-reader.ts';

/** What the instrument was asked when it was opened, and what speaks to it. */
export interface DefinitionParts {
  family: ResolvedFamily;
  dialog: ScpiDialog;
  rows: readonly ControlRow[];
  columns: readonly ColumnInfo[];
  meter: FunctionMeter | undefined;
  waveforms: WaveformReader | undefined;
}

/** A driver that is nothing but its definition file. */
export class DefinitionDriver implements Driver {
  shape: InstrumentShape;
  readonly help: readonly CommandHelp[];
  readonly toLocal?: () => Promise<void>;
  readonly capture?: (channels: readonly string[], signal: AbortSignal) => Promise<Waveform>;
  readonly screenshot?: (signal: AbortSignal) => Promise<Screenshot>;
  readonly #context: DriverContext;
  readonly #parts: DefinitionParts;
  readonly #groups: readonly ResolvedGroup[];
  #table: ControlTable;
  /** The function whose controls are in the table. */
  #tabled: ResolvedFunction | undefined;

  constructor(context: DriverContext, parts: DefinitionParts) {
    this.#context = context;
    this.#parts = parts;
    const { family, meter, waveforms } = parts;
    const { definition } = family;
    this.#groups = family.groups;
    this.#tabled = meter?.current;
    this.#table = this.#makeTable();
    this.help = helpOf(family);
    this.shape = {
      role: family.role,
      controls: this.#table.controls,
      polled: [...(meter?.columns ?? []), ...parts.columns],
      maxPollHz: definition.poll.maxHz,
      defaultPollHz: definition.poll.rateHz,
      commands: this.help.map(({ header }) => header),
      waveforms: waveforms?.columns ?? [],
    };
    const { local, screenshot } = definition;
    if (local !== undefined) this.toLocal = () => this.#hand([local].flat());
    if (screenshot) this.screenshot = (signal) => takeScreenshot(context.session, screenshot, signal);
    if (waveforms) this.capture = (channels, signal) => waveforms.capture(channels, signal);
  }

  async poll(signal: AbortSignal, wanted?: readonly string[]): Promise<DriverRow> {
    const { meter, columns, dialog } = this.#parts;
    const values = new Float64Array(this.shape.polled.length).fill(Number.NaN);
    const active: string[] = [];
    let sentNs: bigint | undefined;
    let receivedNs = 0n;
    const put = (channel: string, value: number): void => {
      const place = this.shape.polled.findIndex((column) => column.channel === channel);
      if (place >= 0) values[place] = value;
    };
    if (meter) {
      const reading = await meter.read(signal);
      if (reading.channel !== undefined) {
        active.push(reading.channel);
        put(reading.channel, reading.value);
      }
      ({ sentNs, receivedNs } = reading);
    }
    if (columns.length > 0) {
      const round = await askChannels(dialog, this.#groups, wanted, signal);
      for (const [channel, value] of round.values) put(channel, value);
      active.push(...round.active);
      sentNs ??= round.sentNs;
      ({ receivedNs } = round);
    }
    const isPartial = meter !== undefined || this.#groups.some(mayBeUnmeasured);
    return { values, sentNs: sentNs ?? 0n, receivedNs, ...(isPartial ? { active } : {}) };
  }

  async status(signal: AbortSignal): Promise<DriverStatus> {
    const { meter, dialog } = this.#parts;
    const ofMeter = (await meter?.status(signal)) ?? {};
    return { ...ofMeter, ...(await readLamps(dialog, this.#groups, signal)) };
  }

  async readControls(ids: readonly string[] | undefined, signal: AbortSignal): Promise<Record<string, ControlValue>> {
    const { meter } = this.#parts;
    await meter?.look(signal);
    if (meter?.current !== this.#tabled) this.#remake();
    const values = await this.#table.read(ids, signal);
    meter?.waitFor(values);
    return values;
  }

  async setControl(id: string, value: ControlValue, signal: AbortSignal): Promise<Record<string, ControlValue>> {
    const { meter } = this.#parts;
    const readBack = await this.#table.set(id, value, signal);
    if (!meter) return readBack;
    // Another function has ranges and an aperture of its own.
    return this.readControls(id === 'function' ? undefined : Object.keys(readBack), signal);
  }

  writes(id: string, value: ControlValue): readonly string[] | undefined {
    return this.#table.writes(id, value);
  }

  async send(command: string, options: ExchangeOptions): Promise<void> {
    await this.#parts.dialog.change([command], options);
  }

  explain(query: string, options: ExchangeOptions): Promise<LabError | undefined> {
    return this.#parts.dialog.explain(query, options);
  }

  async outputsOff(): Promise<OutputOff[]> {
    const { session, outputsOffStepMs: stepMs } = this.#context;
    const { definition } = this.#parts.family;
    const switches = this.#groups.flatMap(outputSwitches);
    const prepare = remoteCommands(definition, session.resource);
    const readErrors = errorReader(definition.errors);
    return switches.length > 0 ? switchOutputsOff(session, switches, { prepare, readErrors, stepMs }) : [];
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #hand(commands: readonly string[]): Promise<void> {
    for (const command of commands) await this.#context.session.write(command, { priority: 'person' });
  }

  #makeTable(): ControlTable {
    const { meter, rows, dialog } = this.#parts;
    return new ControlTable([...(meter?.rows() ?? []), ...rows], dialog);
  }

  /** The meter is in another function: other ranges, perhaps no aperture. */
  #remake(): void {
    this.#tabled = this.#parts.meter?.current;
    this.#table = this.#makeTable();
    this.shape = { ...this.shape, controls: this.#table.controls };
  }
}

/** Whether some of its channels are not measured all the time. */
function mayBeUnmeasured({ measuredWhile, channels }: ResolvedGroup): boolean {
  return measuredWhile !== undefined || channels.some(({ found }) => found !== undefined);
}

/** What turns the outputs of a group off. */
function outputSwitches({ group, select, controls }: ResolvedGroup): OutputSwitch[] {
  return controls
    .filter(({ isOutput, kind }) => isOutput && kind === 'switch')
    .map((control) => ({
      group,
      commands: [...select, ...commandsFor(control, false)],
      select,
      query: control.read?.ask,
      isOn: (text) => {
        const value = parseValue(control, text);
        return typeof value === 'boolean' ? value : undefined;
      },
    }));
}
