import { type ErrorCode, LabError } from '../../../core/errors.ts';
import type { Scope } from '../../../core/scope.ts';
import { CORE_PROCEDURES, VXI11_FLAG } from '../../../protocol/vxi11.ts';
import { cancellation } from '../read-buffer.ts';
import type {
  LockOptions,
  ReadOptions,
  ReadResult,
  RemoteMode,
  Transport,
  TransportControl,
  WriteOptions,
} from '../transport.ts';
import type { Link } from './link.ts';
import { LinkReader } from './link-reader.ts';
import { SrqListeners } from './srq-listeners.ts';

/** A write under way. */
interface Write {
  bytes: Uint8Array;
  end: boolean;
  /** Why it ends before its end. */
  stopped: LabError | undefined;
  /** Its last call is under way: what is called now comes after it. */
  isSent: boolean;
}

/** Longest lock that is waited for; the wire has 32 bits of ms. */
const MAX_LOCK_MS = 0x7fff_ffff;

/**
 * A link to a VXI-11 device as a transport. The core channel carries one call at a time, so a write or a status byte asked for while a read waits goes out
 * when the slice of the read is over (`readSliceMs`); clear, aborted reads and closing end it by device_abort.
 */
export class Vxi11Transport implements Transport {
  readonly resource: string;
  readonly isMessageBased = true;
  readonly closed: Promise<{ code: ErrorCode; message: string }>;
  readonly control: TransportControl;
  readonly #link: Link;
  readonly #maxRecvSize: number;
  readonly #scope: Scope;
  readonly #reader: LinkReader;
  readonly #requests: SrqListeners;
  /** Writes go out whole, one after the other. */
  #writing: Promise<void> = Promise.resolve();
  readonly #writes = new Set<(error: LabError) => void>();
  #unsent = 0;
  #isMidMessage = false;
  #ended: LabError | undefined;

  constructor(link: Link, maxRecvSize: number, scope: Scope) {
    this.resource = link.resource;
    this.#link = link;
    this.#maxRecvSize = maxRecvSize;
    this.#scope = scope;
    this.#reader = new LinkReader(link, () => (this.#unsent > 0 ? this.#writing : undefined));
    this.#requests = new SrqListeners(link);
    scope.defer(() => this.#requests.abandon());
    scope.defer(() => link.close(this.#ended ?? this.#closedHere()));
    this.closed = link.core.closed.then(async (reason) => {
      this.#end(reason);
      await scope[Symbol.asyncDispose]().catch(() => {});
      const { code, message } = this.#ended ?? reason;
      return { code, message };
    });
    this.control = {
      clear: (signal) => this.#clear(signal),
      trigger: (signal) => link.ask(CORE_PROCEDURES.trigger, 'Triggering', signal),
      statusByte: (signal) => this.#statusByte(signal),
      onServiceRequest: (listener) => this.#requests.listen(listener),
      lock: (options) => this.#lock(options),
      unlock: (signal) => this.#unlock(signal),
      remoteLocal: (mode, signal) => this.#remoteLocal(mode, signal),
    };
  }

  write(bytes: Uint8Array, { end = false, signal }: WriteOptions = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      if (signal?.aborted) return reject(cancellation(signal));
      const write: Write = { bytes, end, stopped: undefined, isSent: false };
      const stop = (error: LabError): void => {
        release();
        write.stopped ??= error;
        reject(error);
      };
      const onAbort = (): void => {
        if (!signal) return;
        stop(cancellation(signal));
        void this.#link.interrupt('write');
      };
      this.#unsent++;
      const release = (): void => {
        this.#writes.delete(stop);
        signal?.removeEventListener('abort', onAbort);
      };
      this.#writes.add(stop);
      signal?.addEventListener('abort', onAbort, { once: true });
      const writeAll = (): Promise<void> => this.#writeAll(write);
      // At once if it can be: whoever reads in the same breath comes after.
      const turn = this.#writes.size === 1 ? writeAll() : this.#writing.then(writeAll);
      this.#writing = turn.then(
        () => {
          release();
          resolve();
        },
        (error: unknown) => {
          this.#markSent(write);
          release();
          reject(error);
        },
      );
    });
  }

  read(options?: ReadOptions): Promise<ReadResult> {
    return this.#ended ? Promise.reject(this.#ended) : this.#reader.read(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end(this.#closedHere());
    await this.#scope[Symbol.asyncDispose]();
    await this.closed;
  }

  /** END goes with the last piece only. An answer that was read for nobody is thrown away, as the instrument does with the rest of it (488.2 6.3.2.3). */
  async #writeAll(write: Write): Promise<void> {
    const { bytes, end } = write;
    if (write.stopped) throw write.stopped;
    if (!this.#isMidMessage) {
      if (this.#reader.isOrphaned) await this.#reader.settled();
      this.#reader.forgetKept();
    }
    const { lid, times } = this.#link;
    let at = 0;
    do {
      if (write.stopped) throw write.stopped;
      const data = bytes.subarray(at, at + this.#maxRecvSize);
      const isLast = at + data.length >= bytes.length;
      const flags = end && isLast ? VXI11_FLAG.end : 0;
      const args = { lid, ioTimeout: times.ioTimeoutMs, lockTimeout: times.ioTimeoutMs, flags, data };
      this.#isMidMessage = !(end && isLast);
      const call = this.#link.call(CORE_PROCEDURES.write, args, { capacity: data.length + 96 });
      if (isLast) this.#markSent(write);
      const { error, size } = await call;
      if (write.stopped) throw write.stopped;
      this.#link.check(error, 'Writing');
      if (size === 0 && data.length > 0) throw this.#tookNothing();
      // An instrument that takes less than was given takes the rest with the next call.
      at += Math.min(size, data.length);
    } while (at < bytes.length);
  }

  #markSent(write: Write): void {
    if (write.isSent) return;
    write.isSent = true;
    this.#unsent--;
  }

  #tookNothing(): LabError {
    const text = `${this.resource} took nothing of what was sent, without an error. Send a device clear and try again.`;
    return new LabError('transport.timeout', text, { resource: this.resource });
  }

  async #clear(signal?: AbortSignal): Promise<void> {
    const cleared = new LabError(
      'transport.timeout',
      `A device clear ended what was under way (${this.resource}). Ask again.`,
    );
    this.#isMidMessage = false;
    for (const stop of [...this.#writes]) stop(cleared);
    this.#reader.refuse(cleared);
    this.#reader.forget();
    void this.#link.interrupt('read', 'write', 'lock');
    await this.#link.ask(CORE_PROCEDURES.clear, 'The device clear', signal);
    this.#reader.forget();
  }

  async #statusByte(signal?: AbortSignal): Promise<number> {
    const args = this.#link.genericArgs();
    const { error, statusByte } = await this.#link.call(CORE_PROCEDURES.readStatusByte, args, { signal });
    this.#link.check(error, 'Reading the status byte');
    return statusByte & 255;
  }

  async #lock({ timeoutMs, sharedKey, signal }: LockOptions): Promise<void> {
    if (sharedKey !== undefined) {
      const text = `VXI-11 has no shared locks; ${this.resource} was not locked. Lock it without a key, or use HiSLIP.`;
      throw new LabError('transport.unsupported', text, { resource: this.resource });
    }
    if (signal?.aborted) throw cancellation(signal);
    const { lid } = this.#link;
    const waitMs = Math.min(Math.max(0, Math.ceil(timeoutMs)), MAX_LOCK_MS);
    const args = { lid, flags: waitMs > 0 ? VXI11_FLAG.waitLock : 0, lockTimeout: Math.max(1, waitMs) };
    // Behind a read it may wait for its turn; once it is out its outcome counts, for a lock that is granted must be given back.
    const queued = new AbortController();
    let isSent = false;
    const onSent = (): void => {
      isSent = true;
    };
    const onAbort = (): void => {
      if (isSent) void this.#link.interrupt('lock');
      else if (signal) queued.abort(cancellation(signal));
    };
    const call = this.#link.call(CORE_PROCEDURES.lock, args, { deviceMs: waitMs, signal: queued.signal, onSent });
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const { error } = await call;
      if (signal?.aborted) {
        // Granted in the very moment: it would never be given back.
        if (error === 0) await this.#unlock();
        throw cancellation(signal);
      }
      this.#link.check(error, 'Locking');
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async #unlock(signal?: AbortSignal): Promise<void> {
    const { error } = await this.#link.call(CORE_PROCEDURES.unlock, { lid: this.#link.lid }, { signal });
    this.#link.check(error, 'Unlocking');
  }

  /** VXI-11 knows two of the six: to remote (with lockout, where the device has one), to local. */
  #remoteLocal(mode: RemoteMode, signal?: AbortSignal): Promise<void> {
    const isLocal = mode === 'local' || mode === 'deassert' || mode === 'deassert-and-local';
    return isLocal
      ? this.#link.ask(CORE_PROCEDURES.local, 'Going to local', signal)
      : this.#link.ask(CORE_PROCEDURES.remote, 'Going to remote', signal);
  }

  #closedHere(): LabError {
    const text = `The connection was closed here (${this.resource}). What was not answered is lost; attach it again.`;
    return new LabError('transport.closed', text, { resource: this.resource });
  }

  #end(error: LabError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.#reader.refuse(error);
    for (const stop of [...this.#writes]) stop(error);
  }
}
