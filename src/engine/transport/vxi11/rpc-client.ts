import type net from 'node:net';
import { createDeferred } from '../../../core/deferred.ts';
import { LabError } from '../../../core/errors.ts';
import { decodeReply, encodeCall, type RpcProcedure, type RpcRefusal } from '../../../protocol/onc-rpc.ts';
import { markRecord, RecordReader } from '../../../protocol/record-mark.ts';
import type { XdrReader } from '../../../protocol/xdr.ts';
import { connectTcp } from '../open-tcp.ts';
import { fromOsError } from '../os-error.ts';
import { cancellation } from '../read-buffer.ts';

export interface RpcTarget {
  host: string;
  port: number;
  program: number;
  version: number;
  /** For messages. */
  resource: string;
}

export interface RpcOptions {
  connectTimeoutMs?: number | undefined;
  keepAliveMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface RpcCallOptions {
  /** Longest wait for the reply, from the sending on; then the connection is given up. */
  timeoutMs: number;
  /** Aborting before the call was sent takes it back; later the caller is told at once, and the reply is awaited and thrown away. */
  signal?: AbortSignal | undefined;
  /** Called when the call goes out. */
  onSent?: (() => void) | undefined;
  /** Bytes of the arguments, about; spares copying. */
  capacity?: number | undefined;
}

interface Call {
  procedure: number;
  encode(xid: number): Uint8Array;
  options: RpcCallOptions;
  resolve(result: XdrReader): void;
  reject(error: unknown): void;
}

/** Calls that wait for their turn; a transport has a handful. */
const MAX_WAITING = 64;
/** A timer takes 31 bits; beyond them it fires at once. */
const MAX_TIMER_MS = 0x7fff_ffff;

/** Opens a connection to a program. Throws the errors of `connectTcp`; nothing stays open then. */
export async function openRpcClient(target: RpcTarget, options: RpcOptions = {}): Promise<RpcClient> {
  return new RpcClient(await connectTcp(target, options), target);
}

/**
 * Calls to one program over one connection, one at a time (a VXI-11 server carries out the calls of a connection in turn). A reply whose
 * number is not that of the call under way belongs to nobody and is thrown away. A call without a reply in time ends the connection: what
 * the other side does with the next one could not be known.
 */
export class RpcClient implements AsyncDisposable {
  /** Resolves when the connection has ended, with the reason. */
  readonly closed: Promise<LabError>;
  readonly #socket: net.Socket;
  readonly #target: RpcTarget;
  readonly #program: { program: number; version: number };
  readonly #reader = new RecordReader();
  readonly #closed = createDeferred<LabError>();
  readonly #waiting: Call[] = [];
  #xid = (Math.random() * 0x1_0000_0000) >>> 0;
  #active: Call | undefined;
  #deadlineMs = 0;
  #timer: NodeJS.Timeout | undefined;
  /** When it fires. */
  #timerMs = 0;
  #held = 0;
  #ended: LabError | undefined;

  constructor(socket: net.Socket, target: RpcTarget) {
    this.#socket = socket;
    this.#target = target;
    this.#program = { program: target.program, version: target.version };
    this.closed = this.#closed.promise;
    const { resource } = target;
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', (error) => {
      this.#end(fromOsError(error, resource, `The connection to ${resource} broke`));
    });
    socket.on('end', () => this.#end(closedBy(resource, 'The instrument ended the connection')));
    socket.on('close', () => {
      const ended = this.#end(closedBy(resource, 'The connection ended'));
      this.#closed.resolve(ended);
    });
  }

  /** Number of the procedure that is under way. */
  get activeProcedure(): number | undefined {
    return this.#active?.procedure;
  }

  get ended(): LabError | undefined {
    return this.#ended;
  }

  get localAddress(): string | undefined {
    return this.#socket.localAddress;
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  /** No call is sent before `until` settles; the one under way goes on. */
  hold(until: Promise<unknown>): void {
    this.#held++;
    const release = (): void => {
      this.#held--;
      this.#next();
    };
    until.then(release, release);
  }

  /**
   * Throws `transport.closed` when the connection ends or no reply comes in time, `transport.unsupported` when the server has no such program or
   * procedure, `protocol.malformed`, and the cancellation of the signal.
   */
  call<A, R>(procedure: RpcProcedure<A, R>, args: A, options: RpcCallOptions): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      const { signal } = options;
      if (this.#ended) return reject(this.#ended);
      if (signal?.aborted) return reject(cancellation(signal));
      if (this.#waiting.length >= MAX_WAITING) {
        const text = `${MAX_WAITING} calls to ${this.#target.resource} wait already. This one was not sent; ask less often.`;
        return reject(new LabError('instrument.busy', text));
      }
      const onAbort = (): void => {
        if (!signal) return;
        const at = this.#waiting.indexOf(call);
        if (at >= 0) this.#waiting.splice(at, 1);
        reject(cancellation(signal));
      };
      const release = (): void => signal?.removeEventListener('abort', onAbort);
      const call: Call = {
        options,
        procedure: procedure.number,
        encode: (xid) => encodeCall({ xid, ...this.#program }, procedure, args, options.capacity),
        resolve: (reader) => {
          release();
          resolve(procedure.result.read(reader));
        },
        reject: (error) => {
          release();
          reject(error);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(call);
      this.#next();
    });
  }

  /** Ends the connection; calls under way reject with `reason`. */
  async [Symbol.asyncDispose](reason?: LabError): Promise<void> {
    this.#end(reason ?? closedBy(this.#target.resource, 'The connection was closed here'));
    this.#socket.destroySoon();
    const timer = setTimeout(() => this.#socket.destroy(), 1000);
    await this.closed;
    clearTimeout(timer);
  }

  #next(): void {
    if (this.#active || this.#held > 0 || this.#ended) return;
    const call = this.#waiting.shift();
    if (!call) return;
    this.#active = call;
    this.#xid = (this.#xid + 1) >>> 0;
    this.#deadlineMs = performance.now() + call.options.timeoutMs;
    this.#watch(call.options.timeoutMs);
    this.#socket.write(markRecord(call.encode(this.#xid)));
    call.options.onSent?.();
  }

  /** One timer for many calls: it looks again later when the call under way has more time. */
  #watch(callMs: number): void {
    if (this.#timer && this.#timerMs <= this.#deadlineMs) return;
    clearTimeout(this.#timer);
    const ms = Math.min(callMs, MAX_TIMER_MS);
    this.#timerMs = performance.now() + ms;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const call = this.#active;
      if (!call) return;
      const leftMs = this.#deadlineMs - performance.now();
      if (leftMs > 0) return this.#watch(leftMs);
      const { timeoutMs } = call.options;
      const text = `${this.#target.resource} did not answer a call within ${timeoutMs} ms. The connection is given up; check power and cable.`;
      this.#destroy(new LabError('transport.closed', text, { timeoutMs }));
    }, ms);
    this.#timer.unref();
  }

  #receive(chunk: Buffer): void {
    try {
      for (const record of this.#reader.push(chunk)) {
        const { xid, result, refusal } = decodeReply(record);
        const call = this.#active;
        if (!call || xid !== this.#xid) continue;
        if (result) call.resolve(result);
        else call.reject(refusedCall(this.#target, refusal));
        this.#active = undefined;
        this.#next();
      }
    } catch (error) {
      this.#destroy(LabError.from(error));
    }
  }

  #destroy(error: LabError): void {
    this.#end(error);
    this.#socket.destroy();
  }

  #end(error: LabError): LabError {
    if (this.#ended) return this.#ended;
    this.#ended = error;
    clearTimeout(this.#timer);
    this.#active?.reject(error);
    this.#active = undefined;
    for (const call of this.#waiting.splice(0)) call.reject(error);
    return error;
  }
}

function closedBy(resource: string, what: string): LabError {
  return new LabError('transport.closed', `${what} (${resource}). What was not answered is lost; attach it again.`, {
    resource,
  });
}

function refusedCall({ resource, program, version }: RpcTarget, refusal: RpcRefusal | undefined): LabError {
  const what =
    refusal?.reason === 'program-mismatch'
      ? `it has versions ${refusal.low} to ${refusal.high} of program 0x${program.toString(16)}, not ${version}`
      : `${(refusal?.reason ?? 'no reason').replaceAll('-', ' ')}, program 0x${program.toString(16)}`;
  const text = `${resource} refused an RPC call: ${what}. Nothing was done. Check that the address is that of an instrument with VXI-11.`;
  return new LabError('transport.unsupported', text, { refusal });
}
