import { LabError } from '../../core/errors.ts';
import type { ControlValue, InstrumentShape } from '../../core/instrument.ts';
import type { ColumnInfo } from '../../core/stream-info.ts';
import { parseScpiBoolean, parseScpiNumber } from '../../protocol/scpi-number.ts';
import type { Wire } from '../session/session.ts';
import { type ControlRow, ControlTable, choiceRow, numberRow, switchRow } from './control-table.ts';
import type { Driver, DriverContext, DriverFamily, DriverRow, DriverStatus, OutputOff, Waveform } from './driver.ts';
import { parsePreamble, scaleCodes } from './scope-waveform.ts';
import { isBoolean, isNumber, isWord, readErrors, ScpiDialog } from './scpi-dialog.ts';

/** Most points one :WAV:DATA? gives in BYTE format (programming guide). */
const POINTS_PER_READ = 250_000;
/** Deeper memories are captured as on the screen: a capture may not take minutes. */
const MAX_POINTS = 2_000_000;
const BLOCK_TIMEOUT_MS = 10_000;

const MEASURED = [
  { item: 'VPP', name: 'vpp', unit: 'V' },
  { item: 'VAVG', name: 'vavg', unit: 'V' },
  { item: 'FREQ', name: 'frequency', unit: 'Hz' },
];
const UNITS: Record<string, string> = { VOLT: 'V', AMP: 'A', WATT: 'W' };

/** Rigol DS1000Z and MSO1000Z. DS1000Z Programming Guide. */
export const rigolDs1000zFamily: DriverFamily = {
  name: 'Rigol DS1000Z',
  matches: ({ maker, model }) => /rigol/i.test(maker) && /^(DS|MSO)1\d\d\dZ/i.test(model),
  open: openRigolDs1000z,
};

async function openRigolDs1000z(context: DriverContext): Promise<Driver> {
  const dialog = new ScpiDialog(context.session, (error) => context.report(error));
  // DS1x0nZ: n channels.
  const count = Math.min(4, Math.max(1, Number(context.identity.model.match(/(\d)Z/i)?.[1]) || 4));
  const channels = Array.from({ length: count }, (_, index) => index + 1);
  const { texts } = await dialog.ask(
    channels.map((channel) => `:CHAN${channel}:UNIT?`),
    {},
    isWord,
  );
  const units = texts.map(
    (text) => UNITS[text.trim().toUpperCase().slice(0, 4)] ?? UNITS[text.trim().toUpperCase()] ?? '',
  );
  return new RigolDs1000z(context, dialog, channels, units);
}

class RigolDs1000z implements Driver {
  readonly shape: InstrumentShape;
  readonly #context: DriverContext;
  readonly #dialog: ScpiDialog;
  readonly #channels: readonly number[];
  readonly #units: readonly string[];
  readonly #table: ControlTable;

  constructor(context: DriverContext, dialog: ScpiDialog, channels: readonly number[], units: readonly string[]) {
    this.#context = context;
    this.#dialog = dialog;
    this.#channels = channels;
    this.#units = units;
    this.#table = new ControlTable(controlRows(channels), dialog);
    this.shape = {
      role: 'scope',
      controls: this.#table.controls,
      polled: channels.flatMap((channel): ColumnInfo[] =>
        MEASURED.map(({ name, unit }) => ({
          channel: `ch${channel}.${name}`,
          unit: unit === 'V' ? (units[channel - 1] ?? '') : unit,
        })),
      ),
      maxPollHz: 10,
      defaultPollHz: 2,
      commands: COMMANDS,
      waveforms: channels.map((channel) => this.#column(channel)),
    };
  }

  /** Measurements of the channels that are displayed; what the scope cannot measure is missing (it says 9.9E37), not overloaded. */
  async poll(signal: AbortSignal, wanted?: readonly string[]): Promise<DriverRow> {
    const options = { signal, priority: 'poll' } as const;
    const asked = this.#channels.filter((one) => !wanted || wanted.some((name) => name.startsWith(`ch${one}.`)));
    const shown = await this.#dialog.ask(
      asked.map((channel) => `:CHAN${channel}:DISP?`),
      options,
      isBoolean,
    );
    const displayed = asked.filter((_, index) => parseScpiBoolean(shown.texts[index] ?? ''));
    const values = new Float64Array(this.shape.polled.length).fill(Number.NaN);
    const active = displayed.flatMap((channel) => MEASURED.map(({ name }) => `ch${channel}.${name}`));
    if (displayed.length === 0) return { values, active, sentNs: shown.sentNs, receivedNs: shown.receivedNs };
    const queries = displayed.flatMap((channel) => MEASURED.map(({ item }) => `:MEAS:ITEM? ${item},CHAN${channel}`));
    const { texts, sentNs, receivedNs } = await this.#dialog.ask(queries, options, isNumber);
    displayed.forEach((channel, index) => {
      MEASURED.forEach((_, place) => {
        const value = parseScpiNumber(texts[index * MEASURED.length + place] ?? '') ?? Number.NaN;
        values[(channel - 1) * MEASURED.length + place] = Number.isFinite(value) ? value : Number.NaN;
      });
    });
    return { values, active, sentNs, receivedNs };
  }

  async status(signal: AbortSignal): Promise<DriverStatus> {
    const { texts } = await this.#dialog.ask([':TRIG:STAT?'], { signal, priority: 'poll' }, isWord);
    return { 'trigger.state': (texts[0] ?? '').trim() };
  }

  readControls(ids: readonly string[] | undefined, signal: AbortSignal): Promise<Record<string, ControlValue>> {
    return this.#table.read(ids, signal);
  }

  async setControl(id: string, value: ControlValue, signal: AbortSignal): Promise<Record<string, ControlValue>> {
    if (id === 'acquire' && value === 'run') {
      // After a single shot RUN would be another single shot.
      const { texts } = await this.#dialog.ask([':TRIG:SWE?'], { signal }, isWord);
      if (/^SING/i.test(texts[0] ?? '')) await this.#dialog.change([':TRIG:SWE AUTO'], { signal });
    }
    return this.#table.set(id, value, signal);
  }

  async outputsOff(): Promise<OutputOff[]> {
    return [];
  }

  /**
   * Stops a running acquisition, so that all channels are of one trigger, reads them, and runs it again. Throws `call.invalid` for channels it
   * has not, `instrument.rejected` if the scope has no waveform: its error queue is read before data are asked for, because a query that
   * failed is never answered.
   */
  async capture(names: readonly string[], signal: AbortSignal): Promise<Waveform> {
    const channels = this.#channels.filter((channel) => names.includes(`ch${channel}.waveform`));
    if (channels.length !== new Set(names).size || channels.length === 0) {
      const asked = names.join(', ') || 'no channel';
      throw new LabError('call.invalid', `There is no waveform of ${asked}. Nothing was captured.`);
    }
    let mustRun = false;
    try {
      return await this.#context.session.transaction(
        async (wire) => {
          const before = (await wire.query(':TRIG:STAT?', undefined, isWord)).text.trim().toUpperCase();
          mustRun = before !== 'STOP' && before !== 'WAIT';
          if (mustRun) await wire.write(':STOP');
          const waveform = await this.#readWaveforms(wire, channels);
          if (mustRun) await wire.write(':RUN');
          mustRun = false;
          return waveform;
        },
        { signal, timeoutMs: BLOCK_TIMEOUT_MS },
      );
    } finally {
      // Failed or cancelled half-way: the wire of the transaction is gone, but the scope must not stay stopped.
      if (mustRun)
        await this.#context.session.write(':RUN').catch((error: unknown) => this.#context.report(LabError.from(error)));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #readWaveforms(wire: Wire, channels: readonly number[]): Promise<Waveform> {
    const waveform: Waveform = { columns: [], samples: [], xOriginS: 0, dtS: 0, t0Ns: this.#context.clock.nowNs() };
    await readErrors(wire);
    for (const channel of channels) {
      const preamble = await this.#select(wire, channel);
      const samples = new Float32Array(preamble.points);
      for (let first = 0; first < preamble.points; first += POINTS_PER_READ) {
        const last = Math.min(preamble.points, first + POINTS_PER_READ);
        await wire.write(`:WAV:STAR ${first + 1}`);
        await wire.write(`:WAV:STOP ${last}`);
        const codes = await wire.queryBlock(':WAV:DATA?', BLOCK_TIMEOUT_MS);
        if (codes.length !== last - first) {
          throw new LabError(
            'protocol.malformed',
            `The scope gave ${codes.length} points of CH${channel} where ${last - first} were asked for. Nothing was captured; try again.`,
          );
        }
        scaleCodes(codes, preamble, samples, first);
      }
      const { yIncrement, yOrigin, yReference } = preamble;
      const offset = -(yOrigin + yReference) * yIncrement;
      waveform.columns.push({ ...this.#column(channel), scale: yIncrement, offset, bits: 8 });
      waveform.samples.push(samples);
      waveform.xOriginS = preamble.xOrigin;
      waveform.dtS = preamble.xIncrement;
    }
    return waveform;
  }

  /** Whole memory of a stopped scope, if it is not too deep, else what the screen shows. */
  async #select(wire: Wire, channel: number): Promise<ReturnType<typeof parsePreamble>> {
    for (const mode of ['RAW', 'NORM']) {
      await wire.write(`:WAV:SOUR CHAN${channel}`);
      await wire.write(`:WAV:MODE ${mode}`);
      await wire.write(':WAV:FORM BYTE');
      const shown = parseScpiBoolean((await wire.query(`:CHAN${channel}:DISP?`, undefined, isBoolean)).text);
      const errors = shown ? await readErrors(wire) : [];
      if (!shown || errors.length > 0) {
        const why =
          errors.map(({ code, message }) => `${code} ${message}`).join('; ') || 'the channel is not displayed';
        throw new LabError('instrument.rejected', `CH${channel} has no waveform: ${why}. Nothing was captured.`);
      }
      const preamble = parsePreamble((await wire.query(':WAV:PRE?')).text);
      if (preamble.points <= MAX_POINTS) return preamble;
    }
    throw new LabError(
      'protocol.malformed',
      `The waveform of CH${channel} has more than ${MAX_POINTS} points on screen.`,
    );
  }

  #column(channel: number): ColumnInfo {
    return { channel: `ch${channel}.waveform`, unit: this.#units[channel - 1] ?? '' };
  }
}

function controlRows(channels: readonly number[]): ControlRow[] {
  const rows = channels.flatMap((channel): ControlRow[] => {
    const group = `ch${channel}`;
    const header = `:CHAN${channel}`;
    return [
      switchRow({ id: `${group}.display`, group, label: 'Display' }, `${header}:DISP`),
      numberRow({ id: `${group}.scale`, group, label: 'Scale', unit: 'V', min: 1e-3, max: 100 }, `${header}:SCAL`, {
        touches: [`${group}.offset`],
      }),
      numberRow({ id: `${group}.offset`, group, label: 'Offset', unit: 'V' }, `${header}:OFFS`),
      choiceRow({ id: `${group}.coupling`, group, label: 'Coupling' }, `${header}:COUP`, words('DC', 'AC', 'GND')),
    ];
  });
  const sources = channels.map((channel) => ({ choice: `CH${channel}`, word: `CHAN${channel}` }));
  const slopes = [
    { choice: 'rising', word: 'POS' },
    { choice: 'falling', word: 'NEG' },
    { choice: 'either', word: 'RFAL' },
  ];
  rows.push(
    numberRow({ id: 'timebase.scale', group: '', label: 'Time/div', unit: 's', min: 5e-9, max: 50 }, ':TIM:SCAL'),
    numberRow({ id: 'timebase.offset', group: '', label: 'Time offset', unit: 's' }, ':TIM:OFFS'),
    choiceRow({ id: 'trigger.source', group: '', label: 'Trigger source' }, ':TRIG:EDG:SOUR', sources),
    numberRow({ id: 'trigger.level', group: '', label: 'Trigger level', unit: 'V' }, ':TRIG:EDG:LEV'),
    choiceRow({ id: 'trigger.slope', group: '', label: 'Slope' }, ':TRIG:EDG:SLOP', slopes),
    {
      control: { id: 'acquire', group: '', label: 'Acquire', kind: 'choice', choices: ['run', 'stop', 'single'] },
      read: ':TRIG:STAT?',
      parse: (text) => (text.trim().toUpperCase() === 'STOP' ? 'stop' : 'run'),
      write: (value) => (value === 'single' ? [':SING'] : value === 'stop' ? [':STOP'] : [':RUN']),
    },
  );
  return rows;
}

function words(...choices: string[]): { choice: string; word: string }[] {
  return choices.map((choice) => ({ choice, word: choice }));
}

const COMMANDS = [
  ':ACQ:MDEP?',
  ':ACQ:SRAT?',
  ':CHAN1:COUP?',
  ':CHAN1:DISP?',
  ':CHAN1:OFFS?',
  ':CHAN1:SCAL?',
  ':MEAS:ITEM? VPP,CHAN1',
  ':RUN',
  ':SING',
  ':STOP',
  ':SYST:ERR?',
  ':TFOR',
  ':TIM:SCAL?',
  ':TRIG:EDG:LEV?',
  ':TRIG:EDG:SOUR?',
  ':TRIG:STAT?',
  ':WAV:DATA?',
  ':WAV:PRE?',
  '*IDN?',
  '*OPC?',
];
