import { type Clock, delay } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { isQuery, type ReadTermination } from '../../protocol/scpi-line.ts';
import type { Job } from './exchange-job.ts';
import type { ExchangeLog } from './exchange-log.ts';
import type { Question, TimedWireReply } from './reply-wire.ts';
import { checkMessage, notSentError, timeoutError, unexpectedError } from './session-message.ts';
import type { SessionLimits } from './session-options.ts';
import type { WireKeeper } from './wire-keeper.ts';

export interface ExchangerParts {
  clock: Clock;
  limits: SessionLimits;
  log: ExchangeLog;
  /** As of now. */
  terminations: { write: string; read: ReadTermination };
}

/** How a question is asked; what is absent is the session's. */
export interface AskOptions {
  kind: 'line' | 'block';
  timeoutMs?: number | undefined;
  expect?: ((reply: string) => boolean) | undefined;
  hasPrefix?: boolean | undefined;
}

/** Sends one message on a clean wire, and sees that the answer is its own. */
export class Exchanger {
  readonly #keeper: WireKeeper;
  readonly #parts: ExchangerParts;
  readonly #log: ExchangeLog;

  constructor(keeper: WireKeeper, parts: ExchangerParts) {
    this.#keeper = keeper;
    this.#parts = parts;
    this.#log = parts.log;
  }

  /** Asks and waits. Rejects with `transport.*`, `protocol.*`, what ended the job; the wire is being repaired then. */
  async ask(job: Job, text: string, options: AskOptions): Promise<TimedWireReply> {
    const message = checkMessage(text);
    if (!this.#isFree(job)) await this.#makeReady(job);
    const { clock, terminations, limits } = this.#parts;
    const { kind, hasPrefix, expect, timeoutMs = limits.timeoutMs } = options;
    let hasBegun = false;
    const question: Question = {
      bytes: Buffer.from(message + terminations.write, 'latin1'),
      sentNs: clock.nowNs(),
      kind,
      hasPrefix,
      timeoutMs,
      turnMs: Math.max(timeoutMs, limits.turnMs),
      onBegin: () => {
        hasBegun = true;
      },
      notSent: () => notSentError(this.#keeper.resource, message, Math.max(timeoutMs, limits.turnMs)),
      isUrgent: job.priority === 'safety',
      timedOut: () => this.timedOut(message, timeoutMs, 'was not answered'),
    };
    this.#log.stats.queries++;
    const answer = this.#keeper.wire.ask(question);
    this.#log.sent(message, question.bytes.length, question.sentNs);
    try {
      const reply = await answer;
      this.#log.answered(reply, job.cancelled !== undefined);
      if (expect && !expect(reply.text)) throw unexpectedError(message, reply.text);
      return reply;
    } catch (error) {
      throw this.#failed(error, hasBegun);
    }
  }

  /** Sends what is not answered. Rejects as `ask`, and with `call.invalid` for a question. */
  async tell(job: Job, text: string, timeoutMs = this.#parts.limits.timeoutMs): Promise<void> {
    const message = checkMessage(text);
    if (isQuery(message)) {
      throw new LabError(
        'call.invalid',
        `'${message}' asks something; its answer would be taken for the next one. Use query. Nothing was sent.`,
      );
    }
    if (!this.#isFree(job)) await this.#makeReadyToTell(job);
    const bytes = Buffer.from(message + this.#parts.terminations.write, 'latin1');
    this.#log.sent(message, bytes.length, this.#parts.clock.nowNs());
    let hasBegun = false;
    try {
      await this.#keeper.wire.tell({
        bytes,
        timeoutMs,
        onBegin: () => {
          hasBegun = true;
        },
        notSent: () => notSentError(this.#keeper.resource, message, timeoutMs),
        timedOut: () => this.timedOut(message, timeoutMs, 'was not taken'),
        isUrgent: job.priority === 'safety',
      });
    } catch (error) {
      throw this.#failed(error, hasBegun);
    }
  }

  /** What was taken back before it went out leaves a clean wire. */
  #failed(thrown: unknown, hasBegun: boolean): LabError {
    const error = LabError.from(thrown);
    if (hasBegun || error.code === 'transport.closed' || error.code === 'transport.failed')
      return this.#keeper.failed(error);
    this.#log.note(`not sent: ${error.message}`);
    return error;
  }

  /** The error of a timeout, counted. */
  timedOut(message: string, timeoutMs: number, what: string): LabError {
    this.#log.stats.timeouts++;
    return timeoutError(this.#keeper.resource, message, timeoutMs, what);
  }

  /** Nothing is to be waited for before sending. */
  #isFree(job: Job): boolean {
    return this.#keeper.isReady && this.#parts.limits.paceMs === 0 && !job.cancelled && !job.overtaken;
  }

  /** Before every send: whoever is on the wire waits until it is clean. Throws what ended the session or the job. */
  async #makeReady(job: Job): Promise<void> {
    await this.#keeper.clean();
    const waitMs = this.#log.paceLeftMs;
    if (waitMs > 0) await delay(this.#parts.clock, waitMs);
    const gone = this.#keeper.closeReason ?? job.cancelled ?? job.overtaken;
    if (gone) throw gone;
  }

  /** As `#makeReady`, for a command: that of a safety job asks nothing, so it goes out also on a wire that does not fall silent. */
  async #makeReadyToTell(job: Job): Promise<void> {
    try {
      await this.#makeReady(job);
    } catch (error) {
      const isRestless = LabError.from(error).code === 'protocol.malformed' && !this.#keeper.closeReason;
      if (job.priority !== 'safety' || !isRestless) throw error;
    }
  }
}
