import { LabError } from '../../../core/errors.ts';
import { libraryAdvice } from './visa-candidates.ts';
import { readVisaAnswer } from './visa-hot-messages.ts';
import type { VisaCall, VisaRead, VisaRequest, VisaValue, VisaWrite } from './visa-messages.ts';
import { visaError } from './visa-status.ts';

/** A process of visa-child.ts, however it was started. */
export interface VisaChild {
  send(message: VisaRequest): void;
  onMessage(listener: (message: unknown) => void): void;
  /** Called once, with words for how it ended (`signal SIGSEGV`). */
  onExit(listener: (how: string) => void): void;
  kill(): void;
}

/** Starts one. Throws `resource.unsupported` where no process can be started. */
export type VisaSpawn = () => VisaChild;

type Message = Omit<VisaWrite, 'answer'>;
type Reading = Pick<VisaRead, 'max' | 'termChar' | 'sliceMs'>;

interface About {
  call: VisaCall['call'];
  doing: string;
  resource: string;
  /** The read behind this write: it is not begun when the write fails. */
  answerId: number | undefined;
}

interface Waiting {
  resolve(value: VisaValue): void;
  reject(error: LabError): void;
  about: About;
}

/** Who has a session, and hears of the end. */
interface User {
  resource: string;
  onEnded(reason: LabError): void;
}

/** What an exchange gives: that the message was taken, and what came. */
export interface VisaExchange {
  writing: Promise<VisaValue>;
  reading: Promise<VisaValue>;
}

/**
 * The engine's side of the process with the vendor's library. When it ends unasked, everything that waits rejects with `transport.failed`, and so
 * does `ended`; the next opening starts another.
 */
export class VisaProcess {
  /** Resolves with the reason when the process has ended. */
  readonly ended: Promise<LabError>;
  readonly #child: VisaChild;
  readonly #users = new Set<User>();
  readonly #waiting = new Map<number, Waiting>();
  #id = 0;
  #reason: LabError | undefined;
  #end: (reason: LabError) => void = () => {};

  constructor(child: VisaChild) {
    this.#child = child;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    child.onMessage((message) => this.#take(message));
    child.onExit((how) => this.#finish(crashed(how)));
  }

  get isOver(): boolean {
    return this.#reason !== undefined;
  }

  /** `doing` begins the message if it fails. Throws `transport.*`, `resource.*`. */
  ask(request: VisaCall, doing: string, resource: string): Promise<VisaValue> {
    if (this.#reason) return Promise.reject(this.#reason);
    const id = ++this.#id;
    const answer = this.#wait(id, { call: request.call, doing, resource, answerId: undefined });
    this.#child.send({ id, request });
    return answer;
  }

  /**
   * A write and the read of its answer, in one message. Both promises reject as that of `ask` does; the read of a write that failed ends as one that was
   * stopped.
   */
  exchange(write: Message, read: Reading, resource: string): VisaExchange {
    if (this.#reason) return { writing: Promise.reject(this.#reason), reading: Promise.reject(this.#reason) };
    const id = ++this.#id;
    const answerId = ++this.#id;
    const reading = this.#wait(answerId, { call: 'read', doing: 'Cannot read', resource, answerId: undefined });
    const writing = this.#wait(id, { call: 'write', doing: 'Cannot send', resource, answerId });
    this.#child.send({ id, request: { ...write, answer: { id: answerId, ...read } } });
    return { writing, reading };
  }

  /** As `ended`, for the user of a session: until disposed, `resource` is one of those that go along with the process. */
  onEnded(resource: string, listener: (reason: LabError) => void): Disposable {
    const user: User = { resource, onEnded: listener };
    if (this.#reason) void this.ended.then(listener);
    else this.#users.add(user);
    return { [Symbol.dispose]: () => void this.#users.delete(user) };
  }

  /** Whether sessions of others would go along with the process. */
  get hasUsers(): boolean {
    return this.#users.size > 0;
  }

  /** Ends a process whose library does not come back from a call for `resource`; everything else that waits rejects with `transport.failed`. */
  abandon(resource: string, waitedMs: number): void {
    this.#finish(hung(resource, waitedMs, [...new Set([...this.#users].map((user) => user.resource))]));
    this.#child.kill();
  }

  /** Ends it; what waits rejects with `transport.closed`. */
  kill(): void {
    this.#finish(new LabError('transport.closed', "The process of the maker's VISA was ended here."));
    this.#child.kill();
  }

  #wait(id: number, about: About): Promise<VisaValue> {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject, about }));
  }

  #take(message: unknown): void {
    const answer = readVisaAnswer(message);
    if (!answer) {
      this.#finish(crashed('it speaks another version'));
      this.#child.kill();
      return;
    }
    if (answer.kind === 'done' && answer.written !== undefined) this.#settle(answer.written)?.resolve({});
    const waiting = this.#settle(answer.id);
    if (!waiting) return;
    const { about, resolve, reject } = waiting;
    if (answer.kind === 'done') {
      resolve(answer.value);
      return;
    }
    if (about.answerId !== undefined) this.#settle(about.answerId)?.resolve({ ended: 'stopped' });
    if (answer.status === undefined) reject(unavailable(about, answer.text));
    else reject(visaError(answer.status, answer.text, about.doing, about.resource));
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #finish(reason: LabError): void {
    if (this.#reason) return;
    this.#reason = reason;
    for (const waiting of this.#waiting.values()) waiting.reject(reason);
    this.#waiting.clear();
    this.#end(reason);
    for (const user of [...this.#users]) user.onEnded(reason);
    this.#users.clear();
  }
}

function crashed(how: string): LabError {
  return new LabError(
    'transport.failed',
    `The maker's VISA library crashed (${how}). All instruments opened by it are closed; everything else goes on. What was not answered is lost. Attach them again; if it stays, update the maker's VISA.`,
    { how },
  );
}

function hung(resource: string, waitedMs: number, others: readonly string[]): LabError {
  const along =
    others.length === 0 ? 'No other instrument used it.' : `These are closed along with it: ${others.join(', ')}.`;
  return new LabError(
    'transport.failed',
    `The maker's VISA library does not come back from a call for ${resource} (closing waited ${waitedMs} ms), so its process was ended. ${along} What was not answered is lost. Attach them again; if it stays, update the maker's VISA.`,
    { resource, waitedMs, others },
  );
}

function unavailable({ call, resource, doing }: About, text: string): LabError {
  if (call !== 'load') {
    const words = `${doing} (${resource}): the process of the maker's VISA refuses it (${text}). What was asked is not known to be done; attach the instrument again.`;
    return new LabError('transport.failed', words, { resource, system: text });
  }
  const message = `${doing} (${resource}): the maker's VISA cannot be used here (${text}). Nothing was opened. ${libraryAdvice()}`;
  return new LabError('resource.unsupported', message, { resource, system: text });
}
