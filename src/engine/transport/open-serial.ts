import { SerialPort } from 'serialport';
import { createDeferred } from '../../core/deferred.ts';
import { type ErrorCode, LabError } from '../../core/errors.ts';
import { hangupBinding } from './hangup-binding.ts';
import { fromOsError } from './os-error.ts';
import { cancellation, ReadBuffer } from './read-buffer.ts';
import type { ReadOptions, ReadResult, Transport, TransportControl } from './transport.ts';

/** Settings of the line. Defaults as VISA's: 9600 baud, 8 data bits, no parity, 1 stop bit, no flow control. */
export interface SerialOptions {
  baudRate?: number | undefined;
  dataBits?: 5 | 6 | 7 | 8 | undefined;
  /** 1.5 and the parities mark and space do not exist on Linux. */
  stopBits?: 1 | 1.5 | 2 | undefined;
  parity?: 'none' | 'even' | 'odd' | 'mark' | 'space' | undefined;
  rtscts?: boolean | undefined;
  /** XON/XOFF breaks binary blocks: two byte values never arrive. */
  xon?: boolean | undefined;
  xoff?: boolean | undefined;
  /** Drop the modem lines when closing; false spares an Arduino the reset at the next opening. */
  hupcl?: boolean | undefined;
  /** Lines set after opening; opening raises both. Boards without them refuse, which does no harm. */
  lines?: { dtr: boolean; rts: boolean } | undefined;
  /** Wait after opening, dropping what comes: boards that reset say boot noise for about 2 s. Default 0. */
  settleMs?: number | undefined;
  /** A break is the device clear of this instrument (HP 34401A, E3631A). */
  isBreakClear?: boolean | undefined;
  /** Unread bytes held before the port is paused; default 1 MiB. */
  bufferBytes?: number | undefined;
  signal?: AbortSignal | undefined;
}

const BREAK_MS = 250;

/**
 * Opens a serial port. `port` is a path, a COM name, or a VISA board number (ASRL1 is COM1, on Linux /dev/ttyS0).
 * Throws `transport.not-found`, `transport.denied`, `transport.busy`, `transport.unsupported`, `transport.failed`; nothing stays open then.
 */
export async function openSerial(
  target: { port: string; resource: string },
  options: SerialOptions = {},
): Promise<Transport> {
  const { signal } = options;
  if (signal?.aborted) throw cancellation(signal);
  const path = devicePath(target.port);
  const port = await openPort(path, target.resource, options);
  const transport = new SerialTransport(port, target.resource, options);
  try {
    await prepare(transport, options);
  } catch (error) {
    await transport[Symbol.asyncDispose]();
    throw error;
  }
  return transport;
}

function openPort(path: string, resource: string, options: SerialOptions): Promise<SerialPort> {
  const doing = `Cannot open ${path}`;
  return new Promise((resolve, reject) => {
    try {
      const port = new SerialPort({
        binding: hangupBinding,
        path,
        baudRate: options.baudRate ?? 9600,
        dataBits: options.dataBits ?? 8,
        stopBits: options.stopBits ?? 1,
        parity: options.parity ?? 'none',
        rtscts: options.rtscts ?? false,
        xon: options.xon ?? false,
        xoff: options.xoff ?? false,
        hupcl: options.hupcl ?? true,
        autoOpen: false,
      });
      // Opening cannot be cancelled in the binding: what is opened too late is closed by the caller's abort below.
      port.open((error) => {
        if (error) reject(fromOsError(error, resource, doing));
        else if (options.signal?.aborted) {
          const reason = cancellation(options.signal);
          port.close(() => reject(reason));
        } else resolve(port);
      });
    } catch (error) {
      reject(
        new LabError('transport.unsupported', `${doing}: ${String(error)}. Check the line settings.`, { resource }),
      );
    }
  });
}

async function prepare(transport: SerialTransport, options: SerialOptions): Promise<void> {
  if (options.lines) {
    // CDC-ACM devices without break support refuse every change of lines; the port works all the same.
    await transport.control.setModemLines?.(options.lines).catch(() => {});
  }
  if (options.settleMs) await transport.drop(options.settleMs, options.signal);
}

class SerialTransport implements Transport {
  readonly resource: string;
  readonly closed: Promise<{ code: ErrorCode; message: string }>;
  readonly control: TransportControl;
  readonly #port: SerialPort;
  readonly #buffer: ReadBuffer;
  readonly #closed = createDeferred<{ code: ErrorCode; message: string }>();
  #ended: LabError | undefined;
  /** Writes under way: the binding never answers those of a port that closes meanwhile. */
  readonly #writing = new Set<(error: LabError) => void>();

  constructor(port: SerialPort, resource: string, options: SerialOptions) {
    this.resource = resource;
    this.#port = port;
    this.closed = this.#closed.promise;
    this.#buffer = new ReadBuffer({
      limitBytes: options.bufferBytes,
      onFull: () => port.pause(),
      onSpace: () => port.resume(),
    });
    this.control = {
      sendBreak: (ms) => this.#sendBreak(ms),
      setModemLines: ({ dtr, rts }) => this.#set({ dtr, rts, brk: false }),
      ...(options.isBreakClear ? { clear: () => this.#clear() } : {}),
    };
    // A hangup is only seen while reading: the port flows from the first moment on.
    port.on('data', (chunk: Buffer) => this.#buffer.push(chunk));
    port.on('error', (error) => this.#end(fromOsError(error, resource, `The port ${resource} failed`)));
    port.on('close', (error: Error | null) => {
      this.#end(closedBy(resource, error ? 'The port hung up: cable or adapter pulled' : 'The port ended'));
    });
  }

  write(bytes: Uint8Array, options: { end?: boolean; signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options;
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(this.#ended);
        return;
      }
      if (signal?.aborted) {
        reject(cancellation(signal));
        return;
      }
      const onAbort = (): void => finish(signal ? cancellation(signal) : undefined);
      const finish = (error: LabError | undefined): void => {
        signal?.removeEventListener('abort', onAbort);
        this.#writing.delete(finish);
        if (error) reject(error);
        else resolve();
      };
      this.#writing.add(finish);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#port.write(bytes, undefined, (error) => {
        finish(
          error ? (this.#ended ?? fromOsError(error, this.resource, `Cannot send to ${this.resource}`)) : undefined,
        );
      });
    });
  }

  read(options?: ReadOptions): Promise<ReadResult> {
    return this.#buffer.read(options);
  }

  /** Reads and drops for `ms`. */
  async drop(ms: number, signal?: AbortSignal): Promise<void> {
    const end = performance.now() + ms;
    for (let left = ms; left > 0; left = end - performance.now()) {
      const timeout = AbortSignal.timeout(Math.ceil(left));
      try {
        await this.read({ signal: signal ? AbortSignal.any([signal, timeout]) : timeout });
      } catch (error) {
        if (!timeout.aborted) throw error;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) {
      const ended = closedBy(this.resource, 'The port was closed here');
      this.#ended = ended;
      this.#buffer.abandon(ended);
      for (const finish of [...this.#writing]) finish(ended);
      // What is queued in the system is thrown away: a peer that holds flow control would block the close for ever.
      await new Promise<void>((resolve) => this.#port.flush(() => resolve()));
      await new Promise<void>((resolve) => this.#port.close(() => resolve()));
      this.#closed.resolve({ code: ended.code, message: ended.message });
    }
    await this.closed;
  }

  /** Comes once or twice after a hangup (the binding emits `close` again after a failed write). */
  #end(error: LabError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.#buffer.end(error);
    for (const finish of [...this.#writing]) finish(error);
    this.#closed.resolve({ code: error.code, message: error.message });
    if (this.#port.isOpen) this.#port.close(() => {});
  }

  async #sendBreak(ms: number): Promise<void> {
    await this.#set({ dtr: true, rts: true, brk: true });
    await new Promise((resolve) => setTimeout(resolve, ms));
    await this.#set({ dtr: true, rts: true, brk: false });
  }

  async #clear(): Promise<void> {
    await this.#sendBreak(BREAK_MS);
    await new Promise<void>((resolve, reject) => {
      this.#port.flush((error) => (error ? reject(fromOsError(error, this.resource, 'Cannot flush')) : resolve()));
    });
  }

  /** All lines at once: those left out would fall to their defaults. */
  #set(lines: { dtr: boolean; rts: boolean; brk: boolean }): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#port.set(lines, (error) => {
        if (!error) resolve();
        else {
          const message = `${this.resource} cannot set its modem lines or send a break (${error.message}). The line is unchanged.`;
          reject(new LabError('transport.unsupported', message, { resource: this.resource }, { cause: error }));
        }
      });
    });
  }
}

/** VISA board numbers are COM numbers, on Linux counted from /dev/ttyS0. */
function devicePath(port: string): string {
  if (!/^\d+$/.test(port)) return port;
  return process.platform === 'win32' ? `COM${Number(port)}` : `/dev/ttyS${Math.max(0, Number(port) - 1)}`;
}

function closedBy(resource: string, what: string): LabError {
  return new LabError('transport.closed', `${what} (${resource}). What was not answered is lost; attach it again.`, {
    resource,
  });
}
