import type { Clock } from '../../core/clock.ts';
import type { LabwireMessage } from '../../protocol/lab/labwire-messages.ts';
import type { ServerClock } from '../server-clock/server-clock.ts';

/** Questions whose answer is still waited for, at most. */
const MAX_ASKED = 16;

/** `ping` and `pong` of one server (section 5.8): asks for its time, and answers when it asks for ours. */
export class TimeQuestions {
  roundTripMs = Number.NaN;
  readonly #clock: Clock;
  readonly #server: ServerClock;
  readonly #asked = new Map<string, bigint>();
  #count = 0;

  constructor(clock: Clock, server: ServerClock) {
    this.#clock = clock;
    this.#server = server;
  }

  /** The question, to be sent now. */
  ask(): string {
    const id = `p${++this.#count}`;
    const nowNs = this.#clock.nowNs();
    this.#asked.set(id, nowNs);
    for (const oldest of this.#asked.keys()) {
      if (this.#asked.size <= MAX_ASKED) break;
      this.#asked.delete(oldest);
    }
    return JSON.stringify({ type: 'ping', id, t0: micros(nowNs) });
  }

  /** The server's answer came now. */
  answered({ id, t1, t2 }: Extract<LabwireMessage, { type: 'pong' }>): void {
    const sentNs = this.#asked.get(String(id));
    if (sentNs === undefined) return;
    this.#asked.delete(String(id));
    const nowNs = this.#clock.nowNs();
    this.roundTripMs = Number(nowNs - sentNs) / 1e6;
    this.#server.twoWay(sentNs, BigInt(Math.round(t1)) * 1000n, BigInt(Math.round(t2)) * 1000n, nowNs);
  }

  /** Our answer to the server's question. */
  answer({ id, t0 }: Extract<LabwireMessage, { type: 'ping' }>): string {
    const t = micros(this.#clock.nowNs());
    return JSON.stringify({ type: 'pong', id, t0, t1: t, t2: t });
  }

  /** The connection ended: no answer comes any more. */
  forget(): void {
    this.#asked.clear();
  }
}

function micros(ns: bigint): number {
  return Number(ns / 1000n);
}
