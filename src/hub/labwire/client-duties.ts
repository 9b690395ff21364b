import type { Outbox } from '../delivery/outbox.ts';
import type { DeflateLevel } from '../server/deflate-level.ts';
import { isoOf, microsOf } from '../server-time.ts';
import type { FrameCompressor } from './frame-compressor.ts';
import type { LabwireRoom } from './labwire-room.ts';
import type { Body, SendOptions } from './outgoing.ts';

export interface ClientDutiesHost {
  room: LabwireRoom;
  outbox: Outbox;
  compressor: FrameCompressor;
  /** Of the text its socket deflates. */
  deflate: DeflateLevel;
  streams(): number;
  say(body: Body, options: SendOptions): void;
}

/** How often the level of compression is looked at. */
const LOOK_MS = 2000;

/** What a connection does by itself as time goes by. */
export class ClientDuties implements Disposable {
  readonly #host: ClientDutiesHost;
  readonly #timers = new Map<string, Disposable>();

  constructor(host: ClientDutiesHost) {
    this.#host = host;
  }

  /** Calls once; another of that name takes its place. */
  after(name: string, ms: number, run: () => void): void {
    this.cancel(name);
    this.#timers.set(name, this.#host.room.parts.clock.after(ms, run));
  }

  cancel(name: string): void {
    this.#timers.get(name)?.[Symbol.dispose]();
    this.#timers.delete(name);
  }

  /** From the first word on that is no greeting. */
  begin(): void {
    this.#beat();
    this.#look();
  }

  [Symbol.dispose](): void {
    for (const name of [...this.#timers.keys()]) this.cancel(name);
  }

  #beat(): void {
    const { room, outbox, streams, say } = this.#host;
    this.after('heartbeat', room.limits.heartbeatS * 1000, () => {
      const nowNs = room.parts.clock.nowNs();
      say(
        {
          type: 'heartbeat',
          active_streams: streams(),
          t: microsOf(nowNs),
          timestamp: isoOf(nowNs),
          queue: outbox.stats().buffer.size,
        },
        { delivery: 'latest' },
      );
      this.#beat();
    });
  }

  /** How frames and text are compressed follows the link. */
  #look(): void {
    const { room, outbox, compressor, deflate } = this.#host;
    this.after('look', LOOK_MS, () => {
      const { goodputBytesPerS, shortestRoundTripMs } = outbox.details();
      const level = compressor.look({
        roundTripMs: shortestRoundTripMs,
        bitsPerS: goodputBytesPerS === undefined ? undefined : goodputBytesPerS * 8,
        goodputBytesPerS,
        loopLagMs: room.parts.metrics.lagMs,
      });
      deflate.set(level);
      this.#look();
    });
  }
}
