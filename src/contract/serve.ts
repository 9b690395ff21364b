import type { Clock } from '../core/clock.ts';
import { LabError } from '../core/errors.ts';
import { Scope } from '../core/scope.ts';
import type { AnswerTable } from './answer-table.ts';
import { CallDeadline } from './call-deadline.ts';
import type { CallName, CallOutput, CallParsed, Right } from './calls.ts';
import { CALLS, CONTRACT_VERSION } from './calls.ts';
import type { Asker, FromScreen } from './envelope.ts';
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
  /** It may call in the name of others, and share the bench. */
  readonly isTrusted: boolean;
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
  /** Whose call it is, for events and for other people: the screen, or `anna (client 7f)`. */
  readonly who: string;
  /** The same caller over several calls, and over the links of the hub: what belongs to somebody belongs to it. */
  readonly caller: string;
  /** Of the caller: those of the screen, or those the hub gives. */
  readonly rights: readonly Right[];
  /** Present when the hub calls for somebody. */
  readonly as?: Asker;
  /** Present when the caller waits no longer than that. A handler that queues says so, or the call counts as begun at once. */
  readonly deadline?: CallDeadline;
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
  /** The link may carry calls in the name of others (`as`). Default false: such calls get `call.denied`. */
  trusted?: boolean | undefined;
  /** For calls with a deadline or an `idem`; without them such calls get `call.invalid`. */
  orders?: { clock: Clock; answers: AnswerTable } | undefined;
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

/** A request, or a tell without a number. */
type Run = Omit<Extract<FromScreen, { type: 'request' }>, 'type' | 'id'> & { id: number | undefined };

/** A call under way. */
interface Running {
  readonly id: number | undefined;
  readonly abort: AbortController;
  /** Nobody has been told yet what came of it. */
  isAwaited: boolean;
  deadline?: CallDeadline;
}

type AnyHandler = (input: unknown, context: CallContext) => unknown;

class Served implements ServedScreen, ScreenContext {
  readonly id: number;
  readonly rights: readonly Right[];
  readonly isTrusted: boolean;
  readonly scope = new Scope('screen');
  readonly closed: Promise<string>;
  readonly #link: Link;
  readonly #handlers: Handlers;
  readonly #options: ServeOptions;
  /** Awaited, by number. */
  readonly #calls = new Map<number, Running>();
  /** Tells, and calls that were answered at their deadline while they go on. */
  readonly #unawaited = new Set<Running>();
  #state: 'greeting' | 'open' | 'ended' = 'greeting';
  #name = '';

  constructor(link: Link, handlers: Handlers, options: ServeOptions) {
    this.#link = link;
    this.#handlers = handlers;
    this.#options = options;
    this.id = options.id;
    this.rights = options.rights;
    this.isTrusted = options.trusted ?? false;
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
    // Deadlines count on: what waits in a queue must not be sent later because its caller has gone.
    for (const { abort } of [...this.#calls.values(), ...this.#unawaited]) abort.abort(gone);
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
      this.#calls.get(message.id)?.abort.abort(new LabError('call.cancelled', 'Cancelled on request.'));
      return;
    }
    const id = message.type === 'request' ? message.id : undefined;
    if (id !== undefined && this.#calls.has(id)) {
      throw new LabError('link.malformed', `The screen used the request number ${id} twice. The link is closed.`);
    }
    if (this.#state === 'greeting' && !this.#greet(message.call, message.input, id)) return;
    this.#run(message.type === 'request' ? message : { ...message, id: undefined });
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

  #run(run: Run): void {
    const running: Running = { id: run.id, abort: new AbortController(), isAwaited: run.id !== undefined };
    try {
      const { name, parsed, rights } = this.#check(run);
      if (run.id === undefined) this.#unawaited.add(running);
      else this.#calls.set(run.id, running);
      this.#setDeadline(run, name, running);
      const output = this.#carryOut(run, name, parsed, this.#contextOf(run, rights, running));
      if (output instanceof Promise) {
        output.then((value) => this.#answer(running, name, value)).catch((error) => this.#reject(running, error));
      } else {
        this.#answer(running, name, output);
      }
    } catch (error) {
      this.#reject(running, error);
    }
  }

  #contextOf({ as }: Run, rights: readonly Right[], { abort, deadline }: Running): CallContext {
    return {
      signal: abort.signal,
      screen: this,
      who: as ? `${as.user} (client ${as.client})` : this.#name,
      caller: as ? `client ${as.client}` : `screen ${this.id}`,
      rights,
      ...(as ? { as } : {}),
      ...(deadline ? { deadline } : {}),
    };
  }

  #setDeadline({ deadlineMs }: Run, name: CallName, running: Running): void {
    const { orders } = this.#options;
    if (!orders || deadlineMs === undefined) return;
    running.deadline = new CallDeadline(orders.clock, deadlineMs, name, (error) => this.#giveUp(running, error));
  }

  /** What only reads may as well be read again: an `idem` is kept for the rest. */
  #carryOut({ idem }: Run, name: CallName, input: unknown, context: CallContext): unknown {
    const carryOut = (): unknown => (this.#handlers[name] as AnyHandler)(input, context);
    const { orders } = this.#options;
    if (!orders || idem === undefined || CALLS[name].right === 'view') return carryOut();
    return orders.answers.take({ caller: context.caller, idem, name, input, signal: context.signal }, carryOut);
  }

  /** Name, limit, rights and input, in this order. Throws call.invalid, call.limit, call.denied. */
  #check({ call, input, as, deadlineMs, idem }: Run): { name: CallName; parsed: unknown; rights: readonly Right[] } {
    if (!isCallName(call)) {
      throw new LabError('call.invalid', `There is no call ${JSON.stringify(call.slice(0, 100))}. Nothing was done.`);
    }
    const limit = this.#options.maxCalls ?? 64;
    if (this.#calls.size + this.#unawaited.size >= limit) {
      throw new LabError(
        'call.limit',
        `${limit} calls of this screen are under way; ${call} was not begun. Try again.`,
      );
    }
    if (as && !this.isTrusted) {
      throw new LabError(
        'call.denied',
        `${call} came in the name of ${as.user}, and only the hub may call for others. Nothing was done.`,
      );
    }
    const rights = as ? as.rights.filter((right) => this.rights.includes(right)) : this.rights;
    const { right, input: schema } = CALLS[call];
    if (!rights.includes(right)) {
      const whom = as ? `${as.user} (${as.role})` : 'this screen';
      throw new LabError('call.denied', `${call} needs the right "${right}", which ${whom} lacks. Nothing was done.`, {
        right,
      });
    }
    const parsed = schema.safeParse(input);
    if (!parsed.success) {
      throw new LabError('call.invalid', `${call} does not fit the contract (${issuesText(parsed.error)}).`);
    }
    if (!this.#options.orders && (deadlineMs !== undefined || idem !== undefined)) {
      throw new LabError(
        'call.invalid',
        `${call} came with a deadline or idem, which are not kept here. Nothing was done.`,
      );
    }
    return { name: call, parsed: parsed.data, rights };
  }

  /** Its deadline has passed. What had begun goes on, and ends with the link like all that is under way. */
  #giveUp(running: Running, error: LabError): void {
    if (running.id === undefined || !this.#settle(running) || this.#state === 'ended') return;
    this.#refuse(running.id, error);
    if (error.code === 'call.unknown') this.#unawaited.add(running);
  }

  #answer(running: Running, name: CallName, output: unknown): void {
    const { id } = running;
    if (!this.#settle(running) || id === undefined || this.#state === 'ended') return;
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

  #reject(running: Running, thrown: unknown): void {
    const { id } = running;
    const isAwaited = this.#settle(running);
    const error = LabError.from(thrown);
    if (error.code === 'internal.failed') this.#options.onFault(error);
    if (id !== undefined && isAwaited) this.#refuse(id, error);
  }

  /** It has ended, or been answered; gives whether its answer was still awaited. */
  #settle(running: Running): boolean {
    const { id, isAwaited } = running;
    running.isAwaited = false;
    running.deadline?.[Symbol.dispose]();
    this.#unawaited.delete(running);
    if (id !== undefined && this.#calls.get(id) === running) this.#calls.delete(id);
    return isAwaited;
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
