import { LabError } from '../../core/errors.ts';
import type { Control, ControlValue, InstrumentShape } from '../../core/instrument.ts';
import type { ExchangeOptions, Session } from '../session/session.ts';
import type { Transport } from '../transport/transport.ts';
import type { Driver, DriverContext, OutputOff, StreamOutlet } from './driver.ts';

/** Bytes of a device that talks by itself, to rows. One per connection. */
export interface FreeReader {
  /** Bad lines or frames so far. */
  readonly malformed: number;
  /** `bytes` is borrowed; what was found goes to the outlet from within the call. */
  push(bytes: Uint8Array, arrivedNs: bigint): void;
}

const RUNNING: Control = { id: 'running', group: '', label: 'Running', kind: 'switch' };
const SHAPE: InstrumentShape = {
  role: 'stream',
  controls: [RUNNING],
  polled: [],
  maxPollHz: 0,
  defaultPollHz: 0,
  commands: [],
  waveforms: [],
};

/**
 * A device that sends without being asked and understands nothing (lines of a microcontroller, Teleplot, frames): the wire is its own as long as it
 * streams. Commands of a person go out beside the stream; what the device says to them comes in the stream, or not at all. Switching `running`
 * off leaves what comes unread, so that a serial line holds the device back where it can.
 */
export class FreeStreamDriver implements Driver {
  readonly shape = SHAPE;
  readonly #context: DriverContext;
  readonly #session: Session;
  readonly #openReader: (outlet: StreamOutlet) => FreeReader;
  readonly #lineEnd: Uint8Array;
  #isWanted = true;
  #wake: () => void = () => undefined;
  #halt: (() => void) | undefined;
  #wire: Transport | undefined;
  #malformedBefore = 0;

  constructor(context: DriverContext, openReader: (outlet: StreamOutlet) => FreeReader) {
    this.#context = context;
    this.#session = context.session;
    this.#openReader = openReader;
    const ends = { lf: '\n', cr: '\r', crlf: '\r\n', none: '' };
    this.#lineEnd = Buffer.from(ends[context.options?.writeTermination ?? 'lf']);
  }

  async readControls(): Promise<Record<string, ControlValue>> {
    return { running: this.#isWanted };
  }

  async setControl(id: string, value: ControlValue): Promise<Record<string, ControlValue>> {
    if (id !== RUNNING.id)
      throw new LabError('call.invalid', `This device has no control '${id}'. Nothing was sent.`, { id });
    this.#isWanted = value === true;
    if (this.#isWanted) this.#wake();
    else this.#halt?.();
    return { running: this.#isWanted };
  }

  /** Nothing it could switch. */
  async outputsOff(): Promise<OutputOff[]> {
    return [];
  }

  /** Sends a line beside the stream. Throws transport.*. */
  async send(command: string, { signal }: ExchangeOptions): Promise<void> {
    const wire = this.#wire;
    if (!wire) return await this.#session.write(command, signal ? { signal } : {});
    await wire.write(Buffer.concat([Buffer.from(command, 'latin1'), this.#lineEnd]), signal ? { signal } : {});
  }

  async stream(outlet: StreamOutlet, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#isWanted) await this.#run(outlet, signal);
      else await this.#untilWanted(signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#halt?.();
  }

  async #run(outlet: StreamOutlet, signal: AbortSignal): Promise<void> {
    const reader = this.#openReader(outlet);
    const { transport, release, recalled } = await this.#session.takeWire();
    const halted = new AbortController();
    this.#halt = () => halted.abort();
    const stop = AbortSignal.any([signal, recalled, halted.signal]);
    this.#wire = transport;
    try {
      let malformed = -1;
      while (!stop.aborted) {
        const { bytes } = await transport.read({ signal: stop });
        reader.push(bytes, this.#context.clock.nowNs());
        if (reader.malformed === malformed) continue;
        malformed = reader.malformed;
        outlet.malformed(this.#malformedBefore + malformed);
      }
    } catch (error) {
      if (!stop.aborted) throw error;
    } finally {
      this.#wire = undefined;
      this.#halt = undefined;
      this.#malformedBefore += reader.malformed;
      await release();
    }
  }

  #untilWanted(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#wake = done;
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
