import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { GET_STATS } from '../../protocol/lab/lablink-command.ts';
import type { LabLinkMessage } from '../../protocol/lab/lablink-message.ts';
import { parseSocketFigures, type SocketFigures } from '../../protocol/lab/socket-figures.ts';

type StatsMessage = Extract<LabLinkMessage, { type: 'stats' }>;

/** The answer is lost when the server's queue is full. */
const ANSWER_MS = 3000;

/** What the enhanced socket counts of its own queue. */
export class SocketStats {
  readonly #clock: Clock;
  readonly #waits = new Set<{ take(message: StatsMessage): void; fail(error: LabError): void }>();
  /** Messages the server dropped since this connection began. */
  dropped = 0;
  /** Most that may wait there, as it said; undefined: it did not. */
  #queueLimit: number | undefined;
  #before: { sent: number; atMs: number } | undefined;
  #perSecond: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A new connection counts from 0. */
  reset(queueLimit: number | undefined): void {
    this.dropped = 0;
    this.#queueLimit = queueLimit;
    this.#before = undefined;
    this.#perSecond = undefined;
  }

  /** Gives how many more messages were dropped than at the last word. */
  heard(message: StatsMessage): number {
    const sent = message.connection?.messages_sent;
    if (typeof sent === 'number') this.#rate(sent);
    for (const wait of [...this.#waits]) wait.take(message);
    const dropped = message.connection?.messages_dropped;
    if (typeof dropped !== 'number') return 0;
    const more = Math.max(0, dropped - this.dropped);
    this.dropped = dropped;
    return more;
  }

  /** The connection ended: no answer comes. */
  ended(): void {
    const error = new LabError(
      'server.closed',
      'The connection to the lab server ended before it answered. Ask again.',
    );
    for (const wait of [...this.#waits]) wait.fail(error);
  }

  /** An answer by the names of `get_stats`; what the server does not count itself is made of two answers. Undefined: there is nothing in it. */
  figuresOf(message: StatsMessage): SocketFigures | undefined {
    const figures = parseSocketFigures(message, this.#queueLimit);
    if (figures) figures.performance.messages_per_second ??= this.#perSecond ?? null;
    return figures;
  }

  /** Asks and gives the answer. Throws server.timeout, server.closed, call.cancelled. */
  ask(send: (text: string) => boolean, signal?: AbortSignal): Promise<StatsMessage> {
    if (signal?.aborted) return Promise.reject(LabError.from(signal.reason));
    return new Promise((resolve, reject) => {
      const end = (): void => {
        timer[Symbol.dispose]();
        signal?.removeEventListener('abort', cancel);
        this.#waits.delete(wait);
      };
      const wait = {
        take: (message: StatsMessage): void => {
          end();
          resolve(message);
        },
        fail: (error: LabError): void => {
          end();
          reject(error);
        },
      };
      const cancel = (): void => wait.fail(LabError.from(signal?.reason));
      const timer = this.#clock.after(ANSWER_MS, () => {
        const text = 'The server did not answer with its statistics: its queue may be full. Ask again.';
        wait.fail(new LabError('server.timeout', text));
      });
      signal?.addEventListener('abort', cancel);
      this.#waits.add(wait);
      send(GET_STATS);
    });
  }

  #rate(sent: number): void {
    const atMs = this.#clock.monotonicMs();
    const before = this.#before;
    // Answers that come together say nothing of a rate.
    if (before && atMs - before.atMs < 500) return;
    this.#perSecond = before && sent >= before.sent ? ((sent - before.sent) * 1000) / (atMs - before.atMs) : undefined;
    this.#before = { sent, atMs };
  }
}
