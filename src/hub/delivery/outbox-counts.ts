import type { ConnectionCounts } from '../connection-book.ts';
import type { Outbox } from './outbox.ts';

/** The part of a connection's counts that its outbox knows. */
export function outboxCounts(
  outbox: Pick<Outbox, 'stats'>,
): Pick<ConnectionCounts, 'queued' | 'utilization' | 'dropped' | 'state'> {
  const { buffer, performance, state } = outbox.stats();
  return {
    queued: buffer.size,
    utilization: buffer.utilization,
    dropped: performance.dropped_messages,
    state: state.emergency_mode ? 'emergency' : state.backpressure_active ? 'backpressure' : 'normal',
  };
}
