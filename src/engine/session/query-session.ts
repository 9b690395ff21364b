import { createDeferred } from '../../core/deferred.ts';
import { LabError } from '../../core/errors.ts';
import type { Transport, TransportControl } from '../transport/transport.ts';
import type { Job } from './exchange-job.ts';
import { ExchangeLog } from './exchange-log.ts';
import { Exchanger } from './exchanger.ts';
import { lendWire } from './lend-wire.ts';
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
import { blockOf } from './session-message.ts';
import { SESSION_LIMITS, type SessionOptions } from './session-options.ts';
import { SrqListeners } from './srq-listeners.ts';
import { runTransaction } from './transaction.ts';
import { useControl } from './use-control.ts';
import { WireKeeper } from './wire-keeper.ts';
import { WireTurns } from './wire-turns.ts';

/**
 * The query engine, put together. One job has the wire at a time (WireTurns); between jobs, and between the steps of a transaction, the wire must be
 * clean (WireKeeper); each message is sent and answered by Exchanger.
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
  readonly stats: SessionStats;
  readonly closed: Promise<void>;
  readonly #parts;
  readonly #keeper: WireKeeper;
  readonly #turns: WireTurns;
  readonly #exchanger: Exchanger;
  readonly #requests: SrqListeners;

  constructor(transport: Transport, open: () => Promise<Transport>, options: SessionOptions) {
    const { clock, writeTermination = '\n', readTermination = 'lf', isFreshOnReopen = false } = options;
    const limits = { ...SESSION_LIMITS, ...options.limits };
    const log = new ExchangeLog(clock, limits);
    const parts = { clock, limits, log, terminations: { write: writeTermination, read: readTermination } };
    this.#parts = parts;
    this.#keeper = new WireKeeper(transport, {
      ...parts,
      isFreshOnReopen,
      open,
      onReopened: () => this.#requests.renew(),
      queue: () => this.#turns,
    });
    this.#turns = new WireTurns(this.#keeper, limits);
    this.#exchanger = new Exchanger(this.#keeper, parts);
    this.#requests = new SrqListeners(this, clock);
    this.resource = this.#keeper.resource;
    this.closed = this.#keeper.closed;
    this.stats = log.stats;
    if (options.mustResynchronise) {
      this.#keeper.quarantine(new LabError('transport.timeout', 'answers to others may still be on their way'));
    }
  }

  get state(): SessionState {
    return this.#keeper.state;
  }

  get closeReason(): LabError | undefined {
    return this.#keeper.closeReason;
  }

  get can(): SessionAbilities {
    return abilitiesOf(this.#keeper.wire.transport);
  }

  write(text: string, options: ExchangeOptions = {}): Promise<void> {
    return this.#turns.submit(options, true, (job) => this.#exchanger.tell(job, text, options.timeoutMs));
  }

  query(text: string, options?: ExchangeOptions): Promise<string> {
    return this.queryTimed(text, options).then(textOf);
  }

  queryTimed(text: string, { priority, signal, timeoutMs, expect }: ExchangeOptions = {}): Promise<TimedReply> {
    return this.#turns.submit({ priority, signal }, true, (job) =>
      this.#exchanger.ask(job, text, { kind: 'line', timeoutMs, expect }),
    );
  }

  queryBlock(text: string, options: ExchangeOptions & BlockOptions = {}): Promise<Uint8Array> {
    return this.#turns.submit(options, true, (job) => this.#askBlock(job, text, options.timeoutMs, options));
  }

  transaction<T>(steps: (wire: Wire) => Promise<T>, options: ExchangeOptions = {}): Promise<T> {
    return this.#turns.submit(options, true, (job) => this.#transact(job, steps, options));
  }

  takeWire(): Promise<TakenWire> {
    const taken = createDeferred<TakenWire>();
    const parts = { ...this.#parts, keeper: this.#keeper, turns: this.#turns };
    this.#turns.submit({}, false, (job) => lendWire(job, taken.resolve, parts)).catch(taken.reject);
    return taken.promise;
  }

  control<T>(
    use: (control: TransportControl, signal: AbortSignal) => Promise<T>,
    options: ExchangeOptions = {},
  ): Promise<T> {
    const { clock, limits } = this.#parts;
    const { timeoutMs = limits.clearMs } = options;
    const parts = { clock, timeoutMs, keeper: this.#keeper, exchanger: this.#exchanger };
    return this.#turns.submit(options, false, (job) => useControl(use, { ...parts, job }));
  }

  onServiceRequest(listener: (statusByte: number | undefined) => void): Disposable {
    return this.#requests.add(listener);
  }

  adapt({ paceMs, writeTermination, readTermination }: SessionManner): void {
    const { limits, log, terminations } = this.#parts;
    terminations.write = writeTermination ?? terminations.write;
    terminations.read = readTermination ?? terminations.read;
    if (paceMs === undefined) return;
    limits.paceMs = paceMs;
    log.startPace();
  }

  exchanges(limit?: number): Exchange[] {
    return this.#parts.log.trace.list(limit);
  }

  onExchange(listener: (exchange: Exchange) => void): Disposable {
    return this.#parts.log.trace.listen(listener);
  }

  onState(listener: (state: SessionState) => void): Disposable {
    return this.#keeper.onState(listener);
  }

  /** What waits or is on the wire is refused, and the transport is closed; what was sent before is still flushed. */
  async [Symbol.asyncDispose](): Promise<void> {
    const reason = new LabError(
      'instrument.detached',
      `${this.resource} was detached here. What was queued was not sent.`,
    );
    this.#turns.refuseAll(reason);
    this.#keeper.close(reason);
    await this.#keeper[Symbol.asyncDispose]();
  }

  async #askBlock(
    job: Job,
    text: string,
    timeoutMs: number | undefined,
    { hasPrefix }: BlockOptions = {},
  ): Promise<Uint8Array> {
    return blockOf(await this.#exchanger.ask(job, text, { kind: 'block', timeoutMs, hasPrefix }));
  }

  #transact<T>(job: Job, steps: (wire: Wire) => Promise<T>, { timeoutMs }: ExchangeOptions): Promise<T> {
    const exchanger = this.#exchanger;
    return runTransaction(steps, {
      clock: this.#parts.clock,
      limitMs: this.#parts.limits.transactionMs,
      resource: this.resource,
      onStop: (stop) => {
        job.stop = stop;
      },
      wire: {
        write: (text) => exchanger.tell(job, text, timeoutMs),
        query: (text, queryMs = timeoutMs, expect) =>
          exchanger.ask(job, text, { kind: 'line', timeoutMs: queryMs, expect }),
        queryBlock: (text, queryMs = timeoutMs, options) => this.#askBlock(job, text, queryMs, options),
      },
    });
  }
}

function textOf({ text }: TimedReply): string {
  return text;
}
