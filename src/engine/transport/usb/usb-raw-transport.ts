import { createDeferred } from '../../../core/deferred.ts';
import { type ErrorCode, LabError } from '../../../core/errors.ts';
import { cancellation, ReadBuffer } from '../read-buffer.ts';
import type { ReadOptions, ReadResult, Transport, WriteOptions } from '../transport.ts';
import { SerialTurn } from './serial-turn.ts';
import type { UsbDevice } from './usb-device.ts';
import { goneError } from './usb-error.ts';
import type { UsbtmcEndpoints } from './usbtmc-function.ts';

/** Stalls in a row after which the endpoint is given up. */
const MAX_STALLS = 8;

/**
 * The bulk endpoints of an interface as a stream of bytes (VISA `::RAW`). Packets are read one by one: a device that fills them all sends no short
 * one, and what it sent would wait in a longer request.
 */
export class UsbRawTransport implements Transport {
  readonly resource: string;
  readonly closed: Promise<{ code: ErrorCode; message: string }>;
  readonly #device: UsbDevice;
  readonly #endpoints: UsbtmcEndpoints;
  readonly #buffer: ReadBuffer;
  readonly #controller = new AbortController();
  readonly #out = new SerialTurn();
  readonly #closed = createDeferred<{ code: ErrorCode; message: string }>();
  #space: ReturnType<typeof createDeferred<void>> | undefined;
  #ended: LabError | undefined;
  #disposed: Promise<void> | undefined;
  readonly #pump: Promise<void>;

  constructor(resource: string, device: UsbDevice, endpoints: UsbtmcEndpoints, bufferBytes?: number) {
    this.resource = resource;
    this.#device = device;
    this.#endpoints = endpoints;
    this.closed = this.#closed.promise;
    this.#buffer = new ReadBuffer({
      limitBytes: bufferBytes,
      onFull: () => {
        this.#space = createDeferred<void>();
      },
      onSpace: () => this.#space?.resolve(),
    });
    void device.gone.then((reason) => this.#end(reason));
    this.#pump = this.#read();
  }

  write(bytes: Uint8Array, { signal }: WriteOptions = {}): Promise<void> {
    return this.#out.run(async () => {
      if (this.#ended) throw this.#ended;
      if (signal?.aborted) throw cancellation(signal);
      const { number } = this.#endpoints.bulkOut;
      const either = signal ? AbortSignal.any([this.#controller.signal, signal]) : this.#controller.signal;
      const { status } = await this.#device.transferOut(number, bytes, { signal: either });
      if (status === 'ok') return;
      await this.#device.clearHalt('out', number);
      const message = `${this.resource} halted its endpoint; not all bytes were taken. Send them again.`;
      throw new LabError('protocol.malformed', message, { resource: this.resource });
    });
  }

  read(options?: ReadOptions): Promise<ReadResult> {
    return this.#buffer.read(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    const error = goneError(this.resource, 'The USB device was closed here');
    if (!this.#ended) this.#buffer.abandon(error);
    this.#end(error);
    this.#disposed ??= this.#close();
    return this.#disposed;
  }

  async #close(): Promise<void> {
    await this.#pump;
    await this.#device.close();
  }

  async #read(): Promise<void> {
    const { number, packetSize } = this.#endpoints.bulkIn;
    const { signal } = this.#controller;
    try {
      for (let stalls = 0; !signal.aborted; ) {
        await this.#space?.promise;
        const { status, bytes } = await this.#device.transferIn(number, packetSize, { signal });
        stalls = status === 'stall' ? stalls + 1 : 0;
        if (stalls >= MAX_STALLS) throw this.#halted();
        if (status === 'stall') await this.#device.clearHalt('in', number);
        else this.#buffer.push(bytes);
      }
    } catch (error) {
      if (!signal.aborted) this.#end(LabError.from(error));
    }
  }

  #halted(): LabError {
    const message = `${this.resource} halts its endpoint again and again: it sends nothing any more. The connection is closed. Switch the device off and on, then attach it again.`;
    return new LabError('transport.failed', message, { resource: this.resource });
  }

  #end(error: LabError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.#buffer.end(error);
    this.#controller.abort(error);
    this.#space?.resolve();
    this.#closed.resolve({ code: error.code, message: error.message });
    this.#disposed ??= this.#close();
  }
}
