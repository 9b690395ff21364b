import { createDeferred } from '../../../core/deferred.ts';
import { type ErrorCode, LabError } from '../../../core/errors.ts';
import { fromOsError } from '../os-error.ts';
import { cancellation } from '../read-buffer.ts';
import { splitRead } from '../split-read.ts';
import type { ReadOptions, ReadResult, RemoteMode, Transport, TransportControl, WriteOptions } from '../transport.ts';
import { udevAdvice } from '../usb/udev-rule.ts';
import { onVanished } from './file-watch.ts';
import { kernelUsbtmc, USBTMC_IOCTL, type UsbtmcDriver } from './usbtmc-driver.ts';
import { WaitGate } from './wait-gate.ts';

export interface UsbtmcFileOptions {
  /** Longest wait in one call of the driver, at least 100; default 500. An abort takes no longer. */
  sliceMs?: number | undefined;
  driver?: UsbtmcDriver | undefined;
  signal?: AbortSignal | undefined;
}

/** Bit 0 of the attributes of the last transfer: EOM. Bits of the capabilities: TRIGGER, and the three of remote and local. */
const EOM = 1;
const CAN = { trigger: 1, remoteLocal: 2, is4882: 4 } as const;
const READ_BYTES = 1024 * 1024;

/** A call that waits holds a thread of the pool, which has four for everything (recordings too): two at a time may wait. */
const gate = new WaitGate(2);

/**
 * Opens `/dev/usbtmcN` of Linux' own driver. Throws `transport.not-found`, `transport.denied` (with the udev rule), `transport.busy`,
 * `transport.failed`; nothing stays open then.
 */
export async function openUsbtmcFile(
  { path, canonical }: { path: string; canonical: string },
  { sliceMs = 500, driver = kernelUsbtmc, signal }: UsbtmcFileOptions = {},
): Promise<Transport> {
  if (signal?.aborted) throw cancellation(signal);
  const file = await driver.open(path).catch((error: unknown) => {
    const failure = fromOsError(error, canonical, `Cannot open ${path}`);
    if (failure.code !== 'transport.denied') throw failure;
    const message = `Cannot open ${path}: the system does not permit it. Nothing is open. ${udevAdvice(undefined)}`;
    throw new LabError('transport.denied', message, failure.details, { cause: error });
  });
  try {
    const capabilities = Uint8Array.of(0);
    await driver.ioctl(file, USBTMC_IOCTL.setTimeout, u32(Math.max(100, sliceMs)));
    // A request that nothing answered is taken back by the driver itself.
    await driver.ioctl(file, USBTMC_IOCTL.autoAbort, Uint8Array.of(1));
    await driver.ioctl(file, USBTMC_IOCTL.getCapabilities, capabilities);
    return new UsbtmcFileTransport(canonical, path, file, driver, capabilities[0] ?? 0);
  } catch (error) {
    driver.close(file);
    const { message } = LabError.from(error);
    throw new LabError(
      'transport.failed',
      `${path} is no USBTMC instrument. ${message} Nothing is open.`,
      {},
      { cause: error },
    );
  }
}

class UsbtmcFileTransport implements Transport {
  readonly resource: string;
  readonly isMessageBased = true;
  readonly closed: Promise<{ code: ErrorCode; message: string }>;
  readonly control: TransportControl;
  readonly #file: number;
  readonly #driver: UsbtmcDriver;
  readonly #buffer = new Uint8Array(READ_BYTES);
  readonly #closed = createDeferred<{ code: ErrorCode; message: string }>();
  readonly #watcher: Disposable;
  /** The driver does one thing at a time for a file. */
  #last: Promise<unknown> = Promise.resolve();
  #reading: { reject: (error: LabError) => void } | undefined;
  /** What came for a read that was given up, in bytes of its own; dropped by a clear or the next message. */
  #late: ReadResult | undefined;
  #isAsked = false;
  #asking = createDeferred<void>();
  #termChar: number | undefined;
  #isEomOn = true;
  #ended: LabError | undefined;
  #disposed: Promise<void> | undefined;

  constructor(resource: string, path: string, file: number, driver: UsbtmcDriver, capabilities: number) {
    this.resource = resource;
    this.#file = file;
    this.#driver = driver;
    this.closed = this.#closed.promise;
    const can = (bit: number): boolean => (capabilities & bit) !== 0;
    this.control = {
      clear: (signal) => this.#clear(signal),
      ...(can(CAN.trigger) ? { trigger: (signal?: AbortSignal) => this.#trigger(signal) } : {}),
      ...(can(CAN.is4882) ? { statusByte: (signal?: AbortSignal) => this.#statusByte(signal) } : {}),
      ...(can(CAN.remoteLocal)
        ? { remoteLocal: (mode: RemoteMode, signal?: AbortSignal) => this.#remote(mode, signal) }
        : {}),
    };
    this.#watcher = onVanished(path, () => this.#end(gone(resource)));
  }

  write(bytes: Uint8Array, { end = false, signal }: WriteOptions = {}): Promise<void> {
    return this.#turn(signal, async () => {
      this.#late = undefined;
      if (end !== this.#isEomOn) {
        await this.#driver.ioctl(this.#file, USBTMC_IOCTL.eomEnable, Uint8Array.of(end ? 1 : 0));
        this.#isEomOn = end;
      }
      for (let at = 0; at < bytes.length; ) {
        const count = await gate.run(() => this.#driver.write(this.#file, bytes.subarray(at)));
        if (count <= 0) throw new LabError('transport.timeout', `${this.resource} takes no more bytes. Clear it.`);
        at += count;
      }
      if (end) this.#nowAsked();
    });
  }

  read(options: ReadOptions = {}): Promise<ReadResult> {
    const { signal } = options;
    if (this.#ended) return Promise.reject(this.#ended);
    if (this.#reading) {
      return Promise.reject(
        new LabError('call.invalid', 'A read is waiting on this instrument already; one at a time.'),
      );
    }
    if (signal?.aborted) return Promise.reject(cancellation(signal));
    return new Promise<ReadResult>((resolve, reject) => {
      const reading = { reject };
      this.#reading = reading;
      const onAbort = (): void => {
        if (signal) this.#giveUp(cancellation(signal));
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const isWanted = (): boolean => this.#reading === reading;
      const settle = (give: () => void): void => {
        signal?.removeEventListener('abort', onAbort);
        if (!isWanted()) return;
        this.#reading = undefined;
        give();
      };
      this.#fetch(options, isWanted).then(
        (result) => settle(() => result && resolve(result)),
        (error: unknown) => settle(() => reject(error)),
      );
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    const message = `${this.resource} was closed here. What was not answered is lost; attach it again.`;
    this.#end(new LabError('transport.closed', message, { resource: this.resource }));
    return this.#disposed ?? Promise.resolve();
  }

  /** Slices until something comes; whoever gave up is looked for between two. */
  async #fetch({ max = READ_BYTES, termChar }: ReadOptions, isWanted: () => boolean): Promise<ReadResult | undefined> {
    // A slice of a read that was given up may still be under way; what it brings comes first.
    while (isWanted()) {
      const result = await this.#turn(undefined, async () => {
        if (!isWanted()) return undefined;
        if (this.#late) return this.#takeLate(this.#late, { max, termChar });
        const slice = this.#isAsked ? await this.#slice(max, termChar) : undefined;
        if (!slice || isWanted()) return slice;
        this.#late = { bytes: new Uint8Array(slice.bytes), end: slice.end };
        return undefined;
      });
      if (result) return result;
      if (isWanted() && !this.#isAsked && !this.#late) await this.#asking.promise;
    }
    return undefined;
  }

  #takeLate(late: ReadResult, options: ReadOptions): ReadResult {
    const { given, rest } = splitRead(late, options);
    this.#late = rest;
    return given;
  }

  async #slice(max: number, termChar: number | undefined): Promise<ReadResult | undefined> {
    if (termChar !== this.#termChar) {
      const argument = Uint8Array.of(termChar ?? 10, termChar === undefined ? 0 : 1);
      await this.#driver.ioctl(this.#file, USBTMC_IOCTL.configTermChar, argument);
      this.#termChar = termChar;
    }
    const room = this.#buffer.subarray(0, Math.max(1, Math.min(max, READ_BYTES)));
    let count: number;
    try {
      count = await gate.run(() => this.#driver.read(this.#file, room));
    } catch (error) {
      if (isTimeout(error)) return undefined;
      throw error;
    }
    const attributes = Uint8Array.of(0);
    await this.#driver.ioctl(this.#file, USBTMC_IOCTL.messageInAttributes, attributes);
    const end = ((attributes[0] ?? 0) & EOM) !== 0;
    if (end) this.#isAsked = false;
    return { bytes: room.subarray(0, count), end };
  }

  async #clear(signal?: AbortSignal): Promise<void> {
    this.#giveUp(
      new LabError('transport.timeout', 'A device clear ended what was under way. Nothing of it is answered.'),
    );
    await this.#turn(signal, async () => {
      await this.#driver.ioctl(this.#file, USBTMC_IOCTL.clear);
      this.#isAsked = false;
      this.#late = undefined;
    });
  }

  async #trigger(signal?: AbortSignal): Promise<void> {
    await this.#turn(signal, () => this.#driver.ioctl(this.#file, USBTMC_IOCTL.trigger));
    this.#nowAsked();
  }

  async #statusByte(signal?: AbortSignal): Promise<number> {
    const byte = Uint8Array.of(0);
    await this.#turn(signal, () => this.#driver.ioctl(this.#file, USBTMC_IOCTL.readStatusByte, byte));
    return byte[0] ?? 0;
  }

  async #remote(mode: RemoteMode, signal?: AbortSignal): Promise<void> {
    await this.#turn(signal, async () => {
      if (mode.includes('local')) await this.#driver.ioctl(this.#file, USBTMC_IOCTL.goToLocal);
      if (mode !== 'local') {
        const isOn = mode.startsWith('assert') ? 1 : 0;
        await this.#driver.ioctl(this.#file, USBTMC_IOCTL.renControl, Uint8Array.of(isOn));
      }
      if (mode.includes('lockout')) await this.#driver.ioctl(this.#file, USBTMC_IOCTL.localLockout);
    });
  }

  #nowAsked(): void {
    this.#isAsked = true;
    this.#wake();
  }

  #wake(): void {
    this.#asking.resolve();
    this.#asking = createDeferred<void>();
  }

  /** One call of the driver after the other; what the system throws becomes ours. */
  #turn<T>(signal: AbortSignal | undefined, task: () => Promise<T>): Promise<T> {
    if (this.#ended) return Promise.reject(this.#ended);
    if (signal?.aborted) return Promise.reject(cancellation(signal));
    const turn = this.#last.then(async () => {
      if (this.#ended) throw this.#ended;
      if (signal?.aborted) throw cancellation(signal);
      try {
        return await task();
      } catch (error) {
        throw this.#failed(error);
      }
    });
    this.#last = turn.catch(() => {});
    return turn;
  }

  #failed(error: unknown): LabError {
    if (error instanceof LabError) return error;
    if (isTimeout(error))
      return new LabError('transport.timeout', `${this.resource} did not take it in time. Clear it.`);
    const code = (error as NodeJS.ErrnoException).code;
    const failure =
      code === 'ENODEV' || code === 'EIO' || code === 'ESHUTDOWN'
        ? gone(this.resource)
        : fromOsError(error, this.resource, `The connection to ${this.resource} failed`);
    if (failure.code === 'transport.closed') this.#end(failure);
    return failure;
  }

  #giveUp(reason: LabError): void {
    const reading = this.#reading;
    this.#reading = undefined;
    reading?.reject(reason);
    this.#wake();
  }

  #end(error: LabError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.#watcher[Symbol.dispose]();
    this.#giveUp(error);
    this.#closed.resolve({ code: error.code, message: error.message });
    // The file may not be closed under a call.
    this.#disposed = this.#last.then(() => this.#driver.close(this.#file));
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'ETIMEDOUT';
}

function gone(resource: string): LabError {
  const message = `The USB instrument is gone: unplugged or switched off (${resource}). What was not answered is lost; attach it again.`;
  return new LabError('transport.closed', message, { resource });
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24);
}
