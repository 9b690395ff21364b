import { PRIORITIES, type Priority } from '../../protocol/lab/priority.ts';
import type { DeliverySource } from './delivery-source.ts';
import type { Rank, Turn } from './waiting-message.ts';

/** A source at work: what the outbox last saw of it. */
export class AttachedSource implements Turn {
  readonly source: DeliverySource;
  turnBefore: Turn | undefined;
  turnAfter: Turn | undefined;
  rank: Rank;
  frames = 0;
  bytes = 0;
  producedRows = 0;
  lostRows = 0;
  conflatedRows = 0;
  /** When something began to wait in it; ms. */
  sinceMs = 0;
  /** When the last snapshot went; ms. */
  snapshotMs = Number.NEGATIVE_INFINITY;
  isDetached = false;

  constructor(source: DeliverySource) {
    this.source = source;
    this.rank = rankOf(source.priority);
  }

  get key(): string {
    return this.source.key;
  }

  /** Whether it may have something to give. */
  get hasMore(): boolean {
    return this.source.kind === 'bulk' ? !this.source.isDone : this.frames > 0;
  }
}

export function rankOf(priority: Priority): Rank {
  return PRIORITIES.indexOf(priority);
}
