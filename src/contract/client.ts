import { LabError } from '../core/errors.ts';
import type { CallInput, CallName, CallOutput } from './calls.ts';
import { CALLS, CONTRACT_VERSION } from './calls.ts';
import type { Asker, FromEngine } from './envelope.ts';
import { encodeFromScreen, isEventName, issuesText, parseFromEngine } from './envelope.ts';
import type { EventData, EventName, StateEvent } from './events.ts';
import { EVENTS, STATE_EVENTS } from './events.ts';
import type { Link } from './link.ts';

export interface CallOptions {
  /** Aborting rejects with `call.cancelled` and asks the engine to stop. */
  signal?: AbortSignal | undefined;
  /** Rejects with `call.unknown` when the engine has not answered by then. Default: waits as long as the link lives. */
  timeoutMs?: number | undefined;
  /** Whose call it is. Only the hub's link may say it (`call.denied`). */
  as?: Asker | undefined;
  /** Begun by then or never (`call.expired`); begun and not done by then: `call.unknown`. Counted by the engine, from the arrival there. */
  deadlineMs?: number | undefined;
  /** With the same within 10 min it is carried out once and answered the same. For calls that change something. */
  idem?: string | undefined;
}

/**
 * A screen's end of a link.
 *
 *     const client = connect(link);
 *     const hello = await greet(client, 'command line');
 *     const bench = await client.call('bench.read', {});
 */
export interface Client extends Disposable {
  /** Throws `call.invalid` before sending if the input does not fit; `link.closed` when the link ends first; else what the engine says. */
  call<N extends CallName>(name: N, input: CallInput<N>, options?: CallOptions): Promise<CallOutput<N>>;
  /** Sends without waiting; a refusal is not heard. */
  tell<N extends CallName>(name: N, input: CallInput<N>): void;
  /** Gives the function that stops listening. */
  on<N extends EventName>(event: N, listener: (data: EventData<N>, revision: number) => void): () => void;
  /** Every state event, in the shape `reduceBench` takes. Gives the function that stops listening. */
  onState(listener: (change: StateEvent) => void): () => void;
  /** Binary frames; the listener owns the bytes. Frames nobody listens to are let go. Gives the function that stops listening. */
  onFrame(listener: (frame: ArrayBuffer) => void): () => void;
  /** Resolves with the reason; all pending calls have been rejected then. */
  readonly closed: Promise<LabError>;
}

export interface ConnectOptions {
  /** An event that breaks the contract; it is skipped, so the revision shows a hole and the screen reads the bench again. */
  onFault?: ((error: LabError) => void) | undefined;
}

/** Speaks the contract over a link; does not greet. */
export function connect(link: Link, options: ConnectOptions = {}): Client {
  return new LinkClient(link, options);
}

/** Says hello. Throws `link.version`, `link.closed`, `call.unknown` after `timeoutMs` (default 10 s). */
export function greet(client: Client, screen: string, timeoutMs = 10_000): Promise<CallOutput<'engine.hello'>> {
  return client.call('engine.hello', { contract: CONTRACT_VERSION, screen }, { timeoutMs });
}

interface Pending {
  name: CallName;
  resolve: (output: unknown) => void;
  reject: (error: LabError) => void;
}

class LinkClient implements Client {
  readonly closed: Promise<LabError>;
  readonly #link: Link;
  readonly #options: ConnectOptions;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Map<EventName, Set<(data: never, revision: number) => void>>();
  readonly #stateListeners = new Set<(change: StateEvent) => void>();
  readonly #frameListeners = new Set<(frame: ArrayBuffer) => void>();
  #nextId = 1;
  #ended: LabError | undefined;

  constructor(link: Link, options: ConnectOptions) {
    this.#link = link;
    this.#options = options;
    this.closed = link.closed.then((reason) => this.#end(new LabError('link.closed', reason)));
    link.onMessage((message) => {
      if (typeof message === 'string') this.#receive(message);
      else for (const listener of this.#frameListeners) listener(message);
    });
  }

  call<N extends CallName>(name: N, input: CallInput<N>, options: CallOptions = {}): Promise<CallOutput<N>> {
    return new Promise((resolve, reject) => {
      const parsed = this.#check(name, input);
      if (options.signal?.aborted) throw cancelled(name);
      const id = this.#nextId++;
      const timeout = options.timeoutMs === undefined ? undefined : AbortSignal.timeout(options.timeoutMs);
      const onAbort = (): void => this.#giveUp(id, cancelled(name));
      const onTimeout = (): void => this.#giveUp(id, timedOut(name, options.timeoutMs ?? 0));
      const settle = (): void => {
        options.signal?.removeEventListener('abort', onAbort);
        timeout?.removeEventListener('abort', onTimeout);
      };
      options.signal?.addEventListener('abort', onAbort, { once: true });
      timeout?.addEventListener('abort', onTimeout, { once: true });
      this.#pending.set(id, {
        name,
        resolve: (output) => {
          settle();
          resolve(output as CallOutput<N>);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      });
      const { as, deadlineMs, idem } = options;
      this.#link.send(encodeFromScreen({ type: 'request', id, call: name, input: parsed, as, deadlineMs, idem }));
    });
  }

  tell<N extends CallName>(name: N, input: CallInput<N>): void {
    if (this.#ended) return;
    this.#link.send(encodeFromScreen({ type: 'tell', call: name, input: this.#check(name, input) }));
  }

  on<N extends EventName>(event: N, listener: (data: EventData<N>, revision: number) => void): () => void {
    const set = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, set);
    set.add(listener);
    return () => void set.delete(listener);
  }

  onState(listener: (change: StateEvent) => void): () => void {
    this.#stateListeners.add(listener);
    return () => void this.#stateListeners.delete(listener);
  }

  onFrame(listener: (frame: ArrayBuffer) => void): () => void {
    this.#frameListeners.add(listener);
    return () => void this.#frameListeners.delete(listener);
  }

  [Symbol.dispose](): void {
    this.#end(new LabError('link.closed', 'The screen closed the link.'));
    this.#link[Symbol.dispose]();
  }

  #check(name: CallName, input: unknown): unknown {
    if (this.#ended) throw this.#ended;
    const parsed = CALLS[name].input.safeParse(input);
    if (!parsed.success) {
      throw new LabError('call.invalid', `${name} does not fit the contract (${issuesText(parsed.error)}).`);
    }
    return parsed.data;
  }

  #giveUp(id: number, error: LabError): void {
    const pending = this.#pending.get(id);
    if (!pending) return;
    this.#pending.delete(id);
    this.#link.send(encodeFromScreen({ type: 'cancel', id }));
    pending.reject(error);
  }

  #receive(text: string): void {
    if (this.#ended) return;
    let message: FromEngine;
    try {
      message = parseFromEngine(text);
    } catch (thrown) {
      const error = LabError.from(thrown);
      this.#end(error);
      this.#link.end(error.message);
      return;
    }
    if (message.type === 'event') this.#event(message);
    else if (message.type === 'answer') this.#answer(message.id, message.output);
    else if (message.id === null) this.#end(LabError.fromRecord(message.error));
    else this.#take(message.id)?.reject(LabError.fromRecord(message.error));
  }

  /** An answer whose call was given up finds nothing and is ignored. */
  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  #answer(id: number, output: unknown): void {
    const pending = this.#take(id);
    if (!pending) return;
    const parsed = CALLS[pending.name].output.safeParse(output);
    if (parsed.success) pending.resolve(parsed.data);
    else {
      pending.reject(
        new LabError(
          'call.unknown',
          `The answer to ${pending.name} breaks the contract (${issuesText(parsed.error)}).`,
        ),
      );
    }
  }

  #event(message: Extract<FromEngine, { type: 'event' }>): void {
    // An event of a newer engine with the same contract: not for us.
    if (!isEventName(message.event)) return;
    const parsed = EVENTS[message.event].safeParse(message.data);
    if (!parsed.success) {
      this.#options.onFault?.(
        new LabError('link.malformed', `${message.event} breaks the contract (${issuesText(parsed.error)}).`),
      );
      return;
    }
    const revision = message.revision ?? 0;
    for (const listener of this.#listeners.get(message.event) ?? []) listener(parsed.data as never, revision);
    if (!Object.hasOwn(STATE_EVENTS, message.event)) return;
    const change = { event: message.event, data: parsed.data, revision } as StateEvent;
    for (const listener of this.#stateListeners) listener(change);
  }

  /** The first reason stays. */
  #end(error: LabError): LabError {
    this.#ended ??= error;
    for (const pending of this.#pending.values()) pending.reject(this.#ended);
    this.#pending.clear();
    return this.#ended;
  }
}

function cancelled(name: CallName): LabError {
  return new LabError('call.cancelled', `${name} was cancelled.`);
}

function timedOut(name: CallName, timeoutMs: number): LabError {
  return new LabError(
    'call.unknown',
    `The engine did not answer ${name} within ${timeoutMs} ms. Whether it was carried out is not known: look at the state, then try again.`,
  );
}
