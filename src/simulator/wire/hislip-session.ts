import { createDeferred } from '../../core/deferred.ts';
import {
  ERROR,
  FATAL,
  FEATURE,
  HISLIP,
  HISLIP_TEXT_BYTES,
  HISLIP_VENDOR_TYPES,
  RMT_DELIVERED,
} from '../../protocol/hislip.ts';
import type { HislipEvent } from '../../protocol/hislip-decoder.ts';
import { HISLIP_HEADER_BYTES, type HislipHeader } from '../../protocol/hislip-header.ts';
import { FIRST_MESSAGE_ID, isMessageIdUpTo, NO_MESSAGE_ID, nextMessageId } from '../../protocol/hislip-message-id.ts';
import type { HislipLocks } from './hislip-locks.ts';
import type { HislipServerOptions } from './hislip-options.ts';
import type { HislipPipe } from './hislip-pipe.ts';
import { HislipSasl } from './hislip-sasl.ts';
import type { MessageConnection, MessageDevice } from './message-device.ts';

const MAV = 16;
const RQS = 64;
/** Largest piece of an answer, whatever the client takes. */
const PIECE_BYTES = 256 * 1024;
const NEVER = new AbortController().signal;

export interface HislipSessionParts {
  id: number;
  version: number;
  device: MessageDevice;
  locks: HislipLocks;
  sync: HislipPipe;
  options: HislipServerOptions;
}

/**
 * One client of a HiSLIP server: what both channels share, and the synchronous one.
 *
 *     initialised ──AsyncInitialize──▶ serving ──AsyncDeviceClear──▶ clearing: input ignored
 *          │ Data, Trigger               ▲                             │ DeviceClearComplete
 *          ▼                             └──── DeviceClearAcknowledge ─┘ MessageIDs begin anew
 *     FatalError 2, closed
 *
 * Synchronized mode (3.1.1). An answer carries the MessageID of the message whose end asked for it. If another message has come before the end of
 * the answer was sent, the answer is thrown away and both Interrupted messages are sent. If the answer was sent whole but the next message says
 * that it was not delivered (RMT-delivered), the error is the instrument's own (-410) and the client is told nothing.
 * Overlap mode (3.2.1). Answers are numbered by the server and nothing interrupts: the next message waits until the answer before it was sent.
 */
export class HislipSession {
  readonly id: number;
  readonly version: number;
  readonly locks: HislipLocks;
  readonly sync: HislipPipe;
  readonly options: HislipServerOptions;
  readonly connection: MessageConnection;
  readonly sasl: HislipSasl;
  async: HislipPipe | undefined;
  isOverlap: boolean;
  /** Largest message the client takes, header included (6.10). */
  clientMaxBytes = Number.MAX_SAFE_INTEGER;
  /** MessageID of the last Data, DataEND or Trigger, received and worked off. */
  #receivedId = NO_MESSAGE_ID;
  #doneId = NO_MESSAGE_ID;
  /** The message the instrument has got last. */
  #endId = NO_MESSAGE_ID;
  /** Part of a message has come, and its end has not been handed on. */
  #isInputPending = false;
  /** Messages the instrument had when that one began. */
  #messagesBefore = 0;
  /** Bytes of an answer were sent whose end was not. */
  #isMidResponse = false;
  /** A whole answer was sent that the client has not said to have delivered (RMT-expected). */
  #isRmtExpected = false;
  /** Answers to program messages up to this number are thrown away. */
  #interruptedTo = 0;
  #nextOwnId = FIRST_MESSAGE_ID;
  #lastOwnId = NO_MESSAGE_ID;
  #isClearing = false;
  /** Counts device clears: what waited before one is not gone on with. */
  #clears = 0;
  #isPumping = false;
  /** Resolves with the next message worked off, answer sent, or device clear. */
  #progress = createDeferred<void>();
  #isServiceRequested = false;
  #isClosed = false;

  constructor({ id, version, device, locks, sync, options }: HislipSessionParts) {
    this.id = id;
    this.version = version;
    this.locks = locks;
    this.sync = sync;
    this.options = options;
    this.isOverlap = options.prefersOverlap ?? false;
    this.sasl = new HislipSasl(options.security);
    this.connection = device.connect(() => this.close());
    this.connection.onResponse(() => void this.#pump());
    sync.onClosed(() => this.close());
  }

  /** The control code that says what this server wants (Tables 12 and 31). */
  get features(): number {
    const { prefersOverlap, security } = this.options;
    let features = prefersOverlap ? FEATURE.overlap : 0;
    if (this.version >= 0x0200 && security && security.encryption !== 'optional') {
      features |= FEATURE.initialEncryption;
      if (security.encryption === 'mandatory') features |= FEATURE.encryptionMandatory;
    }
    return features;
  }

  /** Encryption is missing that this server insists on, or nobody has logged in who must. */
  get isRefused(): boolean {
    const { security } = this.options;
    if (!security || this.version < 0x0200) return false;
    const isPlain = !this.sync.isSecure || !this.async?.isSecure;
    return (security.encryption === 'mandatory' && isPlain) || !this.sasl.isPassed;
  }

  /** Serves the synchronous channel until it ends. */
  async serve(): Promise<void> {
    for (let event = await this.sync.next(); event; event = await this.sync.next()) {
      if (event.kind === 'too-large') await this.#refuse(ERROR.tooLarge, 'Message too large');
      else await this.#take(event);
    }
  }

  /** Both channels end with the reason (6.2). */
  fail(code: number, text: string): void {
    this.async?.fail(code, text);
    this.sync.fail(code, text);
    this.close();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#clears++;
    this.locks.leave(this);
    this.connection.closed();
    this.sync.destroy();
    this.async?.destroy();
    this.#settle();
  }

  /** 6.12, first half: what came before is forgotten, the answer under way too; until DeviceClearComplete everything on this channel is ignored. */
  beginClear(): void {
    this.#clears++;
    this.#isClearing = true;
    this.#isInputPending = false;
    this.#isMidResponse = false;
    this.#isServiceRequested = false;
    this.connection.clear();
    this.#interruptedTo = this.connection.messageCount;
    this.#settle();
  }

  /** Resolves when the message of that MessageID was worked off, a device clear came, or the time is over (6.5, 6.7). */
  async afterMessage(id: number): Promise<void> {
    const clears = this.#clears;
    let isLate = false;
    const late = createDeferred<void>();
    const timer = setTimeout(() => {
      isLate = true;
      late.resolve();
    }, this.options.orderWaitMs ?? 5000);
    while (!isMessageIdUpTo(id, this.#doneId) && clears === this.#clears && !isLate) {
      await Promise.race([this.#progress.promise, late.promise]);
    }
    clearTimeout(timer);
  }

  /** 6.14: RQS is cleared by it. MAV is a matter of messages, not of the instrument's output queue, which is emptied into the network. */
  statusByte(id: number, isRmtDelivered: boolean): number {
    if (isRmtDelivered && !this.isOverlap) this.#isRmtExpected = false;
    const byte = this.connection.serialPoll() | (this.#isServiceRequested ? RQS : 0);
    this.#isServiceRequested = false;
    return this.#withMav(byte, this.isOverlap ? id !== this.#lastOwnId : id === this.#receivedId && this.#isAnswered);
  }

  /** 6.13: sent once, then not before the client has asked for the status. */
  requestService(): void {
    if (this.#isServiceRequested || !this.async) return;
    const byte = this.#withMav(this.connection.serialPoll() | RQS, this.#isAnswered);
    this.#isServiceRequested = true;
    void this.async.send(HISLIP.asyncServiceRequest, byte);
  }

  /** 6.15: with an answer on its way the channels cannot change. */
  get isBusy(): boolean {
    return this.#isMidResponse || this.connection.hasResponse || this.#isInputPending;
  }

  /** Input has come that the instrument has not been given whole. */
  get #isInputWaiting(): boolean {
    return this.#isInputPending && this.connection.messageCount === this.#messagesBefore;
  }

  get #isAnswered(): boolean {
    return this.#isRmtExpected || this.#isMidResponse || this.connection.hasResponse;
  }

  #withMav(byte: number, isAvailable: boolean): number {
    return isAvailable ? byte | MAV : byte & ~MAV;
  }

  async #take(event: Exclude<HislipEvent, { kind: 'too-large' }>): Promise<void> {
    const { header } = event;
    if (!this.async) return this.fail(FATAL.channelsNotEstablished, 'Asynchronous channel not established');
    if (this.#isClearing && header.type !== HISLIP.deviceClearComplete && header.type !== HISLIP.fatalError) return;
    if (event.kind === 'piece') return this.#takeData(header, event.bytes, event.isLast);
    switch (header.type) {
      case HISLIP.trigger:
        return this.#takeTrigger(header);
      case HISLIP.deviceClearComplete:
        return this.#completeClear(header);
      case HISLIP.startTls:
        return this.#startTls();
      case HISLIP.getDescriptors:
        if (this.version < 0x0200) break;
        return this.sync.send(HISLIP.getDescriptorsResponse);
      case HISLIP.getSaslMechanismList:
      case HISLIP.authenticationStart:
      case HISLIP.authenticationExchange:
        if (this.version < 0x0200) break;
        for (const answer of this.sasl.take(header.type, event.payload)) {
          await this.sync.send(answer.type, answer.control, answer.parameter, answer.payload);
        }
        return;
      case HISLIP.fatalError:
        return this.close();
      case HISLIP.error:
        return;
    }
    const isVendor = header.type >= HISLIP_VENDOR_TYPES;
    await this.#refuse(isVendor ? ERROR.vendorMessage : ERROR.messageType, 'Unrecognized message type');
  }

  async #takeData(header: HislipHeader, bytes: Uint8Array, isLast: boolean): Promise<void> {
    if (this.isRefused) return this.fail(FATAL.secureConnectionFailed, 'Secure connection required');
    const clears = this.#clears;
    const isEnd = header.type === HISLIP.dataEnd && isLast;
    await this.#untilAllowed(clears);
    if (clears !== this.#clears) return;
    if (header.parameter !== this.#receivedId || !this.#isInputPending) this.#arrive(header);
    if (!this.#isInputPending) this.#messagesBefore = this.connection.messageCount;
    this.#isInputPending = true;
    if (isEnd && this.isOverlap) await this.#untilDrained(clears);
    if (clears !== this.#clears) return;
    // Before it is handed on: the answer may come at once.
    if (isEnd) this.#endId = header.parameter;
    await this.connection.write(bytes, isEnd);
    if (clears !== this.#clears) return;
    if (isEnd) this.#isInputPending = false;
    if (isLast) this.#done(header.parameter);
  }

  async #takeTrigger(header: HislipHeader): Promise<void> {
    if (this.isRefused) return this.fail(FATAL.secureConnectionFailed, 'Secure connection required');
    const clears = this.#clears;
    await this.#untilAllowed(clears);
    if (clears !== this.#clears) return;
    this.#arrive(header);
    this.connection.trigger();
    this.#done(header.parameter);
  }

  /** A message has begun: 3.1.1, both kinds of interruption. */
  #arrive(header: HislipHeader): void {
    this.#receivedId = header.parameter;
    if (this.isOverlap) return;
    const isDelivered = (header.control & RMT_DELIVERED) !== 0;
    if (this.#isMidResponse || this.connection.hasResponse) {
      this.connection.interrupt();
      this.#interrupt();
    } else if (this.#isRmtExpected !== isDelivered) this.connection.interrupt();
    this.#isRmtExpected = false;
  }

  /** 3.1.1, rule 1. The parameter names the message that interrupted. */
  #interrupt(): void {
    this.#isMidResponse = false;
    this.#interruptedTo = this.connection.messageCount;
    void this.async?.send(HISLIP.asyncInterrupted, 0, this.#receivedId);
    void this.sync.send(HISLIP.interrupted, 0, this.#receivedId);
  }

  #done(id: number): void {
    this.#doneId = id;
    this.#settle();
  }

  /** 2.6: messages of a client that lacks the lock wait until it is free. */
  async #untilAllowed(clears: number): Promise<void> {
    while (!this.locks.mayUse(this) && clears === this.#clears) {
      await Promise.race([this.locks.changed(), this.#progress.promise]);
    }
  }

  async #untilDrained(clears: number): Promise<void> {
    while ((this.#isMidResponse || this.connection.hasResponse) && clears === this.#clears) {
      await this.#progress.promise;
    }
  }

  #settle(): void {
    this.#progress.resolve();
    this.#progress = createDeferred();
  }

  async #completeClear(header: HislipHeader): Promise<void> {
    const mode = this.options.grantsMode === false ? this.features : header.control;
    this.isOverlap = (mode & FEATURE.overlap) !== 0;
    this.#receivedId = this.#doneId = this.#endId = NO_MESSAGE_ID;
    this.#nextOwnId = FIRST_MESSAGE_ID;
    this.#lastOwnId = NO_MESSAGE_ID;
    this.#isRmtExpected = false;
    this.#isClearing = false;
    const features = (this.features & ~FEATURE.overlap) | (this.isOverlap ? FEATURE.overlap : 0);
    await this.sync.send(HISLIP.deviceClearAcknowledge, features);
  }

  async #startTls(): Promise<void> {
    const context = this.sasl.context;
    if (!context || !this.async?.isSecure || this.sync.isSecure) {
      return this.fail(FATAL.secureConnectionFailed, 'StartTLS without AsyncStartTLS');
    }
    await this.sync.startTls(context).catch(() => this.fail(FATAL.secureConnectionFailed, 'TLS handshake failed'));
  }

  #refuse(code: number, text: string): Promise<void> {
    return this.sync.send(HISLIP.error, code, 0, Buffer.from(text));
  }

  /** Sends answers as they come; the network's back-pressure ends here. */
  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (this.connection.hasResponse && !this.#isClosed) await this.#sendPart();
    this.#isPumping = false;
  }

  async #sendPart(): Promise<void> {
    const clears = this.#clears;
    const max = Math.max(1, Math.min(PIECE_BYTES, this.clientMaxBytes - HISLIP_HEADER_BYTES));
    const part = await this.connection.read({ max, signal: NEVER });
    if (clears !== this.#clears || part.message <= this.#interruptedTo) return;
    if (!this.isOverlap && (part.message < this.connection.messageCount || this.#isInputWaiting)) {
      // The instrument offers the end of an answer, and other input waits.
      if (!part.end) return;
      this.connection.interrupt();
      this.#interrupt();
      this.#interruptedTo = part.message;
      return;
    }
    let id = this.#endId;
    if (this.isOverlap) {
      id = this.#nextOwnId;
      this.#nextOwnId = nextMessageId(id);
      this.#lastOwnId = id;
    }
    this.#isMidResponse = !part.end;
    if (part.end && !this.isOverlap) this.#isRmtExpected = true;
    await this.sync.send(part.end ? HISLIP.dataEnd : HISLIP.data, 0, id, part.bytes);
    if (part.end) this.#settle();
  }
}

/** A sub-address or lock key as text; undefined beyond its 256 bytes. */
export function hislipText(payload: Uint8Array): string | undefined {
  return payload.length > HISLIP_TEXT_BYTES ? undefined : Buffer.from(payload).toString('latin1');
}
