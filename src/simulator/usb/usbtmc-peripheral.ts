import { createDeferred, type Deferred } from '../../core/deferred.ts';
import type { UsbConfigurationInfo, UsbDeviceDescriptor, UsbEndpointInfo } from '../../protocol/usb-descriptor.ts';
import {
  type decodeNotification,
  encodeCapabilities,
  encodeMessageIn,
  encodeNotification,
  USB488_PROTOCOL,
  USBTMC_CLASS,
  USBTMC_REQUEST,
  USBTMC_STATUS,
  USBTMC_SUBCLASS,
  type UsbtmcCapabilities,
} from '../../protocol/usbtmc.ts';
import { type BulkOutPiece, UsbtmcOutDecoder } from '../../protocol/usbtmc-out-decoder.ts';
import type { MessageConnection, MessageDevice } from '../wire/message-device.ts';
import { InPipe } from './in-pipe.ts';
import type { SetupPacket, UsbOutcome, UsbPeripheral } from './usb-peripheral.ts';

export interface UsbtmcPeripheralOptions {
  vendorId?: number;
  productId?: number;
  maker?: string;
  product?: string;
  serial?: string;
  /** 64 (full speed) or 512 (high speed, default). */
  packetSize?: 64 | 512;
  interfaceNumber?: number;
  /** USB488 with its interrupt endpoint; default true. */
  hasInterrupt?: boolean;
  /** Default true. */
  isUsb488?: boolean;
  hasTermChar?: boolean;
  /** Longest answer in one transfer; the rest is asked for again. Default: what the host asks for. */
  transferBytes?: number;
  /** Times a CHECK says pending before it says success; default 0. */
  pendingChecks?: number;
  /** Default true; see InPipe. */
  sendsEmptyPacket?: boolean;
  /** One header, the rest unasked in bare transfers; `block`: with the size of the first transfer in the header, and EOM. */
  singleHeader?: 'size' | 'block';
  /** REN_CONTROL, GO_TO_LOCAL and LOCAL_LOCKOUT are said to work and stall. */
  isRemoteLocalBroken?: boolean;
  /** An abort of an answer that has not begun is refused, and the answer comes all the same. */
  isAbortDeaf?: boolean;
}

const BULK_OUT = 1;
const BULK_IN = 2;
const INTERRUPT_IN = 3;
const INTERRUPT_FIFO = 4;
const HEADERLESS_BYTES = 1000;
const NOTHING = new Uint8Array(0);
const STALL = { outcome: 'stall' as const, data: NOTHING };

type Split = 'abort-out' | 'abort-in' | 'clear';

/**
 * The device side of USBTMC 1.0 and USB488 1.0 over an instrument that speaks messages. Firmware's weak points are knobs.
 *
 *     bulk OUT ─▶ decoder ─▶ connection.write        REQUEST ─▶ connection.read ─▶ bulk IN
 *                   │ breaks the class: bulk OUT halted until CLEAR_FEATURE
 */
export class UsbtmcPeripheral implements UsbPeripheral {
  readonly descriptor: UsbDeviceDescriptor;
  readonly configuration: UsbConfigurationInfo;
  readonly strings: readonly string[];
  readonly #device: MessageDevice;
  readonly #options: UsbtmcPeripheralOptions;
  readonly #capabilities: UsbtmcCapabilities;
  readonly #decoder = new UsbtmcOutDecoder();
  readonly #bulkIn: InPipe;
  readonly #interruptIn: InPipe;
  #connection: MessageConnection | undefined;
  #isOutHalted = false;
  /** Transfers out that wait: a halt of the endpoint stalls them. */
  readonly #outWaiting = new Set<Deferred<UsbOutcome>>();
  #isInHalted = false;
  /** The request for an answer that was not taken in full. */
  #request: { tag: number; controller: AbortController } | undefined;
  #split: Split | undefined;
  #checks = 0;
  #receivedBytes = 0;
  /** Bytes taken in are worked off one transfer after the other. */
  #work: Promise<void> = Promise.resolve();
  #generation = 0;

  constructor(device: MessageDevice, options: UsbtmcPeripheralOptions = {}) {
    this.#device = device;
    this.#options = options;
    const { packetSize = 512, hasInterrupt = true, isUsb488 = true, interfaceNumber = 0 } = options;
    const [idnMaker = '', idnModel = '', idnSerial = ''] = device.idn.split(',');
    this.strings = [options.maker ?? idnMaker, options.product ?? idnModel, options.serial ?? idnSerial];
    this.descriptor = {
      vendorId: options.vendorId ?? 0x1209,
      productId: options.productId ?? 0x4c57,
      release: 0x0100,
      deviceClass: 0,
      deviceSubclass: 0,
      deviceProtocol: 0,
      makerIndex: 1,
      productIndex: 2,
      serialIndex: this.strings[2] ? 3 : 0,
      configurations: 1,
    };
    const bulk = { type: 'bulk', packetSize } as const;
    const endpoints: UsbEndpointInfo[] = [
      { number: BULK_OUT, direction: 'out', ...bulk },
      { number: BULK_IN, direction: 'in', ...bulk },
    ];
    if (hasInterrupt) endpoints.push({ number: INTERRUPT_IN, direction: 'in', type: 'interrupt', packetSize: 8 });
    const face = { number: interfaceNumber, classCode: USBTMC_CLASS, subclassCode: USBTMC_SUBCLASS };
    const protocolCode = isUsb488 ? USB488_PROTOCOL : 0;
    this.configuration = { value: 1, interfaces: [{ ...face, protocolCode, endpoints }] };
    this.#capabilities = {
      hasIndicatorPulse: true,
      isTalkOnly: false,
      isListenOnly: false,
      hasTermChar: options.hasTermChar ?? true,
      is4882: isUsb488,
      hasRemoteLocal: isUsb488,
      hasTrigger: isUsb488,
      isScpi: isUsb488,
    };
    this.#bulkIn = new InPipe(packetSize, options.sendsEmptyPacket ?? true);
    this.#interruptIn = new InPipe(8);
  }

  attach(cut: () => void): void {
    this.#connection?.closed();
    this.#begin();
    const connection = this.#device.connect(cut);
    this.#connection = connection;
    connection.onServiceRequest(() => {
      // The notification carries the byte and clears RQS (USB488 3.4.1).
      this.#notify({ kind: 'service-request', statusByte: connection.serialPoll() });
    });
  }

  detach(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#begin();
    connection?.closed();
  }

  reset(): void {
    this.#begin();
    this.#connection?.clear();
  }

  clearHalt(address: number): void {
    if (address === BULK_OUT) this.#isOutHalted = false;
    if (address === (0x80 | BULK_IN)) this.#isInHalted = false;
  }

  /** The next transfer of the endpoint stalls, as firmware does that lost its thread. */
  halt(direction: 'in' | 'out'): void {
    if (direction === 'in') this.#isInHalted = true;
    else this.#haltOut();
  }

  async out(endpoint: number, bytes: Uint8Array, signal: AbortSignal): Promise<UsbOutcome> {
    if (endpoint !== BULK_OUT || this.#isOutHalted) return 'stall';
    const generation = this.#generation;
    const outcome = this.#work.then(async (): Promise<UsbOutcome> => {
      if (generation !== this.#generation) return 'stall';
      try {
        this.#decoder.push(bytes);
        this.#receivedBytes += bytes.length;
        for (let piece = this.#decoder.take(); piece; piece = this.#decoder.take()) {
          await this.#take(piece);
          if (generation !== this.#generation) return 'stall';
        }
        return 'ok';
      } catch {
        this.#decoder.clear();
        this.#haltOut();
        return 'stall';
      }
    });
    this.#work = outcome.then(() => undefined);
    const waiting = createDeferred<UsbOutcome>();
    this.#outWaiting.add(waiting);
    void outcome.then(waiting.resolve);
    return untilAborted(waiting.promise, signal).finally(() => this.#outWaiting.delete(waiting));
  }

  #haltOut(): void {
    this.#isOutHalted = true;
    for (const waiting of [...this.#outWaiting]) waiting.resolve('stall');
  }

  async in(endpoint: number, length: number, signal: AbortSignal): Promise<{ outcome: UsbOutcome; data: Uint8Array }> {
    if (endpoint === INTERRUPT_IN) return { outcome: 'ok', data: await this.#interruptIn.take(length, signal) };
    if (endpoint !== BULK_IN || this.#isInHalted) return STALL;
    return { outcome: 'ok', data: await this.#bulkIn.take(length, signal) };
  }

  async control(
    { requestType, request, value, index }: SetupPacket,
    _data: Uint8Array,
  ): Promise<{ outcome: UsbOutcome; data: Uint8Array }> {
    const isClassIn = (requestType & 0xe0) === 0xa0;
    const answer = isClassIn ? this.#answer(request, value, index) : undefined;
    return answer ? { outcome: 'ok', data: Uint8Array.from(answer) } : STALL;
  }

  /** undefined: stalled. */
  #answer(request: number, value: number, index: number): Iterable<number> | undefined {
    const connection = this.#connection;
    if (!connection) return undefined;
    switch (request) {
      case USBTMC_REQUEST.initiateAbortBulkOut:
        return index === BULK_OUT ? [this.#abortOut(value), value] : undefined;
      case USBTMC_REQUEST.checkAbortBulkOut:
        return [this.#check('abort-out'), 0, 0, 0, ...u32(this.#receivedBytes)];
      case USBTMC_REQUEST.initiateAbortBulkIn:
        return index === (0x80 | BULK_IN) ? [this.#abortIn(value), value] : undefined;
      case USBTMC_REQUEST.checkAbortBulkIn:
        return [this.#check('abort-in'), this.#bulkIn.isFull ? 1 : 0, 0, 0, 0, 0, 0, 0];
      case USBTMC_REQUEST.initiateClear:
        return [this.#clear(connection)];
      case USBTMC_REQUEST.checkClear:
        return [this.#check('clear'), this.#bulkIn.isFull ? 1 : 0];
      case USBTMC_REQUEST.getCapabilities:
        return encodeCapabilities(this.#capabilities);
      case USBTMC_REQUEST.indicatorPulse:
        return [USBTMC_STATUS.success];
      default:
        return this.#capabilities.is4882 ? this.#answer488(connection, request, value) : undefined;
    }
  }

  #answer488(connection: MessageConnection, request: number, value: number): number[] | undefined {
    if (request === USBTMC_REQUEST.readStatusByte) {
      if (this.#options.hasInterrupt === false) return [USBTMC_STATUS.success, value, connection.serialPoll()];
      if (this.#interruptIn.count >= INTERRUPT_FIFO) return [USBTMC_STATUS.interruptBusy, value, 0];
      this.#notify({ kind: 'status-byte', tag: value, statusByte: connection.serialPoll() });
      return [USBTMC_STATUS.success, value, 0];
    }
    if (this.#options.isRemoteLocalBroken) return undefined;
    if (request === USBTMC_REQUEST.renControl) connection.remoteLocal(value === 1 ? 'remote' : 'local');
    else if (request === USBTMC_REQUEST.goToLocal) connection.remoteLocal('local');
    else if (request === USBTMC_REQUEST.localLockout) connection.remoteLocal('lockout');
    else return undefined;
    return [USBTMC_STATUS.success];
  }

  async #take(piece: BulkOutPiece): Promise<void> {
    const connection = this.#connection;
    if (!connection) return;
    if (piece.kind === 'data') await connection.write(piece.bytes.slice(), piece.end);
    else if (piece.kind === 'trigger') connection.trigger();
    else this.#startAnswer(connection, piece);
  }

  /** USBTMC 3.3: one request at a time, and no TermChar where it is not offered; else bulk OUT is halted. */
  #startAnswer(
    connection: MessageConnection,
    { tag, max, termChar }: Extract<BulkOutPiece, { kind: 'request' }>,
  ): void {
    const isBusy = (this.#request !== undefined || this.#bulkIn.isFull) && !this.#options.isAbortDeaf;
    if (isBusy || (termChar !== undefined && !this.#capabilities.hasTermChar)) throw new RangeError('halted');
    const request = { tag, controller: new AbortController() };
    this.#request = request;
    const { signal } = request.controller;
    const answering = this.#options.singleHeader
      ? this.#answerWhole(connection, tag, signal)
      : this.#answerPart(connection, { tag, max: Math.min(max, this.#options.transferBytes ?? max), termChar, signal });
    // Aborted: the answer, or what is left of it, stays in the output queue.
    answering.catch(() => {});
  }

  async #answerPart(
    connection: MessageConnection,
    about: { tag: number; max: number; termChar: number | undefined; signal: AbortSignal },
  ): Promise<void> {
    const part = await connection.read(about);
    if (about.signal.aborted) return;
    if (this.#request?.tag === about.tag) this.#request = undefined;
    this.#bulkIn.push(encodeMessageIn(about.tag, part.bytes, part));
  }

  async #answerWhole(connection: MessageConnection, tag: number, signal: AbortSignal): Promise<void> {
    const parts: Uint8Array[] = [];
    for (let isEnd = false; !isEnd; ) {
      const part = await connection.read({ max: 1024 * 1024, signal });
      parts.push(part.bytes);
      isEnd = part.end;
    }
    if (signal.aborted) return;
    this.#request = undefined;
    const whole = Buffer.concat(parts);
    const first = whole.subarray(0, 52);
    const header = encodeMessageIn(tag, first, { end: true, isTermChar: false });
    const isLie = this.#options.singleHeader === 'block' && whole[0] === 0x23;
    if (!isLie) new DataView(header.buffer).setUint32(4, whole.length, true);
    this.#bulkIn.push(header);
    for (let at = first.length; at < whole.length; at += HEADERLESS_BYTES) {
      this.#bulkIn.push(whole.subarray(at, at + HEADERLESS_BYTES));
    }
  }

  #abortOut(tag: number): number {
    if (this.#split) return USBTMC_STATUS.splitInProgress;
    const { openTag } = this.#decoder;
    if (openTag === undefined) return USBTMC_STATUS.failed;
    if (openTag !== tag) return USBTMC_STATUS.notInProgress;
    this.#generation++;
    this.#work = Promise.resolve();
    this.#decoder.clear();
    this.#haltOut();
    return this.#beginSplit('abort-out');
  }

  #abortIn(tag: number): number {
    if (this.#split) return USBTMC_STATUS.splitInProgress;
    const request = this.#request;
    if (!this.#bulkIn.isFull && (!request || this.#options.isAbortDeaf)) return USBTMC_STATUS.failed;
    if (request && request.tag !== tag) return USBTMC_STATUS.notInProgress;
    request?.controller.abort();
    this.#request = undefined;
    this.#bulkIn.flush();
    // A short packet ends the transfer for the host.
    this.#bulkIn.push(NOTHING);
    return this.#beginSplit('abort-in');
  }

  #clear(connection: MessageConnection): number {
    if (this.#split && this.#split !== 'clear') return USBTMC_STATUS.splitInProgress;
    this.#begin();
    connection.clear();
    this.#haltOut();
    return this.#beginSplit('clear');
  }

  #beginSplit(split: Split): number {
    this.#split = split;
    this.#checks = this.#options.pendingChecks ?? 0;
    return USBTMC_STATUS.success;
  }

  #check(split: Split): number {
    if (this.#split !== split) return USBTMC_STATUS.splitNotInProgress;
    if (this.#checks-- > 0 || (split !== 'abort-out' && this.#bulkIn.isFull)) return USBTMC_STATUS.pending;
    this.#split = undefined;
    return USBTMC_STATUS.success;
  }

  /** As after power-on, the instrument's own state apart. */
  #begin(): void {
    this.#generation++;
    this.#work = Promise.resolve();
    this.#decoder.clear();
    this.#request?.controller.abort();
    this.#request = undefined;
    this.#bulkIn.flush();
    this.#interruptIn.flush();
    this.#split = undefined;
    this.#isOutHalted = false;
    this.#isInHalted = false;
  }

  /** A full FIFO drops the oldest service request: the newest says the same. */
  #notify(notification: NonNullable<ReturnType<typeof decodeNotification>>): void {
    if (this.#options.hasInterrupt === false) return;
    if (this.#interruptIn.count < INTERRUPT_FIFO) this.#interruptIn.push(encodeNotification(notification));
  }
}

function u32(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24];
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    void promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
