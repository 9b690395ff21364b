import { LabError } from '../core/errors.ts';
import { Scope } from '../core/scope.ts';
import type { CallName, CallOutput, CallParsed, Right } from './calls.ts';
import { CALLS, CONTRACT_VERSION } from './calls.ts';
import type { FromScreen } from './envelope.ts';
import { encodeFromEngine, isCallName, issuesText, MAX_TEXT_CHARS, parseFromScreen } from './envelope.ts';
import type { EventData, EventName } from './events.ts';
import { EVENTS } from './events.ts';
import type { Link, LinkMessage } from './link.ts';

/** One screen as handlers see it; lives as long as its link. */
export interface ScreenContext {
  /** Unique within the engine's run. */
  readonly id: number;
  /** What it called itself in `engine.hello`; '' before. */
  readonly name: string;
  readonly rights: readonly Right[];
  /** Gives the buffer away: it must not be written again. Ignored before hello and after the end. */
  sendFrame(frame: ArrayBuffer): void;
  /** Bytes on their way; 0 where the link cannot tell. */
  readonly pendingBytes: number;
  /** Disposed when the link has closed: watches and subscriptions hang on it. */
  readonly scope: Scope;
}

/** What a handler gets beside its input. */
export interface CallContext {
  /** Aborted by the screen (`call.cancelled`) or by the end of its link (`link.closed`). */
  readonly signal: AbortSignal;
  readonly screen: ScreenContext;
}

/** An answer for every call, or it does not compile. A handler that returns no promise is answered before the next message is read. */
export type Handlers = {
  [N in CallName]: (input: CallParsed<N>, context: CallContext) => Promise<CallOutput<N>> | CallOutput<N>;
};

export interface ServeOptions {
  id: number;
  rights: readonly Right[];
  /** A fault of ours on this link: an answer or event that breaks the contract. The screen got `internal.failed` or nothing. */
  onFault: (error: LabError) => void;
  /** Check what we send too; default true (0.3 ms for `bench.read` of five instruments with 200 events). */
  checkOutput?: boolean | undefined;
  /** Calls of one screen under way; more get `call.limit`. Default 64. */
  maxCalls?: number | undefined;
  maxTextChars?: number | undefined;
}

/** The engine's end of one screen. */
export interface ServedScreen {
  readonly screen: ScreenContext;
  /** Sends an event; nothing before hello and after the end. `revision` for state events. */
  emit<N extends EventName>(event: N, data: EventData<N>, revision?: number): void;
  /** Resolves with the reason when the link has closed and the screen's scope is disposed. */
  readonly closed: Promise<string>;
}

/**
 * Answers one screen until its link closes.
 *
 *     greeting ──engine.hello, same version──▶ open ──link closed, malformed text──▶ ended
 *        └────────other version, other call: link.version, then──────────────────────▲
 */
export function serve(link: Link, handlers: Handlers, options: ServeOptions): ServedScreen {
  return new Served(link, handlers, options);
}

type AnyHandler = (input: unknown, context: CallContext) => unknown;

class Served implements ServedScreen, ScreenContext {
  readonly id: number;
  readonly rights: readonly Right[];
  readonly scope = new Scope('screen');
  readonly closed: Promise<string>;
  readonly #link: Link;
  readonly #handlers: Handlers;
  readonly #options: ServeOptions;
  readonly #calls = new Map<number, AbortController>();
  readonly #tells = new Set<AbortController>();
  #state: 'greeting' | 'open' | 'ended' = 'greeting';
  #name = '';

  constructor(link: Link, handlers: Handlers, options: ServeOptions) {
    this.#link = link;
    this.#handlers = handlers;
    this.#options = options;
    this.id = options.id;
    this.rights = options.rights;
    this.closed = link.closed.then((reason) => this.#close(reason));
    link.onMessage((message) => this.#receive(message));
  }

  get screen(): ScreenContext {
    return this;
  }

  get name(): string {
    return this.#name;
  }

  get pendingBytes(): number {
    return this.#link.pendingBytes;
  }

  sendFrame(frame: ArrayBuffer): void {
    if (this.#state === 'open') this.#link.send(frame);
  }

  emit<N extends EventName>(event: N, data: EventData<N>, revision?: number): void {
    if (this.#state !== 'open') return;
    if (this.#options.checkOutput !== false) {
      const checked = EVENTS[event].safeParse(data);
      if (!checked.success) {
        this.#options.onFault(fault(`The event ${event} breaks the contract (${issuesText(checked.error)}).`));
        return;
      }
    }
    this.#link.send(encodeFromEngine({ type: 'event', event, data, ...(revision === undefined ? {} : { revision }) }));
  }

  async #close(reason: string): Promise<string> {
    this.#state = 'ended';
    const gone = new LabError('link.closed', 'The screen has gone.');
    for (const call of [...this.#calls.values(), ...this.#tells]) call.abort(gone);
    try {
      await this.scope[Symbol.asyncDispose]();
    } catch (error) {
      this.#options.onFault(LabError.from(error));
    }
    return reason;
  }

  #receive(message: LinkMessage): void {
    if (this.#state === 'ended') return;
    try {
      if (typeof message !== 'string') {
        throw new LabError('link.malformed', 'The screen sent a binary message; screens send text only.');
      }
      this.#take(parseFromScreen(message, this.#options.maxTextChars ?? MAX_TEXT_CHARS));
    } catch (error) {
      this.#fail(LabError.from(error));
    }
  }

  #take(message: FromScreen): void {
    if (message.type === 'cancel') {
      this.#calls.get(message.id)?.abort(new LabError('call.cancelled', 'Cancelled on request.'));
      return;
    }
    const id = message.type === 'request' ? message.id : undefined;
    if (id !== undefined && this.#calls.has(id)) {
      throw new LabError('link.malformed', `The screen used the request number ${id} twice. The link is closed.`);
    }
    if (this.#state === 'greeting' && !this.#greet(message.call, message.input, id)) return;
    this.#run(id, message.call, message.input);
  }

  /** Whether the screen speaks our version; else it is told and the link ends. */
  #greet(call: string, input: unknown, id: number | undefined): boolean {
    const hello = call === 'engine.hello' ? CALLS['engine.hello'].input.safeParse(input) : undefined;
    if (hello?.success && hello.data.contract === CONTRACT_VERSION) {
      this.#state = 'open';
      this.#name = hello.data.screen;
      return true;
    }
    const theirs = hello?.success ? `version ${hello.data.contract}` : `${JSON.stringify(call.slice(0, 40))} first`;
    const error = new LabError(
      'link.version',
      `The screen said ${theirs}; this engine speaks contract version ${CONTRACT_VERSION} and expects engine.hello first. Load the page again, or bring both to the same Labwire.`,
      { contract: CONTRACT_VERSION },
    );
    if (id !== undefined) this.#refuse(id, error);
    this.#fail(error);
    return false;
  }

  #run(id: number | undefined, call: string, input: unknown): void {
    const abort = new AbortController();
    try {
      const { name, parsed } = this.#check(call, input);
      if (id === undefined) this.#tells.add(abort);
      else this.#calls.set(id, abort);
      const output = (this.#handlers[name] as AnyHandler)(parsed, { signal: abort.signal, screen: this });
      if (output instanceof Promise) {
        output.then((value) => this.#answer(id, abort, name, value)).catch((error) => this.#reject(id, abort, error));
      } else {
        this.#answer(id, abort, name, output);
      }
    } catch (error) {
      this.#reject(id, abort, error);
    }
  }

  /** Name, limit, right and input, in this order. Throws call.invalid, call.limit, call.denied. */
  #check(call: string, input: unknown): { name: CallName; parsed: unknown } {
    if (!isCallName(call)) {
      throw new LabError('call.invalid', `There is no call ${JSON.stringify(call.slice(0, 100))}. Nothing was done.`);
    }
    const limit = this.#options.maxCalls ?? 64;
    if (this.#calls.size + this.#tells.size >= limit) {
      throw new LabError(
        'call.limit',
        `${limit} calls of this screen are under way; ${call} was not begun. Try again.`,
      );
    }
    const { right, input: schema } = CALLS[call];
    if (!this.rights.includes(right)) {
      throw new LabError('call.denied', `${call} needs the right "${right}", which this screen lacks.`, { right });
    }
    const parsed = schema.safeParse(input);
    if (!parsed.success) {
      throw new LabError('call.invalid', `${call} does not fit the contract (${issuesText(parsed.error)}).`);
    }
    return { name: call, parsed: parsed.data };
  }

  #answer(id: number | undefined, abort: AbortController, name: CallName, output: unknown): void {
    this.#forget(id, abort);
    if (id === undefined || this.#state === 'ended') return;
    if (this.#options.checkOutput !== false) {
      const checked = CALLS[name].output.safeParse(output);
      if (!checked.success) {
        const error = fault(`The answer to ${name} breaks the contract (${issuesText(checked.error)}).`);
        this.#options.onFault(error);
        this.#refuse(id, error);
        return;
      }
    }
    this.#link.send(encodeFromEngine({ type: 'answer', id, output }));
  }

  #reject(id: number | undefined, abort: AbortController, thrown: unknown): void {
    this.#forget(id, abort);
    const error = LabError.from(thrown);
    if (error.code === 'internal.failed') this.#options.onFault(error);
    if (id !== undefined) this.#refuse(id, error);
  }

  #forget(id: number | undefined, abort: AbortController): void {
    if (id === undefined) this.#tells.delete(abort);
    else if (this.#calls.get(id) === abort) this.#calls.delete(id);
  }

  #refuse(id: number, error: LabError): void {
    this.#link.send(encodeFromEngine({ type: 'error', id, error: error.toJSON() }));
  }

  /** The last word, then the end. */
  #fail(error: LabError): void {
    this.#state = 'ended';
    this.#link.send(encodeFromEngine({ type: 'error', id: null, error: error.toJSON() }));
    this.#link.end(error.message);
  }
}

function fault(text: string): LabError {
  return new LabError('internal.failed', `${text} Nothing was lost; report it.`);
}
