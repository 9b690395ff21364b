import type { Clock } from '../../core/clock.ts';
import { delay } from '../../core/clock.ts';
import { createDeferred } from '../../core/deferred.ts';
import { LabError } from '../../core/errors.ts';
import { Scope } from '../../core/scope.ts';
import { isQuery, type ReadTermination } from '../../protocol/scpi-line.ts';
import { cancellation } from '../transport/read-buffer.ts';
import type { Transport, TransportControl } from '../transport/transport.ts';
import { type ExchangeJob, ExchangeQueue } from './exchange-queue.ts';
import { ExchangeTrace, showBytes } from './exchange-trace.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import { recoverWire } from './recovery.ts';
import { ReplyWire, type TimedWireReply } from './reply-wire.ts';
import type {
  BlockOptions,
  Exchange,
  ExchangeOptions,
  Session,
  SessionManner,
  SessionState,
  SessionStats,
  TakenWire,
  TimedReply,
  Wire,
} from './session.ts';
import { abilitiesOf, type SessionAbilities } from './session-abilities.ts';
import {
  blockOf,
  checkMessage,
  interruptedError,
  lacksError,
  overtakenError,
  takenError,
  timeoutError,
  unexpectedError,
} from './session-message.ts';
import { SESSION_LIMITS, type SessionLimits, type SessionOptions } from './session-options.ts';
import { SrqListeners } from './srq-listeners.ts';
import { runTransaction } from './transaction.ts';
import { WireLoan } from './wire-loan.ts';

type Expect = ((reply: string) => boolean) | undefined;

/**
 * The query engine. One job has the wire at a time; between jobs, and between the steps of a transaction, the wire must be clean.
 *
 *              job                      answered
 *     open ──────────▶ exchanging ──────────────────────▶ open
 *       │ stray bytes      │ timeout · malformed · too long · cut short by Outputs off (a cancelled job waits for its answer like any
 *       │                  │ other; nobody gets it)
 *       ▼                  ▼
 *     recovering ◀─────────┘          strays: drain until quiet · unanswered: ladder of recovery.ts
 *       │ clean ──▶ open
 *       │ ladder at its end, transport ended, disposed
 *       ▼
 *     closed                          the queue is refused; `closeReason` says why
 */
export class QuerySession implements Session {
  readonly resource: string;
  readonly stats: SessionStats = {
    queries: 0,
    timeouts: 0,
    lateBytes: 0,
    reopened: 0,
    retries: 0,
    bytesOut: 0,
    bytesIn: 0,
    lastRoundTripMs: 0,
    latency: new LatencyHistogram(),
  };
  readonly closed: Promise<void>;
  readonly #clock: Clock;
  readonly #limits: SessionLimits;
  readonly #options: SessionOptions;
  readonly #open: () => Promise<Transport>;
  readonly #scope: Scope;
  readonly #queue: ExchangeQueue;
  readonly #trace: ExchangeTrace;
  #termination: string;
  #readTermination: ReadTermination;
  readonly #closed = createDeferred<void>();
  readonly #listeners = new Set<(state: SessionState) => void>();
  #state: SessionState = 'open';
  #wire: ReplyWire;
  #active: ExchangeJob | undefined;
  #recovery: Promise<void> | undefined;
  #closeReason: LabError | undefined;
  /** The wire is lent. */
  #loan: WireLoan | undefined;
  readonly #requests: SrqListeners;
  #lastSentMs = Number.NEGATIVE_INFINITY;

  constructor(transport: Transport, open: () => Promise<Transport>, options: SessionOptions) {
    this.#clock = options.clock;
    this.#limits = { ...SESSION_LIMITS, ...options.limits };
    this.#options = options;
    this.#open = open;
    this.resource = transport.resource;
    this.closed = this.#closed.promise;
    this.#termination = options.writeTermination ?? '\n';
    this.#readTermination = options.readTermination ?? 'lf';
    this.#queue = new ExchangeQueue(this.#limits.maxQueued);
    this.#trace = new ExchangeTrace(options.clock, this.#limits.maxTrace);
    this.#scope = new Scope(`session ${this.resource}`);
    this.#wire = this.#wrap(transport);
    this.#requests = new SrqListeners(this, options.clock);
    if (options.mustResynchronise) {
      this.#quarantine(new LabError('transport.timeout', 'answers to others may still be on their way'));
    }
  }

  get state(): SessionState {
    return this.#state;
  }

  get closeReason(): LabError | undefined {
    return this.#closeReason;
  }

  write(text: string, options: ExchangeOptions = {}): Promise<void> {
    return this.#submit(options, true, (job) => this.#tell(job, text, options.timeoutMs));
  }

  async query(text: string, options?: ExchangeOptions): Promise<string> {
    return (await this.queryTimed(text, options)).text;
  }

  queryTimed(text: string, options: ExchangeOptions = {}): Promise<TimedReply> {
    return this.#submit(options, true, (job) => this.#ask(job, text, 'line', options.timeoutMs, options.expect));
  }

  queryBlock(text: string, options: ExchangeOptions & BlockOptions = {}): Promise<Uint8Array> {
    return this.#submit(options, true, (job) => this.#askBlock(job, text, options.timeoutMs, options));
  }

  transaction<T>(steps: (wire: Wire) => Promise<T>, options: ExchangeOptions = {}): Promise<T> {
    return this.#submit(options, true, (job) => this.#transact(job, steps, options));
  }

  takeWire(): Promise<TakenWire> {
    const taken = createDeferred<TakenWire>();
    this.#submit({ priority: 'person' }, false, (job) => this.#lendWire(job, taken.resolve)).catch(taken.reject);
    return taken.promise;
  }

  get can(): SessionAbilities {
    return abilitiesOf(this.#wire.transport);
  }

  control<T>(
    use: (control: TransportControl, signal: AbortSignal) => Promise<T>,
    options: ExchangeOptions = {},
  ): Promise<T> {
    return this.#submit(options, false, () => this.#useControl(use, options.timeoutMs));
  }

  onServiceRequest(listener: (statusByte: number | undefined) => void): Disposable {
    return this.#requests.add(listener);
  }

  adapt({ paceMs, writeTermination, readTermination }: SessionManner): void {
    this.#termination = writeTermination ?? this.#termination;
    this.#readTermination = readTermination ?? this.#readTermination;
    if (paceMs === undefined) return;
    this.#limits.paceMs = paceMs;
    // Sent before, it was not looked at.
    this.#lastSentMs = this.#clock.monotonicMs();
  }

  exchanges(limit?: number): Exchange[] {
    return this.#trace.list(limit);
  }

  onExchange(listener: (exchange: Exchange) => void): Disposable {
    return this.#trace.listen(listener);
  }

  onState(listener: (state: SessionState) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** What waits or is on the wire is refused, and the transport is closed; what was sent before is still flushed. */
  async [Symbol.asyncDispose](): Promise<void> {
    const reason = new LabError(
      'instrument.detached',
      `${this.resource} was detached here. What was queued was not sent.`,
    );
    this.#queue.refuseAll(reason);
    this.#close(reason);
    await this.#scope[Symbol.asyncDispose]();
  }

  #wrap(transport: Transport): ReplyWire {
    const wire: ReplyWire = new ReplyWire(transport, {
      clock: this.#clock,
      limits: this.#limits,
      termination: () => this.#readTermination,
      onReceived: (count) => {
        this.stats.bytesIn += count;
      },
      onLate: (bytes) => {
        this.stats.lateBytes += bytes.length;
        this.#trace.add('late', showBytes(bytes), bytes.length);
      },
      onEnded: (error) => {
        if (wire === this.#wire) this.#close(error);
      },
    });
    for (const note of transport.notes ?? []) this.#trace.add('note', note, 0);
    return wire;
  }

  #submit<T>(
    { priority = 'person', signal }: ExchangeOptions,
    needsCleanWire: boolean,
    work: (job: ExchangeJob) => Promise<T>,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closeReason) return reject(this.#closeReason);
      if (signal?.aborted) return reject(cancellation(signal));
      const isSafety = priority === 'safety';
      if (this.#loan && !isSafety) return reject(takenError(this.resource));
      const onAbort = (): void => {
        if (!signal) return;
        job.cancelled = cancellation(signal);
        this.#queue.remove(job);
        reject(job.cancelled);
      };
      const job: ExchangeJob = {
        priority,
        // A safety job begins on any wire: its commands ask nothing.
        needsCleanWire: needsCleanWire && !isSafety,
        cancelled: undefined,
        overtaken: undefined,
        run: () =>
          work(job)
            .then(resolve, reject)
            .finally(() => signal?.removeEventListener('abort', onAbort)),
        refuse: reject,
      };
      if (!this.#queue.offer(job)) {
        const message = `${this.resource} has ${this.#queue.length} exchanges waiting; this one was not sent. Poll less often, or wait.`;
        return reject(new LabError('instrument.busy', message, { waiting: this.#queue.length }));
      }
      signal?.addEventListener('abort', onAbort, { once: true });
      if (isSafety) this.#makeWay();
      this.#next();
    });
  }

  /** Outputs off waits: whatever has the wire gives it up, as soon as the way can. */
  #makeWay(): void {
    const active = this.#active;
    // What a person ordered before must not switch on again what is switched off now.
    this.#queue.refuse('person', overtakenError(this.resource));
    if (active && active.priority !== 'safety') {
      const reason = interruptedError(this.resource);
      active.overtaken ??= reason;
      active.stop?.(reason);
      if (this.#loan) this.#loan.recall(reason);
      else if (this.#recovery) this.#wire.nudge();
      else if (this.#wire.transport.control?.clear) this.#wire.interrupt(reason);
      else this.#wire.hurry(this.#limits.safetyWaitMs, reason);
    } else this.#wire.nudge();
  }

  #next(): void {
    if (this.#active || this.#recovery || this.#closeReason) return;
    const first = this.#queue.peek();
    if (!first) return;
    if (first.needsCleanWire && this.#wire.isDirty) {
      this.#recover(this.#calm());
      return;
    }
    const job = this.#queue.take();
    if (!job) return;
    this.#active = job;
    void job.run().then(() => {
      this.#active = undefined;
      this.#next();
    });
  }

  /** Bytes nobody asked for, and nothing unanswered: silence is enough. A device that never falls silent refuses what waits, not the session. */
  async #calm(): Promise<void> {
    const { quietMs, drainMs } = this.#limits;
    if (await this.#wire.drain({ quietMs, maxMs: drainMs * 4 })) return;
    if (this.#closeReason) return;
    const message = `${this.resource} sends by itself without a pause, so no answer can be told apart. Nothing was sent. If it is a streaming device, attach it as one.`;
    const error = new LabError('protocol.malformed', message);
    this.#trace.add('note', message, 0);
    if (this.#active) throw error;
    this.#queue.refuseAll(error);
  }

  #recover(climb: Promise<void>): Promise<void> {
    this.#setState('recovering');
    const recovery = climb
      .catch((error: unknown) => {
        if (this.#active && LabError.from(error).code === 'protocol.malformed') throw error;
        this.#close(LabError.from(error));
      })
      .finally(() => {
        this.#recovery = undefined;
        if (!this.#closeReason) this.#setState('open');
        this.#next();
      });
    recovery.catch(() => {});
    this.#recovery = recovery;
    return recovery;
  }

  #quarantine(cause: LabError): void {
    if (this.#closeReason || this.#recovery) return;
    this.#trace.add('note', `quarantined: ${cause.message}`, 0);
    this.stats.retries++;
    void this.#recover(
      recoverWire({
        clock: this.#clock,
        limits: this.#limits,
        isFreshOnReopen: this.#options.isFreshOnReopen ?? false,
        writeTermination: this.#termination,
        wire: () => this.#wire,
        reopen: () => this.#reopen(),
        isHurried: () => this.#isHurried,
        note: (text) => this.#trace.add('note', text, 0),
        sent: (text, bytes) => this.#countSent(text, bytes, this.#clock.nowNs()),
      }),
    );
  }

  get #isHurried(): boolean {
    return this.#queue.has('safety') || this.#active?.priority === 'safety';
  }

  /** The old connection first: many instruments serve one at a time. */
  async #reopen(): Promise<void> {
    const old = this.#wire;
    await old.pause();
    await old.transport[Symbol.asyncDispose]();
    for (let tries = 1; ; tries++) {
      if (this.#closeReason) throw this.#closeReason;
      try {
        const transport = await this.#open();
        if (this.#closeReason) {
          await transport[Symbol.asyncDispose]();
          throw this.#closeReason;
        }
        this.#wire = this.#wrap(transport);
        this.stats.reopened++;
        this.#requests.renew();
        return;
      } catch (error) {
        const failure = LabError.from(error);
        this.#trace.add('note', `try ${tries} to open again: ${failure.message}`, 0);
        if (tries >= this.#limits.reopenTries) throw failure;
        this.stats.retries++;
        await delay(this.#clock, this.#limits.reopenPauseMs * 2 ** (tries - 1));
      }
    }
  }

  /** Before every send: whoever is on the wire waits until it is clean. Throws what ended the session. */
  async #makeReady(job: ExchangeJob): Promise<void> {
    while (this.#recovery || (this.#wire.isDirty && !this.#closeReason))
      await (this.#recovery ?? this.#recover(this.#calm()));
    const waitMs = this.#lastSentMs + this.#limits.paceMs - this.#clock.monotonicMs();
    if (waitMs > 0) await delay(this.#clock, waitMs);
    if (this.#closeReason) throw this.#closeReason;
    const gone = job.cancelled ?? job.overtaken;
    if (gone) throw gone;
  }

  /** As `#makeReady`, for a command: that of a safety job asks nothing, so it goes out also on a wire that does not fall silent. */
  async #makeReadyToTell(job: ExchangeJob): Promise<void> {
    try {
      await this.#makeReady(job);
    } catch (error) {
      const isRestless = LabError.from(error).code === 'protocol.malformed' && !this.#closeReason;
      if (job.priority !== 'safety' || !isRestless) throw error;
    }
  }

  get #isReady(): boolean {
    return !this.#recovery && !this.#wire.isDirty && !this.#closeReason && this.#limits.paceMs === 0;
  }

  async #tell(job: ExchangeJob, text: string, timeoutMs = this.#limits.timeoutMs): Promise<void> {
    const message = checkMessage(text);
    if (isQuery(message)) {
      throw new LabError(
        'call.invalid',
        `'${message}' asks something; its answer would be taken for the next one. Use query. Nothing was sent.`,
      );
    }
    if (!this.#isReady || job.cancelled || job.overtaken) await this.#makeReadyToTell(job);
    const bytes = Buffer.from(message + this.#termination, 'latin1');
    this.#countSent(message, bytes.length, this.#clock.nowNs());
    const timedOut = (): LabError => this.#timeout(message, timeoutMs, 'was not taken');
    try {
      await this.#wire.tell(bytes, timeoutMs, timedOut, job.priority === 'safety');
    } catch (error) {
      throw this.#failed(error);
    }
  }

  async #ask(
    job: ExchangeJob,
    text: string,
    kind: 'line' | 'block',
    timeoutMs = this.#limits.timeoutMs,
    expect?: Expect,
    hasPrefix?: boolean,
  ): Promise<TimedWireReply> {
    const message = checkMessage(text);
    if (!this.#isReady || job.cancelled || job.overtaken) await this.#makeReady(job);
    const bytes = Buffer.from(message + this.#termination, 'latin1');
    this.stats.queries++;
    const answer = this.#wire.ask({
      bytes,
      kind,
      hasPrefix,
      timeoutMs,
      isUrgent: job.priority === 'safety',
      timedOut: () => this.#timeout(message, timeoutMs, 'was not answered'),
    });
    try {
      const reply = await this.#answered(message, bytes.length, answer);
      const roundTripMs = Number(reply.receivedNs - reply.sentNs) / 1e6;
      this.stats.lastRoundTripMs = roundTripMs;
      this.stats.latency.add(roundTripMs);
      if (job.cancelled) this.stats.lateBytes += reply.sizeBytes;
      const shown = reply.block ? `${reply.text.slice(0, 11)}… (${reply.block.length} bytes)` : reply.text;
      this.#trace.add(job.cancelled ? 'late' : 'received', shown, reply.sizeBytes, reply.receivedNs, roundTripMs);
      if (expect && !expect(reply.text)) throw unexpectedError(message, reply.text);
      return reply;
    } catch (error) {
      throw this.#failed(error);
    }
  }

  async #askBlock(
    job: ExchangeJob,
    text: string,
    timeoutMs: number | undefined,
    { hasPrefix }: BlockOptions = {},
  ): Promise<Uint8Array> {
    return blockOf(await this.#ask(job, text, 'block', timeoutMs, undefined, hasPrefix));
  }

  #answered(message: string, sizeBytes: number, answer: Promise<TimedWireReply>): Promise<TimedWireReply> {
    this.#countSent(message, sizeBytes, this.#clock.nowNs());
    return answer;
  }

  #countSent(text: string, sizeBytes: number, atNs: bigint): void {
    this.stats.bytesOut += sizeBytes;
    this.#lastSentMs = this.#limits.paceMs > 0 ? this.#clock.monotonicMs() : this.#lastSentMs;
    this.#trace.add('sent', text, sizeBytes, atNs);
  }

  #timeout(message: string, timeoutMs: number, what: string): LabError {
    this.stats.timeouts++;
    return timeoutError(this.resource, message, timeoutMs, what);
  }

  #failed(thrown: unknown): LabError {
    const error = LabError.from(thrown);
    const isOpenEnded = error.code === 'transport.timeout' || error.code === 'safety.refused';
    if (isOpenEnded || error.code.startsWith('protocol.')) this.#quarantine(error);
    else if (error.code.startsWith('transport.')) this.#close(error);
    return this.#closeReason && error.code === 'transport.closed' ? this.#closeReason : error;
  }

  #transact<T>(job: ExchangeJob, steps: (wire: Wire) => Promise<T>, { timeoutMs }: ExchangeOptions): Promise<T> {
    return runTransaction(steps, {
      clock: this.#clock,
      limitMs: this.#limits.transactionMs,
      resource: this.resource,
      onStop: (stop) => {
        job.stop = stop;
      },
      wire: {
        write: (text) => this.#tell(job, text, timeoutMs),
        query: (text, queryMs, expect) => this.#ask(job, text, 'line', queryMs ?? timeoutMs, expect),
        queryBlock: (text, queryMs, options) => this.#askBlock(job, text, queryMs ?? timeoutMs, options),
      },
    });
  }

  async #lendWire(job: ExchangeJob, lend: (taken: TakenWire) => void): Promise<void> {
    await this.#recovery;
    if (this.#closeReason) throw this.#closeReason;
    if (job.overtaken) throw job.overtaken;
    this.#queue.refuseAll(takenError(this.resource));
    const wire = this.#wire;
    const loan = new WireLoan(wire.transport, {
      clock: this.#clock,
      patienceMs: this.#limits.safetyWaitMs,
      sent: (bytes) => this.#countSent(showBytes(bytes).replace(/\\n$/, ''), bytes.length, this.#clock.nowNs()),
      received: (count) => {
        this.stats.bytesIn += count;
      },
    });
    this.#loan = loan;
    await wire.pause();
    void wire.transport.closed.then(({ code, message }) => {
      if (this.#loan === loan) this.#close(new LabError(code, message));
      loan.end();
    });
    lend(loan.taken);
    await loan.over;
    this.#loan = undefined;
    if (!this.#closeReason) {
      wire.resume(true);
      // A device that was not told to stop sends on: silence would be waited for in vain.
      if (loan.isRevoked) this.#quarantine(interruptedError(this.resource));
    }
    loan.settle();
  }

  async #useControl<T>(
    use: (control: TransportControl, signal: AbortSignal) => Promise<T>,
    timeoutMs = this.#limits.clearMs,
  ): Promise<T> {
    if (this.#closeReason) throw this.#closeReason;
    const { control } = this.#wire.transport;
    if (!control) throw lacksError(this.resource, 'controls beside bytes');
    const controller = new AbortController();
    const late = createDeferred<never>();
    const timer = this.#clock.after(timeoutMs, () => {
      late.reject(this.#timeout('a control of the way', timeoutMs, 'was not carried out'));
      controller.abort();
    });
    try {
      return await Promise.race([use(control, controller.signal), late.promise]);
    } catch (error) {
      // Refused (unsupported, locked by another) is an answer like any other.
      const hasEnded = ['transport.timeout', 'transport.closed', 'transport.failed'].includes(
        LabError.from(error).code,
      );
      throw hasEnded ? this.#failed(error) : error;
    } finally {
      timer[Symbol.dispose]();
    }
  }

  #setState(state: SessionState): void {
    if (this.#state === state || this.#state === 'closed') return;
    this.#state = state;
    for (const listener of [...this.#listeners]) listener(state);
  }

  #close(reason: LabError): void {
    if (this.#closeReason) return;
    this.#closeReason = reason;
    this.#trace.add('note', `closed: ${reason.message}`, 0);
    this.#queue.refuseAll(reason);
    const wire = this.#wire;
    wire.abandon(reason);
    this.#setState('closed');
    this.#scope.defer(async () => {
      await wire.pause();
      await wire.transport[Symbol.asyncDispose]();
    });
    void this.#scope[Symbol.asyncDispose]().finally(() => this.#closed.resolve());
  }
}
