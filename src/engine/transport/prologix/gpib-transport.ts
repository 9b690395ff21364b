import { ByteQueue } from '../../../core/byte-queue.ts';
import { createDeferred } from '../../../core/deferred.ts';
import { type ErrorCode, LabError } from '../../../core/errors.ts';
import type { GpibAddress } from '../../../core/resource-shape.ts';
import { encodeCommands, encodeData } from '../../../protocol/prologix.ts';
import { decodeLatin1, isQuery } from '../../../protocol/scpi-line.ts';
import { abortable } from '../abortable.ts';
import { cancellation } from '../read-buffer.ts';
import type { ClearOptions, ReadOptions, ReadResult, Transport, TransportControl, WriteOptions } from '../transport.ts';
import type { Adapter } from './adapter.ts';
import type { Hold } from './adapter-lock.ts';
import type { AdapterUse } from './adapter-registry.ts';
import { createBusCommands } from './bus-commands.ts';
import { BusExchange } from './bus-exchange.ts';
import { takeFrom } from './message-buffer.ts';
import { MessagePieces } from './message-pieces.ts';

/** How long the bus waits for the read of a question's answer; then others get it, and the read comes when it comes. */
const UNREAD_MS = 1000;
const QUESTION_MARK = 63;
/** Where a question is looked for: a long message is data. */
const QUERY_BYTES = 4096;

/** A message on its way. */
interface Order {
  /** As it goes over the line. */
  line: Uint8Array;
  isQuestion: boolean;
  isUrgent: boolean;
  signal: AbortSignal | undefined;
  onBegin: (() => void) | undefined;
}

/**
 * An instrument behind an adapter. A message goes out when its end is written; a question keeps the bus until its answer has been read, its read
 * was aborted, or nobody read it for a second.
 */
export class GpibTransport implements Transport {
  readonly resource: string;
  readonly isMessageBased = true;
  readonly isShared = true;
  readonly closed: Promise<{ code: ErrorCode; message: string }>;
  readonly control: TransportControl;
  readonly #use: AdapterUse;
  readonly #adapter: Adapter;
  readonly #address: GpibAddress;
  readonly #closed = createDeferred<{ code: ErrorCode; message: string }>();
  readonly #pieces = new MessagePieces();
  #exchange: BusExchange | undefined;
  /** Unread bytes of the answer. */
  readonly #data = new ByteQueue();
  /** Why the read under way is over, though the caller did not abort it. */
  #readEnd: LabError | undefined;
  #isReadPending = false;
  /** Ends the wait of a read for the bus. */
  #readStop: AbortController | undefined;
  #unreadTimer: ReturnType<typeof setTimeout> | undefined;
  /** Writes and commands of this instrument under way; a read waits for them. */
  #turn: Promise<void> | undefined;
  /** Messages that wait for the bus are withdrawn by a device clear. */
  #withdraw = new AbortController();
  /** What waits for the bus stops waiting when the transport is disposed. */
  readonly #stop = new AbortController();
  #ended: LabError | undefined;
  #disposed: Promise<void> | undefined;

  constructor(use: AdapterUse, address: GpibAddress, resource: string) {
    this.#use = use;
    this.#adapter = use.adapter;
    this.#address = address;
    this.resource = resource;
    this.closed = this.#closed.promise;
    void use.adapter.closed.then(({ code, message }) => this.#end(new LabError(code, message, { resource })));
    this.control = {
      clear: (signal, clearing) => this.#clear(signal, clearing),
      ...createBusCommands({
        resource,
        adapter: use.adapter,
        address,
        withBus: (signal, work) => this.#withBus(signal, work),
      }),
    };
  }

  /** Throws `safety.refused` when Outputs off came first, `protocol.too-long`, `instrument.busy`, the errors of the adapter. */
  async write(bytes: Uint8Array, options: WriteOptions = {}): Promise<void> {
    const { end = false, signal, isUrgent = false, onBegin } = options;
    if (this.#ended) throw this.#ended;
    if (signal?.aborted) throw cancellation(signal);
    const isWhole = end && this.#pieces.length === 0;
    if (!isWhole) this.#pieces.push(bytes);
    if (!end) return;
    const message = isWhole ? bytes : this.#pieces.take();
    const order: Order = {
      // Copied here: the caller may use its bytes again.
      line: encodeData(message),
      isQuestion: message.includes(QUESTION_MARK) && isQuery(decodeLatin1(message.subarray(0, QUERY_BYTES))),
      isUrgent,
      signal,
      onBegin,
    };
    const withdraw = this.#withdraw.signal;
    const before = isUrgent ? undefined : this.#turn;
    const delivery = before ? before.then(() => this.#deliver(order, withdraw)) : this.#deliver(order, withdraw);
    this.#keepTurn(delivery);
    await delivery;
  }

  /** Throws `safety.refused` when Outputs off cut it short, `transport.timeout` when a clear did, the errors of the adapter. */
  async read(options: ReadOptions = {}): Promise<ReadResult> {
    if (this.#isReadPending) {
      throw new LabError('call.invalid', 'A read is waiting on this instrument already; one at a time.');
    }
    if (options.signal?.aborted) throw cancellation(options.signal);
    this.#isReadPending = true;
    this.#readEnd = undefined;
    clearTimeout(this.#unreadTimer);
    try {
      return await this.#readOn(options);
    } finally {
      this.#isReadPending = false;
      this.#awaitRead();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #readOn(options: ReadOptions): Promise<ReadResult> {
    const { signal } = options;
    for (;;) {
      if (this.#turn) await this.#untilWritten(signal);
      const exchange = this.#exchange;
      const result = exchange && takeFrom(exchange.reply.data, exchange.hasEnded, options);
      if (exchange && result) {
        if (result.end) this.#exchange = undefined;
        return result;
      }
      if (this.#ended) throw this.#ended;
      if (this.#readEnd) throw this.#readEnd;
      if (exchange?.isWindingDown && !exchange.isOver) {
        await abortable(exchange.windDown(), signal);
        continue;
      }
      // Also when the bus was given back meanwhile: what the instrument still has to say is asked for again.
      const current = exchange && !exchange.isOver ? exchange : await this.#begin(signal);
      if (!current || current.isOver) continue;
      try {
        await current.fetch(signal);
      } catch (error) {
        this.#readFailed(current, LabError.from(error), signal);
      }
    }
  }

  /** A read behind a write is for its answer. */
  async #untilWritten(signal: AbortSignal | undefined): Promise<void> {
    while (this.#turn) await abortable(this.#turn, signal);
  }

  /** Reads, and the next write, wait for it. */
  #keepTurn(work: Promise<unknown>): void {
    const before = this.#turn;
    const turn: Promise<void> = (before ? Promise.allSettled([before, work]) : work).then(
      () => this.#endTurn(turn),
      () => this.#endTurn(turn),
    );
    this.#turn = turn;
  }

  #endTurn(turn: Promise<void>): void {
    if (this.#turn === turn) this.#turn = undefined;
  }

  /**
   * A read without a question of its own: what was asked before the bus was given back, or by other means. Undefined: a message was written
   * meanwhile, which goes first; it would wait for the bus that this read holds.
   */
  async #begin(signal: AbortSignal | undefined): Promise<BusExchange | undefined> {
    const stop = new AbortController();
    this.#readStop = stop;
    let hold: Hold | undefined;
    try {
      hold = await this.#adapter.lock.acquire({ signals: [signal, stop.signal] });
      if (!stop.signal.aborted) await this.#adapter.beInStep(signal);
      if (stop.signal.aborted) throw cancellation(stop.signal);
    } catch (error) {
      if (hold && error !== SUPERSEDED) this.#adapter.lose();
      hold?.release();
      if (error === SUPERSEDED) return undefined;
      throw error;
    } finally {
      if (this.#readStop === stop) this.#readStop = undefined;
    }
    return this.#adopt(new BusExchange(this.#adapter, this.#address, hold, this.#data), hold);
  }

  /** Throws, unless the read goes on: with another exchange, or to say why it ended. */
  #readFailed(exchange: BusExchange, error: LabError, signal: AbortSignal | undefined): void {
    if (error === this.#readEnd || error === SUPERSEDED) return;
    if (signal?.aborted) void exchange.windDown();
    else exchange.release();
    throw error;
  }

  async #deliver(order: Order, withdraw: AbortSignal): Promise<void> {
    const { isUrgent, signal } = order;
    const stopping = [signal, withdraw, this.#stop.signal];
    throwIfAborted(stopping);
    this.#readStop?.abort(SUPERSEDED);
    const exchange = this.#exchange;
    if (exchange && !exchange.isOver && isUrgent) await this.#cutShort(exchange, overtaken(this.resource));
    // A new message ends what was asked before (488.2 6.3.2.3, -410).
    else if (exchange && !exchange.isOver) await this.#giveUp(exchange);
    this.#exchange = undefined;
    this.#data.clear();
    const { lock } = this.#adapter;
    const hold = lock.tryAcquire(isUrgent) ?? (await lock.acquire({ isUrgent, signals: stopping }));
    try {
      throwIfAborted(stopping);
    } catch (error) {
      hold.release();
      throw error;
    }
    await this.#send(hold, order);
  }

  async #send(hold: Hold, order: Order): Promise<void> {
    let cut: LabError | undefined;
    const stopped = createDeferred<never>();
    hold.cut = () => {
      cut = overtaken(this.resource);
      stopped.reject(cut);
    };
    const exchange = order.isQuestion ? new BusExchange(this.#adapter, this.#address, hold, this.#data) : undefined;
    order.onBegin?.();
    try {
      // Also a short message is stuck when the line is full of those before it.
      await Promise.race([this.#put(order, exchange), stopped.promise]);
    } catch (error) {
      // Half a message waits in the line: only a new connection gets rid of it.
      if (cut) {
        this.#adapter.line.breakOff(cut);
        await this.#adapter.interrupt(this.#address, { isStuck: true }).catch(() => {});
      } else this.#adapter.lose();
      hold.release();
      throw error;
    }
    if (!exchange) return hold.release();
    this.#adopt(exchange, hold);
    this.#awaitRead();
  }

  /** In one piece; with the read behind it, if somebody waits for the answer already. */
  async #put({ line, isUrgent }: Order, exchange: BusExchange | undefined): Promise<void> {
    if (isUrgent) await this.#adapter.overtake();
    // Also when nothing is to be done: a read that is called right behind this write is there by then.
    await this.#adapter.beInStep();
    const before = this.#adapter.addressing(this.#address);
    const behind = exchange && this.#isReadPending ? exchange.startReading() : [];
    const head = before.length > 0 ? concat(encodeCommands(...before), line) : line;
    await this.#adapter.line.send(behind.length > 0 ? concat(head, encodeCommands(...behind)) : head);
  }

  #adopt(exchange: BusExchange, hold: Hold): BusExchange {
    hold.cut = () => void this.#cutShort(exchange, overtaken(this.resource)).catch(() => {});
    this.#exchange = exchange;
    return exchange;
  }

  /** The bus is not kept for an answer nobody reads. */
  #awaitRead(): void {
    clearTimeout(this.#unreadTimer);
    const exchange = this.#exchange;
    if (!exchange || exchange.isOver || this.#isReadPending) return;
    this.#unreadTimer = setTimeout(() => {
      void (this.#turn ?? Promise.resolve()).then(() => {
        // Something else of this instrument has begun on its bus meanwhile.
        if (this.#turn) this.#awaitRead();
        else if (!this.#isReadPending) void exchange.windDown();
      });
    }, UNREAD_MS);
  }

  /** Ends the exchange by a device clear; a read that waits rejects with the reason. */
  async #cutShort(exchange: BusExchange, reason: LabError): Promise<void> {
    this.#stopRead(reason);
    if (this.#exchange === exchange) this.#exchange = undefined;
    await exchange.clear(reason);
  }

  /** Ends the exchange without a trace at the instrument. A read that waits goes on with the next one. */
  async #giveUp(exchange: BusExchange): Promise<void> {
    clearTimeout(this.#unreadTimer);
    if (this.#exchange === exchange) this.#exchange = undefined;
    if (this.#isReadPending && !exchange.isWindingDown) exchange.breakOff(SUPERSEDED);
    await exchange.windDown();
  }

  #stopRead(reason: LabError): void {
    clearTimeout(this.#unreadTimer);
    if (!this.#isReadPending) return;
    this.#readEnd = reason;
    this.#readStop?.abort(reason);
    const exchange = this.#exchange;
    if (exchange && !exchange.isOver) exchange.breakOff(reason);
  }

  async #clear(signal?: AbortSignal, { onBegin, hurry }: ClearOptions = {}): Promise<void> {
    if (this.#ended) throw this.#ended;
    this.#pieces.clear();
    this.#data.clear();
    const reason = cleared(this.resource);
    const withdraw = this.#withdraw;
    this.#withdraw = new AbortController();
    withdraw.abort(reason);
    const exchange = this.#exchange;
    if (exchange && !exchange.isOver) {
      onBegin?.();
      return this.#cutShort(exchange, reason);
    }
    this.#stopRead(reason);
    this.#exchange = undefined;
    const hold = await this.#adapter.lock.acquire({ signals: [signal, this.#stop.signal], hurry });
    onBegin?.();
    try {
      await this.#adapter.interrupt(this.#address);
    } finally {
      hold.release();
    }
  }

  /** On the bus of an own question whose answer nobody reads yet, else in turn. */
  async #withBus<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    if (this.#ended) throw this.#ended;
    const exchange = this.#exchange;
    if (exchange && !exchange.isOver && !exchange.isReading && !this.#isReadPending) {
      const result = this.#turn ? this.#turn.then(work) : work();
      this.#keepTurn(result);
      return result;
    }
    const hold = await this.#adapter.lock.acquire({ signals: [signal, this.#stop.signal] });
    try {
      return await work();
    } finally {
      hold.release();
    }
  }

  #end(error: LabError): void {
    if (this.#ended) return;
    this.#ended = error;
    clearTimeout(this.#unreadTimer);
    this.#closed.resolve({ code: error.code, message: error.message });
  }

  async #dispose(): Promise<void> {
    const reason = new LabError('transport.closed', `The connection was closed here (${this.resource}).`, {
      resource: this.resource,
    });
    this.#end(reason);
    this.#stop.abort(reason);
    const exchange = this.#exchange;
    this.#stopRead(reason);
    this.#exchange = undefined;
    if (exchange && !exchange.isOver) await exchange.windDown();
    await this.#use[Symbol.asyncDispose]();
  }
}

/** A read that waits goes on with the next exchange. */
const SUPERSEDED = new LabError('call.cancelled', 'Another message was sent.');

function throwIfAborted(signals: readonly (AbortSignal | undefined)[]): void {
  const aborted = signals.find((signal) => signal?.aborted);
  if (aborted) throw cancellation(aborted);
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  if (second.length === 0) return first;
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

function overtaken(resource: string): LabError {
  return new LabError(
    'safety.refused',
    `Outputs off came first: the transfer of ${resource} was cut short by a device clear, its answer is missing. Look at the outputs, then ask again.`,
    { resource },
  );
}

function cleared(resource: string): LabError {
  return new LabError(
    'transport.timeout',
    `A device clear ended the wait for an answer of ${resource}; it is missing.`,
    {
      resource,
    },
  );
}
