import type { Clock } from '../../core/clock.ts';
import { createDeferred } from '../../core/deferred.ts';
import { LabError } from '../../core/errors.ts';
import type { Control, ControlValue, InstrumentShape } from '../../core/instrument.ts';
import type { ColumnInfo } from '../../core/stream-info.ts';
import { parseScpiNumber } from '../../protocol/scpi-number.ts';
import type { Session } from '../session/session.ts';
import type { Transport } from '../transport/transport.ts';
import type { Driver, DriverContext, DriverFamily, OutputOff, StreamOutlet } from './driver.ts';
import { ScpiDialog } from './scpi-dialog.ts';
import { openPacketReader } from './stream-packet.ts';
import type { OpenReader, StreamReader, StreamSetup } from './stream-reader.ts';
import { openTextReader } from './stream-text.ts';

/** How long the device may take to end a run after STOP. */
const STOP_TIMEOUT_MS = 2000;
const encoder = new TextEncoder();

/** The streaming DAQ of docs/protocols/daq.md, whichever way it is reached: it says itself whether it sends packets or lines. */
export const daqFamily: DriverFamily = {
  name: 'Labwire DAQ',
  matches: ({ maker, model }) => /^labwire$/i.test(maker) && /^DAQ\d/i.test(model),
  async open(context) {
    const dialog = new ScpiDialog(context.session, context.report);
    const { texts } = await dialog.ask([':FORM?', ':RATE? MIN', ':RATE? MAX', ':CHAN? MAX']);
    const [format, minHz, maxHz, maxChannels] = texts;
    const limits = {
      minHz: numberOf(minHz, 'RATE? MIN'),
      maxHz: numberOf(maxHz, 'RATE? MAX'),
      maxChannels: numberOf(maxChannels, 'CHAN? MAX'),
    };
    const driver = new DaqDriver(context, dialog, format === 'PACK' ? openPacketReader : openTextReader, limits);
    await driver.readControls();
    return driver;
  },
};

/** What the device can be set to, by control id. */
const HEADERS: Record<string, string> = { rate: ':RATE', channels: ':CHAN', signal: ':SIGN' };

/**
 * Runs the stream and, between runs, sets what can only be set then:
 *
 *      stream()                  STAR                         STOP, end mark
 *     ──────────▶ idle ─────────────────▶ running (wire taken) ─────────────▶ idle ─▶ …
 *                  ▲  controls are read and written here            │
 *                  └── switched off, or held by setControl ◀────────┘
 */
class DaqDriver implements Driver {
  readonly shape: InstrumentShape;
  readonly #session: Session;
  readonly #clock: Clock;
  readonly #dialog: ScpiDialog;
  readonly #openReader: OpenReader;
  #values: Record<string, ControlValue> = {};
  #isWanted = true;
  /** Settings being changed: no run starts. */
  #holds = 0;
  /** The run that is on, from before it takes the wire to after it gave it back. */
  #run: Promise<void> | undefined;
  #stopRun: (() => void) | undefined;
  #wake = createDeferred<void>();
  /** Of the runs before this one. */
  #malformedBefore = 0;

  constructor(context: DriverContext, dialog: ScpiDialog, openReader: OpenReader, limits: DaqLimits) {
    this.#session = context.session;
    this.#clock = context.clock;
    this.#dialog = dialog;
    this.#openReader = openReader;
    this.shape = {
      role: 'stream',
      controls: daqControls(limits),
      polled: [],
      maxPollHz: 0,
      defaultPollHz: 0,
      commands: [
        '*IDN?',
        'FORM?',
        'RATE',
        'CHAN',
        'CHAN:NAME?',
        'CHAN:UNIT?',
        'CHAN:SCAL?',
        'SIGN',
        'RUNN?',
        'SYST:ERR?',
      ],
      waveforms: [],
    };
  }

  /** While it streams: as read before the run, because nothing can change them then. */
  async readControls(ids?: readonly string[], signal?: AbortSignal): Promise<Record<string, ControlValue>> {
    if (!this.#run) {
      const options = signal ? { signal } : {};
      const { texts } = await this.#dialog.ask(
        Object.values(HEADERS).map((header) => `${header}?`),
        options,
      );
      this.#values = {
        rate: numberOf(texts[0], 'RATE?'),
        channels: numberOf(texts[1], 'CHAN?'),
        signal: texts[2] === 'RAMP' ? 'ramp' : 'circuit',
      };
    }
    const all: Record<string, ControlValue> = { ...this.#values, running: this.#isWanted };
    return ids ? Object.fromEntries(Object.entries(all).filter(([id]) => ids.includes(id))) : all;
  }

  async setControl(id: string, value: ControlValue, signal: AbortSignal): Promise<Record<string, ControlValue>> {
    if (id === 'running') {
      this.#isWanted = value === true;
      if (!this.#isWanted) await this.#halt();
      this.#wake.resolve();
      return { running: this.#isWanted };
    }
    const header = HEADERS[id];
    if (!header) throw new LabError('call.invalid', `The DAQ has no control '${id}'. Nothing was sent.`, { id });
    this.#holds++;
    try {
      await this.#halt();
      await this.#dialog.change([`${header} ${typeof value === 'string' ? value.toUpperCase() : Number(value)}`], {
        signal,
      });
      return await this.readControls(Object.keys(HEADERS), signal);
    } finally {
      this.#holds--;
      this.#wake.resolve();
    }
  }

  /** A DAQ has no outputs. */
  async outputsOff(): Promise<OutputOff[]> {
    return [];
  }

  async stream(outlet: StreamOutlet, signal: AbortSignal): Promise<void> {
    const onAbort = (): void => {
      this.#stopRun?.();
      this.#wake.resolve();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      while (!signal.aborted) {
        if (this.#isWanted && this.#holds === 0) {
          this.#run = this.#stream(outlet, signal);
          await this.#run.finally(() => {
            this.#run = undefined;
          });
        } else {
          this.#wake = createDeferred<void>();
          await this.#wake.promise;
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopRun?.();
  }

  /** One run, STAR to end mark. */
  async #stream(outlet: StreamOutlet, signal: AbortSignal): Promise<void> {
    const setup = await this.#readSetup(signal);
    if (this.#mayNotRun(signal)) return;
    const reader = this.#openReader(setup, (rows) => outlet.rows(rows));
    const { transport, release, recalled } = await this.#session.takeWire();
    recalled.addEventListener('abort', () => this.#stopRun?.(), { once: true });
    try {
      if (this.#mayNotRun(signal) || recalled.aborted) return;
      outlet.opened({ stream: 'samples', ...setup, float64: reader.float64 });
      await this.#readRun(transport, reader, outlet);
    } finally {
      this.#stopRun = undefined;
      this.#malformedBefore += reader.malformed;
      await release();
    }
  }

  #mayNotRun(signal: AbortSignal): boolean {
    return signal.aborted || !this.#isWanted || this.#holds > 0;
  }

  async #readRun(transport: Transport, reader: StreamReader, outlet: StreamOutlet): Promise<void> {
    // Aborted only when the device does not end the run it was told to stop.
    const stuck = new AbortController();
    let timer: Disposable | undefined;
    this.#stopRun = () => {
      this.#stopRun = undefined;
      // A wire that is gone stops the device too; the read says so.
      transport.write(encoder.encode('STOP\n')).catch(() => {});
      timer = this.#clock.after(STOP_TIMEOUT_MS, () =>
        stuck.abort(
          new LabError(
            'transport.timeout',
            `${this.#session.resource} was told to stop streaming and did not within ${STOP_TIMEOUT_MS / 1000} s. Its data pause; Labwire connects anew.`,
          ),
        ),
      );
    };
    try {
      await transport.write(encoder.encode('STAR\n'));
      let malformed = 0;
      while (!reader.hasEnded) {
        const { bytes } = await transport.read({ signal: stuck.signal });
        reader.push(bytes, this.#clock.nowNs());
        if (reader.malformed !== malformed) {
          malformed = reader.malformed;
          outlet.malformed(this.#malformedBefore + malformed);
        }
      }
    } finally {
      timer?.[Symbol.dispose]();
    }
  }

  /** Ends the run that is on, if one is. Its failure is told by `stream`. */
  async #halt(): Promise<void> {
    this.#stopRun?.();
    await this.#run?.catch(() => {});
  }

  async #readSetup(signal: AbortSignal): Promise<StreamSetup> {
    const { texts } = await this.#dialog.ask([':RATE?', ':CHAN:NAME?', ':CHAN:UNIT?', ':CHAN:SCAL?', ':CHAN:OFFS?'], {
      signal,
    });
    const [rate, names = '', units = '', scales = '', offsets = ''] = texts;
    const unitOf = units.split(',');
    const scaleOf = scales.split(',');
    const offsetOf = offsets.split(',');
    const channels = names.split(',');
    if (channels.length > MAX_CHANNELS || channels.some((name) => !CHANNEL_NAME.test(name))) {
      throw new LabError(
        'protocol.malformed',
        `${this.#session.resource} names its channels in a way that cannot be used (${names.slice(0, 60)}…). It is not measured. Check that it is a streaming device, and its firmware.`,
      );
    }
    const columns = channels.map((channel, index): ColumnInfo => {
      const scale = numberOf(scaleOf[index], 'CHAN:SCAL?');
      const offset = numberOf(offsetOf[index], 'CHAN:OFFS?');
      return { channel, unit: unitOf[index] ?? '', scale, offset, bits: 16, resolution: scale };
    });
    return { columns, rateHz: numberOf(rate, 'RATE?') };
  }
}

/** Most columns a stream may have here, and what a name may look like: it becomes part of channel ids, files and tables. */
const MAX_CHANNELS = 256;
const CHANNEL_NAME = /^[A-Za-z][\w.-]{0,63}$/;

interface DaqLimits {
  minHz: number;
  maxHz: number;
  maxChannels: number;
}

function daqControls({ minHz, maxHz, maxChannels }: DaqLimits): Control[] {
  return [
    { id: 'rate', group: '', label: 'Rate', kind: 'number', unit: 'Hz', min: minHz, max: maxHz, resolution: 1 },
    { id: 'channels', group: '', label: 'Channels', kind: 'number', min: 1, max: maxChannels, resolution: 1 },
    { id: 'signal', group: '', label: 'Signal', kind: 'choice', choices: ['circuit', 'ramp'] },
    { id: 'running', group: '', label: 'Running', kind: 'switch' },
  ];
}

function numberOf(text: string | undefined, query: string): number {
  const value = text === undefined ? undefined : parseScpiNumber(text);
  if (value === undefined || !Number.isFinite(value)) {
    throw new LabError(
      'protocol.malformed',
      `The DAQ answered '${text ?? ''}' to ${query}, which is no number. It is not attached.`,
    );
  }
  return value;
}
