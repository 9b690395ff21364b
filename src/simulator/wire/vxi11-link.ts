import {
  type DeviceReadArgs,
  type DeviceWriteArgs,
  VXI11_ERROR,
  VXI11_FLAG,
  VXI11_REASON,
} from '../../protocol/vxi11.ts';
import type { MessageConnection } from './message-device.ts';
import type { Vxi11Lock } from './vxi11-lock.ts';

/** What the server's buffer for one read holds: then the read ends without a reason. */
const READ_BUFFER_BYTES = 1024 * 1024;
/** A timer takes 31 bits; clients without a timeout say 32 bits of ones. */
const MAX_TIMER_MS = 0x7fff_ffff;

interface Waits {
  flags: number;
  lockTimeout: number;
}

/** One link of a VXI-11 server. Its calls come one after the other; device_abort comes in between. */
export class Vxi11ServerLink {
  readonly lid: number;
  readonly connection: MessageConnection;
  readonly lock: Vxi11Lock;
  /** Sent along with service requests; undefined: not enabled. */
  srqHandle: Uint8Array | undefined;
  #call: AbortController | undefined;
  /** What the device has still to take in; a timeout of ours does not take it back. */
  #writing: Promise<void> = Promise.resolve();

  constructor(lid: number, connection: MessageConnection, lock: Vxi11Lock) {
    this.lid = lid;
    this.connection = connection;
    this.lock = lock;
  }

  /** device_abort: the call under way ends with error 23. */
  abort(): void {
    this.#call?.abort('aborted');
  }

  async write(args: DeviceWriteArgs, limitBytes: number): Promise<{ error: number; size: number }> {
    const { data, flags, ioTimeout } = args;
    if (data.length > limitBytes) return { error: VXI11_ERROR.parameter, size: 0 };
    return await this.#run(
      args,
      async (signal) => {
        if (data.length === 0) return { error: 0, size: 0 };
        const isEnd = (flags & VXI11_FLAG.end) !== 0;
        const writing = this.#writing.then(() => this.connection.write(data, isEnd));
        this.#writing = writing;
        const isTaken = await finishes(writing, ioTimeout, signal);
        if (isTaken) return { error: 0, size: data.length };
        return { error: signal.aborted ? VXI11_ERROR.aborted : VXI11_ERROR.ioTimeout, size: 0 };
      },
      (error) => ({ error, size: 0 }),
    );
  }

  async read(args: DeviceReadArgs): Promise<{ error: number; reason: number; data: Uint8Array }> {
    const parts: Uint8Array[] = [];
    const gathered = (error: number, reason: number) => ({ error, reason, data: Buffer.concat(parts) });
    const { requestSize, ioTimeout, flags, termChar } = args;
    return await this.#run(
      args,
      async (signal, controller) => {
        if (requestSize === 0) return gathered(0, VXI11_REASON.requestCount);
        const timer = setTimeout(() => controller.abort('timeout'), Math.min(ioTimeout, MAX_TIMER_MS));
        let left = Math.min(requestSize, READ_BUFFER_BYTES);
        try {
          for (let reason = 0; ; ) {
            const part = await this.connection.read({
              max: left,
              termChar: (flags & VXI11_FLAG.termCharSet) === 0 ? undefined : termChar & 255,
              signal,
            });
            parts.push(part.bytes);
            left -= part.bytes.length;
            if (part.end) reason |= VXI11_REASON.end;
            if (part.isTermChar) reason |= VXI11_REASON.termChar;
            if (left === 0 && requestSize <= READ_BUFFER_BYTES) reason |= VXI11_REASON.requestCount;
            if (reason !== 0 || left === 0) return gathered(0, reason);
          }
        } catch (error) {
          if (!signal.aborted) throw error;
          // What came belongs to the answer, whatever ended the call.
          return gathered(signal.reason === 'timeout' ? VXI11_ERROR.ioTimeout : VXI11_ERROR.aborted, 0);
        } finally {
          clearTimeout(timer);
        }
      },
      (error) => gathered(error, 0),
    );
  }

  /** A call that the device carries out at once. */
  run<R>(args: Waits, act: () => R, refused: (error: number) => R): Promise<R> {
    return this.#run(args, async () => act(), refused);
  }

  async takeLock(args: Waits): Promise<number> {
    const controller = new AbortController();
    this.#call = controller;
    return await this.lock.acquire(this, waitMs(args), controller.signal);
  }

  /** device_clear: also what hangs in the device is forgotten. */
  clear(): void {
    this.connection.clear();
    this.#writing = Promise.resolve();
  }

  close(): void {
    this.abort();
    this.srqHandle = undefined;
    this.lock.release(this);
    this.connection.closed();
  }

  async #run<R>(
    args: Waits,
    act: (signal: AbortSignal, controller: AbortController) => Promise<R>,
    refused: (error: number) => R,
  ): Promise<R> {
    const controller = new AbortController();
    this.#call = controller;
    try {
      const error = await this.lock.whenFree(this, waitMs(args), controller.signal);
      return error === 0 ? await act(controller.signal, controller) : refused(error);
    } finally {
      this.#call = undefined;
    }
  }
}

function waitMs({ flags, lockTimeout }: Waits): number {
  return (flags & VXI11_FLAG.waitLock) === 0 ? 0 : lockTimeout;
}

/** False: it did not within the time, or was aborted before. */
function finishes(work: Promise<void>, ms: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const end = (isDone: boolean): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(isDone);
    };
    const onAbort = (): void => end(false);
    const timer = setTimeout(() => end(false), Math.min(ms, MAX_TIMER_MS));
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(() => end(true), reject);
  });
}
