import { createDeferred, type Deferred } from '../../../core/deferred.ts';
import { LabError } from '../../../core/errors.ts';
import { ERROR, HISLIP, HISLIP_VENDOR_TYPES } from '../../../protocol/hislip.ts';
import type { HislipEvent } from '../../../protocol/hislip-decoder.ts';
import { cancellation } from '../read-buffer.ts';
import type { ChannelSink, HislipChannel, HislipMessage } from './hislip-channel.ts';
import { noAnswer, refusal } from './hislip-words.ts';

/** Calls on their way at once, given-up ones included. */
const MAX_CALLS = 64;

export interface AsyncCall {
  type: number;
  answer: number;
  control?: number;
  parameter?: number;
  payload?: Uint8Array;
  /** For messages: what was asked. */
  what: string;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  /** Waits until no other answer of that type is due: of the lock, whose answers carry no name (6.5). */
  isAlone?: boolean;
  /** The answer came after the caller had gone. What waits for it waits for this too; must not reject. */
  onLate?: (answer: HislipMessage) => Promise<void> | undefined;
}

interface Waiter {
  answer: number;
  deferred: Deferred<HislipMessage>;
  /** Resolves when the answer has come, also one nobody waits for any more, or the channel has ended. */
  over: Deferred<void>;
  isGone: boolean;
  onLate: ((answer: HislipMessage) => Promise<void> | undefined) | undefined;
}

export interface AsyncListener {
  serviceRequest(statusByte: number): void;
  interrupted(): void;
  ended(reason: LabError): void;
}

/**
 * The asynchronous channel: questions and their answers, which come in order for each type, and what the instrument tells unasked. A caller that
 * gives up leaves its place, so that a late answer is not taken for the next one's.
 */
export class AsyncCalls implements ChannelSink {
  readonly #channel: HislipChannel;
  readonly #resource: string;
  readonly #listener: AsyncListener;
  readonly #waiters: Waiter[] = [];

  constructor(channel: HislipChannel, resource: string, listener: AsyncListener) {
    this.#channel = channel;
    this.#resource = resource;
    this.#listener = listener;
  }

  /** Throws `transport.timeout`, `transport.unsupported` or `protocol.malformed` (the instrument refused it), `transport.closed`, the cancellation. */
  async call(call: AsyncCall): Promise<HislipMessage> {
    if (this.#waiters.length >= MAX_CALLS) {
      const text = `${this.#resource} has left ${MAX_CALLS} requests unanswered. This one was not sent; attach the instrument again.`;
      throw new LabError('transport.busy', text, { resource: this.#resource });
    }
    const { signal, timeoutMs, what } = call;
    if (signal?.aborted) throw cancellation(signal);
    const deferred = createDeferred<HislipMessage>();
    const waiter: Waiter = {
      answer: call.answer,
      deferred,
      over: createDeferred(),
      isGone: false,
      onLate: call.onLate,
    };
    const giveUp = (error: LabError): void => {
      waiter.isGone = true;
      deferred.reject(error);
    };
    const timer = setTimeout(() => giveUp(noAnswer(this.#resource, what, timeoutMs)), timeoutMs);
    const onAbort = (): void => giveUp(signal ? cancellation(signal) : noAnswer(this.#resource, what, timeoutMs));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      if (call.isAlone) {
        for (let other = this.#oldest(call.answer); other; other = this.#oldest(call.answer)) {
          await Promise.race([other.over.promise, deferred.promise]);
        }
      }
      this.#waiters.push(waiter);
      const { type, control, parameter, payload } = call;
      this.#channel.send(type, control, parameter, payload).catch((error: unknown) => deferred.reject(error));
      return await deferred.promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #oldest(answer: number): Waiter | undefined {
    return this.#waiters.find((waiter) => waiter.answer === answer);
  }

  event(event: HislipEvent): void {
    const { header } = event;
    if (event.kind !== 'message') this.#refuse(ERROR.tooLarge);
    else if (header.type === HISLIP.asyncServiceRequest) this.#listener.serviceRequest(header.control);
    else if (header.type === HISLIP.asyncInterrupted) this.#listener.interrupted();
    else if (header.type === HISLIP.error) this.#fail(refusal(this.#resource, header.control, event.payload));
    else this.#answer(event);
  }

  #answer(answer: HislipMessage): void {
    const { type } = answer.header;
    const index = this.#waiters.findIndex((waiter) => waiter.answer === type);
    const [waiter] = index < 0 ? [] : this.#waiters.splice(index, 1);
    if (waiter) {
      const late = waiter.isGone ? waiter.onLate?.(answer) : undefined;
      if (!waiter.isGone) waiter.deferred.resolve(answer);
      void Promise.resolve(late).then(() => waiter.over.resolve());
    } else if (type > HISLIP.authenticationResult) {
      this.#refuse(type >= HISLIP_VENDOR_TYPES ? ERROR.vendorMessage : ERROR.messageType);
    }
  }

  ended(reason: LabError): void {
    for (const waiter of this.#waiters.splice(0)) {
      waiter.deferred.reject(reason);
      waiter.over.resolve();
    }
    this.#listener.ended(reason);
  }

  /** An Error does not say what it answers: the oldest call, but a lock is waited for in silence. */
  #fail(error: LabError): void {
    const index = Math.max(
      0,
      this.#waiters.findIndex((waiter) => waiter.answer !== HISLIP.asyncLockResponse),
    );
    const [waiter] = this.#waiters.splice(index, 1);
    waiter?.deferred.reject(error);
    waiter?.over.resolve();
  }

  #refuse(code: number): void {
    this.#channel.send(HISLIP.error, code).catch(() => {});
  }
}
