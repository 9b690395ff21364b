import type { ServerStats } from '../../contract/server-stats-schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { LabServer } from '../../lab/lab-server.ts';
import { saidName } from './said-text.ts';

/** A little less than the pace of a screen, or every second look would find the answer of the one before. */
const FRESH_MS = 900;

/** What a server counts of its own sending: asked when somebody looks, once for all who do. */
export class StatsQuestion {
  readonly #clock: Clock;
  readonly #lab: () => LabServer;
  #asking: Promise<ServerStats> | undefined;
  #last: { stats: ServerStats; askedMs: number } | undefined;

  /** `lab` throws while there is no client. */
  constructor(clock: Clock, lab: () => LabServer) {
    this.#clock = clock;
    this.#lab = lab;
  }

  /** Throws server.unsupported, server.closed, server.timeout. */
  async read(): Promise<ServerStats> {
    const askedMs = this.#clock.monotonicMs();
    if (this.#last && askedMs - this.#last.askedMs < FRESH_MS) return this.#last.stats;
    this.#asking ??= this.#ask(askedMs).finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(askedMs: number): Promise<ServerStats> {
    const lab = this.#lab();
    if (!lab.stats || !lab.features.stats)
      throw new LabError('server.unsupported', 'This lab server does not say what it counts of its own sending.');
    // Not of one screen: others may wait for the same answer, and the client has a limit of its own.
    const figures = await lab.stats(new AbortController().signal);
    const others = figures.others.map(({ name, value }) => ({ name: saidName(name), value }));
    const stats = { ...figures, others, t: String(this.#clock.nowNs()) };
    this.#last = { stats, askedMs };
    return stats;
  }
}
