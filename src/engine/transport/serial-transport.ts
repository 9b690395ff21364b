import type { SerialPort } from 'serialport';
import { type Clock, delay } from '../../core/clock.ts';
import { createDeferred } from '../../core/deferred.ts';
import { type ErrorCode, LabError } from '../../core/errors.ts';
import { createSystemClock } from '../system-clock.ts';
import { fromOsError } from './os-error.ts';
import { PiecewiseWriter } from './piecewise-writer.ts';
import { cancellation, ReadBuffer } from './read-buffer.ts';
import type { SerialOptions } from './serial-options.ts';
import type { ReadOptions, ReadResult, Transport, TransportControl } from './transport.ts';

const BREAK_MS = 250;
const CTRL_C = Uint8Array.of(3);
/** The 34401A takes 10 more characters once it holds off (its manual, DTR/DSR handshake). */
const HANDSHAKE_BYTES = 8;

/** How long a port that ended by itself may take to close before its end is told all the same. */
const CLOSE_MS = 2000;

/** An open port. */
export class SerialTransport implements Transport {
  readonly notes: string[] = [];
  readonly resource: string;
  readonly closed: Promise<{ code: ErrorCode; message: string }>;
  readonly control: TransportControl;
  readonly #port: SerialPort;
  readonly #buffer: ReadBuffer;
  readonly #closed = createDeferred<{ code: ErrorCode; message: string }>();
  #ended: LabError | undefined;
  #closing: Promise<void> | undefined;
  /** Writes under way: the binding never answers those of a port that closes meanwhile. */
  readonly #writing = new Set<(error: LabError) => void>();
  readonly #clock: Clock;
  /** Absent: what is written is handed to the system as a whole. */
  readonly #pieces: PiecewiseWriter | undefined;
  /** Opening raises both. */
  #lines: { dtr: boolean; rts: boolean };
  /** DSR was high once: the cable carries it. */
  #hasReady = false;

  constructor(port: SerialPort, resource: string, options: SerialOptions) {
    const { clear = 'none' } = options;
    this.resource = resource;
    this.#port = port;
    this.closed = this.#closed.promise;
    this.#clock = options.clock ?? createSystemClock();
    this.#lines = { dtr: true, rts: true };
    this.#pieces = this.#piecewise(options);
    this.#buffer = new ReadBuffer({
      limitBytes: options.bufferBytes,
      onFull: () => port.pause(),
      onSpace: () => port.resume(),
    });
    this.control = {
      sendBreak: (ms) => this.#sendBreak(ms),
      setModemLines: (lines) => this.#setLines(lines),
      ...(clear === 'none' ? {} : { clear: () => this.#clear(clear) }),
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
      const sending = this.#pieces ? this.#pieces.write(bytes) : this.#give(bytes);
      sending.then(
        () => finish(undefined),
        (error: unknown) => {
          const failure = LabError.from(error);
          // Part of a message is at the device; only a line that begins anew makes the next one whole.
          if (failure.code === 'transport.timeout') this.#end(failure);
          finish(failure);
        },
      );
    });
  }

  /** Something that goes on all the same but should be known. */
  remark(error: unknown): void {
    this.notes.push(LabError.from(error).message);
  }

  /** DTR/DSR handshake: from now on DSR is looked at, if the port can tell it. */
  async watchReady(): Promise<void> {
    await this.#isReady();
    if (this.#hasReady) return;
    this.notes.push(
      `${this.resource}: DSR is low or cannot be read (no such line in the cable, or the instrument is busy or off), so DTR/DSR handshake begins when it is first high; until then long messages may lose characters.`,
    );
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

  /** The port is closed when it resolves, whatever ended it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) {
      const ended = closedBy(this.resource, 'The port was closed here');
      this.#ended = ended;
      this.#pieces?.[Symbol.dispose]();
      this.#buffer.abandon(ended);
      for (const finish of [...this.#writing]) finish(ended);
      await this.#close();
      this.#closed.resolve({ code: ended.code, message: ended.message });
    }
    await this.#closing;
    await this.closed;
  }

  /** Comes once or twice after a hangup (the binding emits `close` again after a failed write). Who hears of it may open the port again. */
  #end(error: LabError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.#pieces?.[Symbol.dispose]();
    this.#buffer.end(error);
    for (const finish of [...this.#writing]) finish(error);
    const tell = (): void => this.#closed.resolve({ code: error.code, message: error.message });
    const timer = setTimeout(tell, CLOSE_MS);
    void this.#close().then(() => {
      clearTimeout(timer);
      tell();
    });
  }

  #close(): Promise<void> {
    this.#closing ??= this.#flushAndClose();
    return this.#closing;
  }

  async #flushAndClose(): Promise<void> {
    if (!this.#port.isOpen) return;
    // What is queued in the system is thrown away: a peer that holds flow control would block the close for ever.
    await new Promise<void>((resolve) => this.#port.flush(() => resolve()));
    await new Promise<void>((resolve) => this.#port.close(() => resolve()));
  }

  async #sendBreak(ms: number): Promise<void> {
    await this.#set({ ...this.#lines, brk: true });
    await delay(this.#clock, ms);
    await this.#set({ ...this.#lines, brk: false });
  }

  async #setLines(lines: { dtr: boolean; rts: boolean }): Promise<void> {
    await this.#set({ ...lines, brk: false });
    this.#lines = lines;
  }

  /**
   * Neither waits for a handshake: what holds off is to be cleared. The character goes out behind the flush, which would throw it away with all else that
   * is not sent yet. Late bytes are for the session to drain.
   */
  async #clear(how: 'break' | 'ctrl-c'): Promise<void> {
    this.#pieces?.drop();
    if (how === 'break') await this.#sendBreak(BREAK_MS);
    await new Promise<void>((resolve, reject) => {
      this.#port.flush((error) => (error ? reject(fromOsError(error, this.resource, 'Cannot flush')) : resolve()));
    });
    if (how === 'ctrl-c') await this.#give(CTRL_C);
  }

  #give(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#port.write(bytes, undefined, (error) => {
        if (!error) resolve();
        else reject(this.#ended ?? fromOsError(error, this.resource, `Cannot send to ${this.resource}`));
      });
    });
  }

  #piecewise({ bytePaceMs = 0, dsrdtr, baudRate = 9600 }: SerialOptions): PiecewiseWriter | undefined {
    if (bytePaceMs === 0 && !dsrdtr) return undefined;
    const pieceBytes = bytePaceMs > 0 ? 1 : HANDSHAKE_BYTES;
    // Ten bits a character, as good as any frame.
    return new PiecewiseWriter({
      clock: this.#clock,
      resource: this.resource,
      pieceBytes,
      pieceMs: bytePaceMs + (pieceBytes * 10_000) / baudRate,
      send: (piece) => this.#give(piece),
      isReady: dsrdtr ? () => this.#isReady() : undefined,
    });
  }

  #isReady(): Promise<boolean> {
    return new Promise((resolve) => {
      this.#port.get((error, status) => {
        const isHigh = !error && status?.dsr === true;
        this.#hasReady ||= isHigh;
        resolve(isHigh || !this.#hasReady);
      });
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

function closedBy(resource: string, what: string): LabError {
  return new LabError('transport.closed', `${what} (${resource}). What was not answered is lost; attach it again.`, {
    resource,
  });
}
