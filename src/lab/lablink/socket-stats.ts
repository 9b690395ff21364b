import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { GET_STATS } from '../../protocol/lab/lablink-command.ts';
import type { LabLinkMessage } from '../../protocol/lab/lablink-message.ts';

/** The answer is lost when the server's queue is full. */
const ANSWER_MS = 3000;

/** What the enhanced socket counts of its own queue. */
export class SocketStats {
  readonly #clock: Clock;
  readonly #waits = new Set<(text: string) => void>();
  /** Messages the server dropped since this connection began. */
  dropped = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A new connection counts from 0. */
  reset(): void {
    this.dropped = 0;
  }

  /** Gives how many more messages were dropped than at the last word. */
  heard({ connection, global }: Extract<LabLinkMessage, { type: 'stats' }>): number {
    for (const wait of this.#waits) wait(JSON.stringify({ connection, global }));
    this.#waits.clear();
    const dropped = connection?.messages_dropped;
    if (typeof dropped !== 'number') return 0;
    const more = Math.max(0, dropped - this.dropped);
    this.dropped = dropped;
    return more;
  }

  /** Asks and gives the answer as text. Throws server.timeout. */
  ask(send: (text: string) => boolean): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(ANSWER_MS, () => {
        this.#waits.delete(take);
        const text = 'The server did not answer with its statistics: its queue may be full. Ask again.';
        reject(new LabError('server.timeout', text));
      });
      const take = (text: string): void => {
        timer[Symbol.dispose]();
        resolve(text);
      };
      this.#waits.add(take);
      send(GET_STATS);
    });
  }
}
