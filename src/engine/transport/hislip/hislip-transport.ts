import { createDeferred, type Deferred } from '../../../core/deferred.ts';
import { type ErrorCode, LabError } from '../../../core/errors.ts';
import { ERROR, FEATURE, HISLIP, HISLIP_VENDOR_TYPES } from '../../../protocol/hislip.ts';
import type { HislipEvent } from '../../../protocol/hislip-decoder.ts';
import { HISLIP_HEADER_BYTES, type HislipHeader } from '../../../protocol/hislip-header.ts';
import { UNKNOWN_MESSAGE_ID } from '../../../protocol/hislip-message-id.ts';
import { abortable } from '../abortable.ts';
import { cancellation, READ_BUFFER_BYTES } from '../read-buffer.ts';
import type { ReadOptions, ReadResult, Transport, TransportControl, WriteOptions } from '../transport.ts';
import { AnswerBuffer } from './answer-buffer.ts';
import { AsyncCalls } from './async-calls.ts';
import type { HislipChannel } from './hislip-channel.ts';
import { createHislipControl } from './hislip-control.ts';
import type { HislipOptions } from './hislip-options.ts';
import { closedBy, noAnswer, oddAnswer, refusal } from './hislip-words.ts';
import { MessageSync } from './message-sync.ts';
import { SendTurn } from './send-turn.ts';

/** Largest piece of a message sent at once: a device clear waits for no more than this. */
const PIECE_BYTES = 256 * 1024;

export interface HislipParts {
  resource: string;
  sync: HislipChannel;
  async: HislipChannel;
  isOverlap: boolean;
  /** Largest message the instrument takes, header included. */
  serverMaxBytes: number;
  options: HislipOptions;
}

/**
 * A HiSLIP session as a transport (IVI-6.1).
 *
 *     serving ──AsyncDeviceClear──▶ clearing: nothing is sent, what comes is thrown away
 *        ▲                             │ AsyncDeviceClearAcknowledge
 *        │                             ▼
 *        └──DeviceClearAcknowledge── completing: DeviceClearComplete was sent; MessageIDs begin anew
 *
 *     serving, clearing ──FatalError, either connection ends, no acknowledgement in time──▶ closed, both connections
 *
 * Synchronized mode: an answer that came too late is known by its MessageID and dropped, also without a clear. Overlap mode: answers have no
 * names; after a read that was given up only `control.clear` makes the way clean.
 */
export class HislipTransport implements Transport {
  readonly resource: string;
  readonly isMessageBased = true;
  readonly closed: Promise<{ code: ErrorCode; message: string }>;
  readonly control: TransportControl;
  readonly #parts: HislipParts;
  readonly #calls: AsyncCalls;
  readonly #buffer: AnswerBuffer;
  readonly #books = new MessageSync();
  readonly #ended = createDeferred<{ code: ErrorCode; message: string }>();
  readonly #listeners = new Set<(statusByte: number) => void>();
  readonly #heldLimit: number;
  #isOverlap: boolean;
  #reason: LabError | undefined;
  /** Data whose MessageID is unknown, while an older answer may still come. */
  #held: { bytes: Uint8Array; isLast: boolean }[] = [];
  #heldBytes = 0;
  /** The instrument refused a message; the next read says so. */
  #refused: LabError | undefined;
  #clearing: Promise<void> | undefined;
  #clears = 0;
  #clearAcknowledged: Deferred<HislipHeader> | undefined;
  #inStep: Deferred<void> | undefined;
  /** A status query is under way that said RMT-delivered: a message that overtook it on the other channel would look like an interruption. */
  #statusQuery: Promise<unknown> | undefined;
  readonly #turn = new SendTurn(() => this.#obstacle());

  constructor(parts: HislipParts) {
    const { sync, async, options, resource } = parts;
    this.#parts = parts;
    this.resource = resource;
    this.#isOverlap = parts.isOverlap;
    this.closed = this.#ended.promise;
    this.#heldLimit = options.bufferBytes ?? READ_BUFFER_BYTES;
    this.#buffer = new AnswerBuffer({
      limitBytes: options.bufferBytes,
      onFull: () => sync.pause(),
      onSpace: () => sync.resume(),
      onDelivered: () => this.#books.delivered(),
    });
    this.#calls = new AsyncCalls(async, resource, {
      serviceRequest: (statusByte) => this.#tell(statusByte),
      interrupted: () => this.#interrupted('async'),
      ended: (reason) => this.#end(reason),
    });
    this.control = createHislipControl({
      resource,
      calls: this.#calls,
      listeners: this.#listeners,
      answerTimeoutMs: options.answerTimeoutMs ?? 10_000,
      lastId: () => this.#books.lastId,
      clear: (signal) => this.#clear(signal),
      trigger: (signal) => this.#trigger(signal),
      statusQuery: (query) => this.#queryStatus(query),
    });
    sync.attach({ event: (event) => this.#take(event), ended: (reason) => this.#end(reason) });
    async.attach(this.#calls);
  }

  get isOverlap(): boolean {
    return this.#isOverlap;
  }

  /** Changes the mode by a device clear (6.12). Throws `transport.unsupported` if the instrument does not go along. */
  async setMode(mode: 'synchronized' | 'overlap', signal?: AbortSignal): Promise<void> {
    await this.#clear(signal, mode === 'overlap');
    if (this.#isOverlap === (mode === 'overlap')) return;
    const text = `${this.resource} does not change to ${mode} mode. Nothing is open; leave the mode to the instrument.`;
    throw new LabError('transport.unsupported', text, { resource: this.resource });
  }

  write(bytes: Uint8Array, { end = false, signal }: WriteOptions = {}): Promise<void> {
    if (bytes.length === 0 && !end) return Promise.resolve();
    return this.#alone(signal, () => this.#sendPieces(bytes, end, signal));
  }

  async read(options: ReadOptions = {}): Promise<ReadResult> {
    const refused = this.#refused;
    this.#refused = undefined;
    if (refused) throw refused;
    try {
      return await this.#buffer.read(options);
    } catch (error) {
      if (options.signal?.aborted && !this.#reason) this.#books.abandoned();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const reason = closedBy(this.resource, 'The connection was closed here');
    if (!this.#reason) this.#buffer.clear();
    this.#end(reason);
    await Promise.all([this.#parts.sync.close(reason), this.#parts.async.close(reason)]);
  }

  /** One message of ours at a time, and only when the protocol allows it. What waits when a clear comes is not sent after it. */
  #alone(signal: AbortSignal | undefined, send: () => Promise<void>): Promise<void> {
    const clears = this.#clears;
    const sendUncleared = (): Promise<void> =>
      clears === this.#clears ? send() : Promise.reject(cutByClear(this.resource));
    return this.#turn.take(sendUncleared, signal);
  }

  /** What must be over before a message may be sent: a clear, a status query that must not be overtaken, half an interruption. */
  #obstacle(): Promise<unknown> | undefined {
    if (this.#reason) return Promise.reject(this.#reason);
    if (this.#clearing) return this.#clearing.catch(ignore);
    if (this.#statusQuery) return this.#statusQuery;
    return this.#books.isAhead && !this.#isOverlap ? this.#untilInStep() : undefined;
  }

  async #sendPieces(bytes: Uint8Array, end: boolean, signal: AbortSignal | undefined): Promise<void> {
    const max = Math.max(1, Math.min(PIECE_BYTES, this.#parts.serverMaxBytes - HISLIP_HEADER_BYTES));
    let start = 0;
    for (; start + max < bytes.length; start += max) {
      await this.#send(HISLIP.data, bytes.subarray(start, start + max));
      if (signal?.aborted) throw cancellation(signal);
      if (this.#clearing) throw cutByClear(this.resource);
    }
    await this.#send(end ? HISLIP.dataEnd : HISLIP.data, start === 0 ? bytes : bytes.subarray(start));
  }

  #send(type: number, payload?: Uint8Array): Promise<void> {
    // 3.1.2 rule 3: what has come of an older answer is not read after this.
    if (!this.#isOverlap) this.#drop();
    this.#refused = undefined;
    const { id, control } = this.#books.take(type !== HISLIP.data);
    return this.#parts.sync.send(type, control, id, payload);
  }

  #trigger(signal: AbortSignal | undefined): Promise<void> {
    return this.#alone(signal, () => this.#send(HISLIP.trigger));
  }

  /** 6.14. In overlap mode the last message delivered is named, else the last one sent. */
  #queryStatus(query: (id: number, control: number) => Promise<number>): Promise<number> {
    const control = this.#books.takeDelivered();
    const answer = query(this.#isOverlap ? this.#buffer.deliveredId : this.#books.lastId, control);
    if (control === 0 || this.#isOverlap) return answer;
    const queried: Promise<unknown> = Promise.allSettled([this.#statusQuery, answer]).then(() => {
      if (this.#statusQuery === queried) this.#statusQuery = undefined;
    });
    this.#statusQuery = queried;
    return answer;
  }

  #clear(signal: AbortSignal | undefined, isOverlap = this.#isOverlap): Promise<void> {
    if (this.#reason) return Promise.reject(this.#reason);
    if (signal?.aborted) return Promise.reject(cancellation(signal));
    this.#clears++;
    this.#clearing ??= this.#runClear(isOverlap).finally(() => {
      this.#clearing = undefined;
    });
    this.#clearing.catch(ignore);
    // Who gives up waiting leaves the clear going on: half of one cannot be taken back.
    return abortable(this.#clearing, signal);
  }

  async #runClear(isOverlap: boolean): Promise<void> {
    const { sync, options } = this.#parts;
    const timeoutMs = options.clearTimeoutMs ?? 60_000;
    const acknowledged = createDeferred<HislipHeader>();
    acknowledged.promise.catch(ignore);
    this.#clearAcknowledged = acknowledged;
    this.#buffer.rejectRead(cutByClear(this.resource));
    this.#drop();
    // What is thrown away must first come.
    sync.resume();
    const timer = setTimeout(() => {
      const text = `${this.resource} did not finish a device clear within ${timeoutMs} ms. The connection was closed, because late answers could come. Switch the instrument off and on, and attach it again.`;
      const error = new LabError('transport.failed', text, { resource: this.resource, timeoutMs });
      acknowledged.reject(error);
      this.#end(error);
    }, timeoutMs);
    try {
      const begun = await this.#calls.call({
        type: HISLIP.asyncDeviceClear,
        answer: HISLIP.asyncDeviceClearAcknowledge,
        what: 'a device clear',
        timeoutMs: timeoutMs + 1000,
      });
      const wanted = (begun.header.control & ~FEATURE.overlap) | (isOverlap ? FEATURE.overlap : 0);
      await sync.send(HISLIP.deviceClearComplete, wanted);
      const { control } = await acknowledged.promise;
      this.#isOverlap = (control & FEATURE.overlap) !== 0;
      this.#books.reset();
      this.#drop();
      this.#refused = undefined;
      this.#wakeSenders();
    } finally {
      clearTimeout(timer);
      this.#clearAcknowledged = undefined;
    }
  }

  #take(event: HislipEvent): void {
    const { header } = event;
    if (event.kind === 'too-large') this.#end(tooLarge(this.resource, header.payloadBytes));
    else if (this.#clearAcknowledged) {
      if (header.type === HISLIP.deviceClearAcknowledge) this.#clearAcknowledged.resolve(header);
    } else if (event.kind === 'piece') this.#takeAnswer(header, event.bytes, event.isLast);
    else if (header.type === HISLIP.interrupted) this.#interrupted('sync');
    else if (header.type === HISLIP.error) this.#takeRefusal(refusal(this.resource, header.control, event.payload));
    else if (header.type > HISLIP.authenticationResult) {
      const code = header.type >= HISLIP_VENDOR_TYPES ? ERROR.vendorMessage : ERROR.messageType;
      this.#parts.sync.send(HISLIP.error, code).catch(ignore);
    }
  }

  #takeAnswer(header: HislipHeader, bytes: Uint8Array, isLast: boolean): void {
    const id = header.parameter;
    const isEnd = header.type === HISLIP.dataEnd && isLast;
    const isUnknown = header.type === HISLIP.data && id === UNKNOWN_MESSAGE_ID;
    const verdict = this.#isOverlap ? 'valid' : this.#books.judge(id, isUnknown);
    if (verdict === 'stale') this.#drop();
    else if (verdict === 'unknown') this.#hold(bytes, isLast);
    else {
      for (const held of this.#held.splice(0)) this.#buffer.push(held.bytes, UNKNOWN_MESSAGE_ID, held.isLast, false);
      this.#heldBytes = 0;
      this.#buffer.push(bytes, id, isLast, isEnd);
      if (isEnd) this.#books.answered();
    }
  }

  #hold(bytes: Uint8Array, isLast: boolean): void {
    this.#held.push({ bytes, isLast });
    this.#heldBytes += bytes.length;
    if (this.#heldBytes <= this.#heldLimit) return;
    this.#end(
      oddAnswer(
        this.resource,
        'a long answer came that does not say which question it belongs to, after one that was given up',
      ),
    );
  }

  #takeRefusal(error: LabError): void {
    if (this.#buffer.isReading) this.#buffer.rejectRead(error);
    else this.#refused = error;
  }

  /** 3.1.2 rule 4. Overlap mode knows no interruption. */
  #interrupted(channel: 'sync' | 'async'): void {
    if (this.#isOverlap || this.#clearing) return;
    if (channel === 'sync') this.#books.interrupted();
    else this.#books.asyncInterrupted();
    this.#drop();
    if (!this.#books.isAhead) this.#wakeSenders();
  }

  #drop(): void {
    this.#held = [];
    this.#heldBytes = 0;
    this.#buffer.clear();
  }

  #wakeSenders(): void {
    this.#inStep?.resolve();
    this.#inStep = undefined;
  }

  #untilInStep(): Promise<void> {
    if (this.#inStep) return this.#inStep.promise;
    const inStep = createDeferred<void>();
    this.#inStep = inStep;
    const ms = this.#parts.options.answerTimeoutMs ?? 10_000;
    const timer = setTimeout(
      () => this.#end(noAnswer(this.resource, 'with the second message of an interruption', ms)),
      ms,
    );
    void inStep.promise.then(() => clearTimeout(timer));
    return inStep.promise;
  }

  #tell(statusByte: number): void {
    for (const listener of [...this.#listeners]) listener(statusByte);
  }

  #end(reason: LabError): void {
    if (this.#reason) return;
    this.#reason = reason;
    this.#held = [];
    this.#buffer.end(reason);
    this.#clearAcknowledged?.reject(reason);
    this.#wakeSenders();
    const { sync, async } = this.#parts;
    void Promise.all([sync.close(reason), async.close(reason)]).then(() =>
      this.#ended.resolve({ code: reason.code, message: reason.message }),
    );
  }
}

function ignore(): void {}

function tooLarge(resource: string, bytes: number): LabError {
  return oddAnswer(resource, `a message of ${bytes} bytes came, more than it was told to send`);
}

function cutByClear(resource: string): LabError {
  return new LabError(
    'transport.timeout',
    `${resource} was cleared before it had answered or was told everything. The answer is lost; ask again.`,
    { resource },
  );
}
