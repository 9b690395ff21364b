import type { Clock } from '../../core/clock.ts';
import type { Identity } from '../../core/instrument.ts';
import type { Circuit } from '../circuit.ts';
import type { FaultGate } from '../fault.ts';
import type { ExchangeNotes } from '../ledger.ts';
import type { Random } from '../random.ts';
import { type Command, command, query, setting } from '../scpi/command.ts';
import { ScpiError } from '../scpi/error-queue.ts';
import { ScpiInstrument } from '../scpi/instrument.ts';
import { choice } from '../scpi/parameter.ts';
import type { Accept, DeviceConnection, DeviceWire } from '../wire/device-wire.ts';
import { LineInput } from '../wire/line-input.ts';
import { frameReplies } from '../wire/scpi-connection.ts';
import { DAQ_CHANNELS } from './daq-channel.ts';
import type { DaqLedger } from './daq-ledger.ts';
import { DaqOutput } from './daq-output.ts';
import { type DaqSettings, resetSettings } from './daq-settings.ts';
import type { DaqStream } from './daq-stream.ts';
import { PacketStream } from './packet-stream.ts';
import { CircuitSignal, createRampSignal } from './signal.ts';
import { TextStream } from './text-stream.ts';

/** 0.4 s at 10 × 1 MS/s: a reader may pause that long before rows are dropped. */
export const DEFAULT_SEND_BUFFER_BYTES = 8 * 1024 * 1024;

export const DAQ_IDENTITY: Identity = { maker: 'Labwire', model: 'DAQ10', serial: 'LW00000001', firmware: '1.0' };

/** One port of the DAQ: TCP with packets, or the serial line with text. */
export interface DaqPort {
  settings: DaqSettings;
  circuit: Circuit;
  random: Random;
  clock: Clock;
  gate: FaultGate;
  exchanges: ExchangeNotes | undefined;
  ledger: DaqLedger | undefined;
  sendBufferBytes: number;
}

/**
 * A connection to the DAQ (docs/protocols/daq.md):
 *
 *               STARt                                  STOP, or the connection ends
 *     idle ───────────────▶ streaming: rows; replies ───────────────▶ idle
 *     replies are plain     among them are marked      end mark       replies are plain
 *     lines, as from any    (reply packet, #reply)
 *     SCPI instrument
 */
export function acceptDaq(port: DaqPort): Accept {
  return (wire) => new DaqConnection(wire, port);
}

const latin1 = new TextDecoder('latin1');

class DaqConnection implements DeviceConnection {
  readonly #wire: DeviceWire;
  readonly #port: DaqPort;
  readonly #input = new LineInput(4096);
  readonly #instrument: ScpiInstrument;
  readonly #output: DaqOutput;
  #stream: DaqStream | undefined;

  constructor(wire: DeviceWire, port: DaqPort) {
    this.#wire = wire;
    this.#port = port;
    this.#output = new DaqOutput(wire, port.gate, port.sendBufferBytes);
    this.#instrument = new ScpiInstrument({
      identity: DAQ_IDENTITY,
      commands: this.#commands(),
      reset: () => {
        this.#stop();
        resetSettings(port.settings);
      },
    });
  }

  closed(): void {
    this.#stream?.[Symbol.dispose]();
    this.#stream = undefined;
  }

  async receive(bytes: Uint8Array): Promise<void> {
    for (const line of this.#input.push(bytes)) {
      await this.#port.gate.whileHung();
      if (line === undefined) {
        this.#instrument.fail(-363);
        continue;
      }
      const message = latin1.decode(line);
      const replies = await this.#instrument.execute(message);
      if (replies.length === 0) {
        this.#port.exchanges?.write(message, undefined, 'sent');
        continue;
      }
      const answer = frameReplies(replies);
      if (this.#stream) {
        this.#stream.reply(latin1.decode(answer.subarray(0, -1)));
        this.#port.exchanges?.write(message, answer, 'sent');
      } else {
        // Before the optional call: without a ledger its arguments are not evaluated.
        const fate = await this.#port.gate.deliver(this.#wire, answer);
        this.#port.exchanges?.write(message, answer, fate);
      }
    }
  }

  #start(): void {
    if (this.#stream) throw new ScpiError(-213);
    const { settings, circuit, random, clock, ledger } = this.#port;
    settings.runs++;
    const signal =
      settings.signal === 'RAMP' ? createRampSignal() : new CircuitSignal(circuit, random, settings.rateHz);
    const Stream = settings.format === 'PACK' ? PacketStream : TextStream;
    this.#stream = new Stream(settings, signal, this.#output, ledger, clock);
  }

  #stop(): void {
    this.#stream?.end();
    this.#stream = undefined;
  }

  #whileIdle(): void {
    if (this.#stream) throw new ScpiError(-221);
  }

  #commands(): Command[] {
    const { settings } = this.#port;
    const list = (of: (channel: (typeof DAQ_CHANNELS)[number]) => string | number): string =>
      DAQ_CHANNELS.slice(0, settings.channels).map(of).join(',');
    return [
      query('FORMat?', [], () => settings.format),
      ...setting('RATE', 'HZ', String, () => ({
        limits: { min: 1, max: settings.maxRateHz, def: settings.format === 'PACK' ? 10_000 : 1000 },
        get: () => settings.rateHz,
        set: (value) => {
          this.#whileIdle();
          settings.rateHz = value;
        },
      })),
      ...setting('CHANnel[:COUNt]', '', String, () => ({
        limits: { min: 1, max: settings.maxChannels, def: settings.maxChannels },
        get: () => settings.channels,
        set: (value) => {
          this.#whileIdle();
          settings.channels = Math.round(value);
        },
      })),
      query('CHANnel:NAME?', [], () => list((channel) => channel.name)),
      query('CHANnel:UNIT?', [], () => list((channel) => channel.unit)),
      query('CHANnel:SCALe?', [], () => list((channel) => channel.scale)),
      query('CHANnel:OFFSet?', [], () => list((channel) => channel.offset)),
      command('SIGNal', [choice('CIRCuit', 'RAMP')], ([signal]) => {
        this.#whileIdle();
        settings.signal = signal;
      }),
      query('SIGNal?', [], () => settings.signal.toUpperCase().slice(0, 4)),
      command('STARt', [], () => this.#start()),
      command('STOP', [], () => this.#stop()),
      query('RUNNing?', [], () => (this.#stream ? '1' : '0')),
      query('DROPped?', [], () => String(this.#stream?.dropped ?? 0)),
    ];
  }
}
