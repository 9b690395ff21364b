import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { NeurographControl } from '../../protocol/lab/neurograph-message.ts';

export interface RequestLimits {
  /** Requests that wait for their answer. */
  pending: number;
  timeoutMs: number;
  /** Tries after a rate limit: the server dropped the request, so it is sent again, once for each refusal. */
  retries: number;
}

export const REQUEST_LIMITS: Readonly<RequestLimits> = { pending: 100, timeoutMs: 10_000, retries: 3 };

/** What answers a request. */
const ANSWERS: Readonly<Record<string, NeurographControl['type']>> = {
  ping: 'pong',
  subscribe: 'subscribed',
  unsubscribe: 'unsubscribed',
  get_subscriptions: 'subscriptions',
  get_reconnection_token: 'reconnection_token',
};

interface Pending {
  type: string;
  text: string;
  tries: number;
  sentNs: bigint;
  timer: Disposable | undefined;
  resolve(message: NeurographControl): void;
  reject(error: LabError): void;
}

/**
 * Requests of one connection. Answers carry no number: the server answers in the order asked, so the oldest request of the kind is meant. A request it dropped for
 * its rate limit waits as long as it says and is sent again.
 */
export class RequestQueue {
  readonly #clock: Clock;
  readonly #limits: RequestLimits;
  #send: ((text: string) => void) | undefined;
  #pending: Pending[] = [];
  /** Waits out a rate limit. */
  readonly #delayed = new Map<Pending, Disposable>();

  constructor(clock: Clock, limits: RequestLimits = REQUEST_LIMITS) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** The connection is open. */
  opened(send: (text: string) => void): void {
    this.#send = send;
  }

  /** Everything that waits is over. */
  ended(): void {
    this.#send = undefined;
    const all = [...this.#pending, ...this.#delayed.keys()];
    for (const timer of this.#delayed.values()) timer[Symbol.dispose]();
    this.#delayed.clear();
    this.#pending = [];
    for (const request of all) {
      request.timer?.[Symbol.dispose]();
      request.reject(new LabError('server.closed', 'The connection ended before the server answered. Ask again.'));
    }
  }

  /** Rejects with server.closed, server.timeout, server.rejected (the server's words), server.busy (its rate limit, or too much asked at once). */
  ask(type: string, body: Record<string, unknown> = {}): Promise<NeurographControl> {
    return new Promise((resolve, reject) => {
      if (!this.#send) {
        reject(new LabError('server.closed', 'The server is not connected. Nothing was sent.'));
        return;
      }
      if (this.#pending.length + this.#delayed.size >= this.#limits.pending) {
        reject(new LabError('server.busy', 'Too many requests wait for the server already. This one was not sent.'));
        return;
      }
      const text = JSON.stringify({ type, ...body });
      this.#put({ type, text, tries: 0, sentNs: 0n, timer: undefined, resolve, reject });
    });
  }

  /** A control message of the server; gives when the request it answers was sent, undefined if it answers none. */
  answered(message: NeurographControl): bigint | undefined {
    const at = message.type === 'error' ? 0 : this.#pending.findIndex(({ type }) => ANSWERS[type] === message.type);
    const request = this.#pending[at];
    if (!request) return undefined;
    this.#pending.splice(at, 1);
    request.timer?.[Symbol.dispose]();
    if (message.type !== 'error') request.resolve(message);
    else if (message.retry_after === undefined) request.reject(rejected(message.message));
    else if (request.type === 'ping' || request.tries >= this.#limits.retries)
      request.reject(limited(message.retry_after));
    else this.#later(request, message.retry_after);
    return request.sentNs;
  }

  #put(request: Pending): void {
    request.tries++;
    request.sentNs = this.#clock.nowNs();
    request.timer = this.#clock.after(this.#limits.timeoutMs, () => {
      this.#pending = this.#pending.filter((one) => one !== request);
      request.reject(
        new LabError(
          'server.timeout',
          `The server did not answer ${request.type} within ${this.#limits.timeoutMs / 1000} s. Whether it was done is not known.`,
        ),
      );
    });
    this.#pending.push(request);
    this.#send?.(request.text);
  }

  #later(request: Pending, retryAfterS: number): void {
    const timer = this.#clock.after(Math.ceil(Math.min(retryAfterS, 3600) * 1000), () => {
      this.#delayed.delete(request);
      this.#put(request);
    });
    this.#delayed.set(request, timer);
  }
}

function rejected(words: string): LabError {
  return new LabError('server.rejected', `The server did not do it: ${words.slice(0, 300)}.`, { said: words });
}

function limited(retryAfterS: number): LabError {
  return new LabError(
    'server.busy',
    `The server takes no more of these requests just now. Ask again in ${Math.ceil(retryAfterS)} s.`,
    { retryAfterS },
  );
}
