import { createDeferred, type Deferred } from '../../core/deferred.ts';
import type { MessageConnection, PartOptions, ResponsePart } from './message-device.ts';

/** What an instrument does with whole program messages. */
export interface MessageHandler {
  /** Runs a message without its terminator; answers go to `respond`, in order, whole or in pieces. Resolves when it is done. */
  execute(message: Uint8Array, respond: (bytes: Uint8Array, end: boolean) => void): Promise<void>;
  /** Bits of the status byte without MAV and RQS. */
  statusByte(): number;
  /** Service request enable mask (488.2 *SRE). */
  serviceRequestEnable(): number;
  /** Query errors of 488.2 6.3: -410 interrupted, -420 unterminated, and -363 input buffer overrun. */
  fail(code: -410 | -420 | -363): void;
  trigger?(): void;
  clear?(): void;
  remoteLocal?(mode: 'remote' | 'local' | 'lockout'): void;
  /** Called when something outside a message may have changed the status. */
  onStatusChange?(listener: () => void): Disposable;
}

/** Input buffer of an instrument; a longer message is thrown away (-363). */
const INPUT_LIMIT_BYTES = 64 * 1024 * 1024;
const LF = 0x0a;
const MAV = 16;
const RQS = 64;

/**
 * The message exchange control of IEEE 488.2 section 6 for one client:
 *
 *     write ──▶ input buffer ──END or LF──▶ execute ──▶ output queue ──read──▶ client
 *
 * A message that comes while an answer waits unread throws it away (-410). A read with nothing asked for is -420, and waits. Device clear
 * empties both sides; an execution under way ends unheard.
 */
export class MessageExchange implements MessageConnection {
  readonly #handler: MessageHandler;
  #input: Uint8Array[] = [];
  #inputBytes = 0;
  #overrun = false;
  #output: { bytes: Uint8Array; end: boolean; message: number }[] = [];
  #messageCount = 0;
  #arrival: Deferred<void> | undefined;
  #running: Promise<void> = Promise.resolve();
  #pendingMessages = 0;
  /** Executions begun before a clear answer nobody. */
  #generation = 0;
  #isRequesting = false;
  #wasSummary = false;
  #listener: (() => void) | undefined;
  #responseListener: (() => void) | undefined;
  readonly #watch: Disposable | undefined;

  constructor(handler: MessageHandler) {
    this.#handler = handler;
    this.#watch = handler.onStatusChange?.(() => this.#updateRequest());
  }

  get hasResponse(): boolean {
    return this.#output.length > 0;
  }

  async write(bytes: Uint8Array, end: boolean): Promise<void> {
    if (this.#inputBytes + bytes.length > INPUT_LIMIT_BYTES) this.#overrun = true;
    else if (bytes.length > 0) {
      // A copy of our own: slice of a Buffer would only be a view.
      this.#input.push(new Uint8Array(bytes));
      this.#inputBytes += bytes.length;
    }
    // 488.2 7.5: NL, END or both end a message. Only END is trusted inside binary data, so NL alone ends none here.
    if (!end) return;
    const message = this.#takeInput();
    if (!message) {
      this.#handler.fail(-363);
      return;
    }
    if (this.#output.length > 0) {
      this.#output = [];
      this.#handler.fail(-410);
    }
    const generation = this.#generation;
    const number = ++this.#messageCount;
    this.#pendingMessages++;
    this.#running = this.#running.then(async () => {
      if (generation !== this.#generation) return;
      await this.#handler.execute(message, (answer, isEnd) => {
        if (generation === this.#generation) this.#respond(answer, isEnd, number);
      });
      if (generation !== this.#generation) return;
      this.#pendingMessages--;
      this.#updateRequest();
    });
  }

  async read({ max, termChar, signal }: PartOptions): Promise<ResponsePart> {
    if (this.#output.length === 0 && this.#pendingMessages === 0) this.#handler.fail(-420);
    while (this.#output.length === 0) {
      signal.throwIfAborted();
      this.#arrival ??= createDeferred<void>();
      await untilAborted(this.#arrival.promise, signal);
    }
    const first = this.#output[0] ?? { bytes: new Uint8Array(0), end: true, message: this.#messageCount };
    const found = termChar === undefined ? -1 : first.bytes.indexOf(termChar);
    const count = Math.min(first.bytes.length, max, found < 0 ? first.bytes.length : found + 1);
    const bytes = first.bytes.subarray(0, count);
    const isWhole = count === first.bytes.length;
    if (isWhole) this.#output.shift();
    else first.bytes = first.bytes.subarray(count);
    this.#updateRequest();
    const isTermChar = found >= 0 && count === found + 1;
    return { bytes, end: isWhole && first.end, isTermChar, message: first.message };
  }

  clear(): void {
    this.#generation++;
    this.#pendingMessages = 0;
    this.#input = [];
    this.#inputBytes = 0;
    this.#overrun = false;
    this.#output = [];
    this.#running = Promise.resolve();
    this.#handler.clear?.();
  }

  get messageCount(): number {
    return this.#messageCount;
  }

  onResponse(listener: () => void): void {
    this.#responseListener = listener;
    if (this.hasResponse) listener();
  }

  interrupt(): void {
    this.#output = [];
    this.#handler.fail(-410);
    this.#updateRequest();
  }

  trigger(): void {
    this.#handler.trigger?.();
    this.#updateRequest();
  }

  serialPoll(): number {
    const byte = this.#byte() & ~RQS;
    const isRequesting = this.#isRequesting;
    this.#isRequesting = false;
    return isRequesting ? byte | RQS : byte;
  }

  onServiceRequest(listener: () => void): void {
    this.#listener = listener;
    this.#updateRequest();
  }

  remoteLocal(mode: 'remote' | 'local' | 'lockout'): void {
    this.#handler.remoteLocal?.(mode);
  }

  closed(): void {
    this.clear();
    this.#watch?.[Symbol.dispose]();
    this.#listener = undefined;
    this.#responseListener = undefined;
  }

  #takeInput(): Uint8Array | undefined {
    const joined = this.#input.length === 1 ? this.#input[0] : Buffer.concat(this.#input);
    const wasOverrun = this.#overrun;
    this.#input = [];
    this.#inputBytes = 0;
    this.#overrun = false;
    if (wasOverrun || !joined) return wasOverrun ? undefined : new Uint8Array(0);
    let length = joined.length;
    if (length > 0 && joined[length - 1] === LF) length--;
    if (length > 0 && joined[length - 1] === 0x0d) length--;
    return joined.subarray(0, length);
  }

  #respond(bytes: Uint8Array, end: boolean, message: number): void {
    if (bytes.length === 0 && !end) return;
    const isFirst = this.#output.length === 0;
    this.#output.push({ bytes, end, message });
    this.#arrival?.resolve();
    this.#arrival = undefined;
    this.#updateRequest();
    if (isFirst) this.#responseListener?.();
  }

  #byte(): number {
    return (this.#handler.statusByte() & ~(MAV | RQS)) | (this.hasResponse ? MAV : 0);
  }

  /** 488.2 11.3.3: RQS rises with each new reason, and stays until it is polled. */
  #updateRequest(): void {
    const isSummary = (this.#byte() & this.#handler.serviceRequestEnable() & ~RQS) !== 0;
    const hasRisen = isSummary && !this.#wasSummary;
    this.#wasSummary = isSummary;
    if (!hasRisen) return;
    this.#isRequesting = true;
    this.#listener?.();
  }
}

function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    void promise.then(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
  });
}
