import type { LabOutlet, LabStream } from '../equipment.ts';
import type { StreamSummary } from '../link/link-machine.ts';
import type { LinkHealth } from '../link/link-view.ts';
import type { LabPorts } from '../ports.ts';
import { StreamKeeper } from './stream-keeper.ts';
import type { KeeperRules, StreamSpec } from './stream-spec.ts';
import { KEEPER_RULES } from './stream-spec.ts';

export interface StreamTableOptions extends Partial<KeeperRules> {
  /** How the streams get their rows, all together; usually `link.setStreams`. */
  onSummary(summary: StreamSummary): void;
  onLoss?(key: string, lost: number, reason: string, isUnaccounted: boolean): void;
}

/** The wanted streams of one server: one keeper per stream, however many consumers. */
export class StreamTable implements Disposable {
  readonly #ports: LabPorts;
  readonly #rules: KeeperRules;
  readonly #options: StreamTableOptions;
  readonly #keepers = new Map<string, StreamKeeper>();
  #health: LinkHealth = 'stopped';
  #reason = '';

  constructor(ports: LabPorts, options: StreamTableOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#rules = keeperRules(options);
  }

  /** The keeper of a stream: rows are pushed to it. */
  get(key: string): StreamKeeper | undefined {
    return this.#keepers.get(key);
  }

  /** Every wanted stream: what a greeting says is desired. */
  get all(): Iterable<StreamKeeper> {
    return this.#keepers.values();
  }

  get size(): number {
    return this.#keepers.size;
  }

  /** Holes in any numbering that nothing explained, of the streams that are wanted now; rows. */
  get unaccounted(): number {
    return [...this.#keepers.values()].reduce((sum, { stats }) => sum + stats.unaccounted, 0);
  }

  /** Of the link, from its `onChange`. */
  setHealth(health: LinkHealth, reason: string): void {
    this.#health = health;
    this.#reason = reason;
    for (const keeper of [...this.#keepers.values()]) keeper.setHealth(health, reason);
  }

  /** Wants a stream; `spec` is used if nobody wants it yet. */
  open(spec: StreamSpec, intervalMs: number, outlet: LabOutlet): LabStream {
    let keeper = this.#keepers.get(spec.key);
    if (!keeper) {
      keeper = new StreamKeeper(spec, this.#ports, this.#rules, {
        changed: () => this.#summarise(),
        loss: (lost, reason, isUnaccounted) => this.#options.onLoss?.(spec.key, lost, reason, isUnaccounted),
      });
      this.#keepers.set(spec.key, keeper);
    }
    const kept = keeper;
    kept.want(outlet, intervalMs);
    kept.setHealth(this.#health, this.#reason);
    this.#summarise();
    return {
      key: spec.key,
      setInterval: (next) => kept.want(outlet, next),
      get stats() {
        return kept.refreshStats();
      },
      [Symbol.asyncDispose]: () => {
        this.#close(kept, outlet);
        return Promise.resolve();
      },
    };
  }

  [Symbol.dispose](): void {
    for (const keeper of this.#keepers.values()) keeper[Symbol.dispose]();
    this.#keepers.clear();
  }

  #close(keeper: StreamKeeper, outlet: LabOutlet): void {
    if (this.#keepers.get(keeper.spec.key) !== keeper || !keeper.isOnlyFor(outlet)) {
      keeper.unwant(outlet);
      return;
    }
    this.#keepers.delete(keeper.spec.key);
    // While the last consumer still listens: what waits goes to it.
    keeper[Symbol.dispose]();
    keeper.unwant(outlet);
    this.#summarise();
  }

  #summarise(): void {
    const keepers = [...this.#keepers.values()];
    const polled = keepers.filter(({ isPolled }) => isPolled);
    this.#options.onSummary({
      streams: keepers.length,
      polled: polled.length,
      silent: keepers.filter(({ isSilent }) => isSilent).length,
      pollS: polled.length > 0 ? Math.min(...polled.map(({ pollMs }) => pollMs)) / 1000 : 0,
    });
  }
}

function keeperRules(options: Partial<KeeperRules>): KeeperRules {
  const rules = { ...KEEPER_RULES };
  for (const key of Object.keys(KEEPER_RULES) as (keyof KeeperRules)[]) rules[key] = options[key] ?? rules[key];
  return rules;
}
