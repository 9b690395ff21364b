import type { Clock } from '../../core/clock.ts';
import { createDeferred } from '../../core/deferred.ts';
import { LabError } from '../../core/errors.ts';
import type { RowSource } from '../../core/link-word.ts';
import type { LabStream } from '../../lab/equipment.ts';
import type { LabServer } from '../../lab/lab-server.ts';
import { LatencyHistogram } from '../session/latency-histogram.ts';
import type {
  Exchange,
  ExchangeOptions,
  Session,
  SessionState,
  SessionStats,
  TakenWire,
  TimedReply,
} from '../session/session.ts';
import type { SessionAbilities } from '../session/session-abilities.ts';
import { timeLimit } from '../time-limit.ts';
import type { TransportControl } from '../transport/transport.ts';

const KEPT = 1000;
const MAX_TEXT = 512;
const LOCK_MS = 5000;

export interface RemotePlace {
  server: LabServer;
  equipment: string;
  resource: string;
  clock: Clock;
  timeoutMs: number;
  /** Aborts, with the reason, when the client is given up for another one. */
  left: AbortSignal;
  /** Streams that are open, by equipment and name: the driver keeps its own in it. */
  streams: Map<string, LabStream>;
  /** How rows of a stream come now is another way than before: kept with the recording, drawn on the time axis. */
  sourceChanged(stream: string, source: RowSource | 'silent', reason: string): void;
}

/**
 * The session of an instrument of a lab server: a text is a command of the server, its answer the answer. There is no wire to lend, to clear or to poll; the lock
 * is the server's. The connection is the client's own affair: this stays open until the server leaves the bench, or its client is given up for another one (`place.left`).
 */
export class RemoteSession implements Session {
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
  closeReason: LabError | undefined;
  readonly can: SessionAbilities;
  readonly #place: RemotePlace;
  readonly #ended = createDeferred<void>();
  readonly #listeners = new Set<(exchange: Exchange) => void>();
  readonly #stateListeners = new Set<(state: SessionState) => void>();
  #exchanges: Exchange[] = [];
  #state: SessionState = 'open';
  readonly #leave = (): void => this.#close(LabError.from(this.#place.left.reason));

  constructor(place: RemotePlace) {
    this.#place = place;
    this.resource = place.resource;
    this.closed = this.#ended.promise;
    this.can = {
      clear: false,
      trigger: false,
      statusByte: false,
      serviceRequest: false,
      lock: place.server.lock !== undefined,
      remoteLocal: false,
    };
    if (place.left.aborted) this.#leave();
    else place.left.addEventListener('abort', this.#leave, { once: true });
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Not told to the server: an answer that says no is an error all the same. */
  async write(text: string, options?: ExchangeOptions): Promise<void> {
    await this.queryTimed(text, options);
  }

  async query(text: string, options?: ExchangeOptions): Promise<string> {
    return (await this.queryTimed(text, options)).text;
  }

  async queryTimed(text: string, options: ExchangeOptions = {}): Promise<TimedReply> {
    const { server, equipment, timeoutMs } = this.#place;
    const { signal } = options;
    return this.traced(text, () =>
      server.command(equipment, text, {
        timeoutMs: options.timeoutMs ?? timeoutMs,
        ...(signal === undefined ? {} : { signal }),
      }),
    );
  }

  /** Does something at the server and keeps it in the trace, with its round trip. */
  async traced(text: string, act: () => Promise<string>): Promise<TimedReply> {
    if (this.#state === 'closed') throw this.#closedError();
    const { clock } = this.#place;
    const sentNs = clock.nowNs();
    const startMs = clock.monotonicMs();
    this.#note({ at: sentNs, direction: 'sent', text, bytes: text.length });
    this.stats.bytesOut += text.length;
    try {
      const answer = await act();
      const roundTripMs = clock.monotonicMs() - startMs;
      this.stats.queries++;
      this.stats.lastRoundTripMs = roundTripMs;
      this.stats.latency.add(roundTripMs);
      this.stats.bytesIn += answer.length;
      const receivedNs = clock.nowNs();
      this.#note({ at: receivedNs, direction: 'received', text: answer, bytes: answer.length, roundTripMs });
      return { text: answer, sentNs, receivedNs };
    } catch (thrown) {
      const error = LabError.from(thrown);
      if (error.code === 'server.timeout') this.stats.timeouts++;
      this.#note({ at: clock.nowNs(), direction: 'note', text: error.message, bytes: 0 });
      throw error;
    }
  }

  queryBlock(): Promise<Uint8Array> {
    return Promise.reject(this.#lacks('blocks'));
  }

  transaction<T>(): Promise<T> {
    return Promise.reject(this.#lacks('exchanges that others cannot come between; hold its lock instead'));
  }

  takeWire(): Promise<TakenWire> {
    return Promise.reject(this.#lacks('a wire of its own'));
  }

  async control<T>(
    use: (control: TransportControl, signal: AbortSignal) => Promise<T>,
    options: ExchangeOptions = {},
  ): Promise<T> {
    if (this.#state === 'closed') throw this.#closedError();
    const { server, equipment } = this.#place;
    using limit = timeLimit(options.timeoutMs ?? LOCK_MS, options.signal);
    const { signal } = limit;
    const { lock } = server;
    if (!lock) return await use({}, signal);
    return await use(
      {
        lock: async () => void (await lock.call(server, equipment, true, false, signal)),
        unlock: async () => void (await lock.call(server, equipment, false, false, signal)),
      },
      signal,
    );
  }

  onServiceRequest(): Disposable {
    return { [Symbol.dispose]: () => undefined };
  }

  adapt(): void {
    // The server speaks to it as it wants to be spoken to.
  }

  exchanges(limit = KEPT): Exchange[] {
    return this.#exchanges.slice(-limit);
  }

  onExchange(listener: (exchange: Exchange) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  onState(listener: (state: SessionState) => void): Disposable {
    this.#stateListeners.add(listener);
    return { [Symbol.dispose]: () => void this.#stateListeners.delete(listener) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close(undefined);
  }

  #close(reason: LabError | undefined): void {
    if (this.#state === 'closed') return;
    this.#place.left.removeEventListener('abort', this.#leave);
    this.closeReason = reason;
    this.#state = 'closed';
    for (const listener of this.#stateListeners) listener('closed');
    this.#ended.resolve();
  }

  #note(exchange: Exchange): void {
    const kept = { ...exchange, text: exchange.text.slice(0, MAX_TEXT) };
    this.#exchanges.push(kept);
    if (this.#exchanges.length > KEPT * 1.25) this.#exchanges = this.#exchanges.slice(-KEPT);
    for (const listener of this.#listeners) listener(kept);
  }

  #lacks(what: string): LabError {
    return new LabError(
      'server.unsupported',
      `${this.resource} is an instrument of a lab server, which offers no ${what}. Nothing was sent. Attach the instrument directly for that.`,
      { resource: this.resource },
    );
  }

  #closedError(): LabError {
    const why = this.closeReason?.message ?? `The lab server of ${this.resource} was taken off the bench.`;
    return new LabError('server.closed', `${why} Nothing was sent.`, { resource: this.resource });
  }
}
