import type { HubConnection } from '../../connection-book.ts';
import type { ConnectionStats } from '../../delivery/delivery-report.ts';
import type { OfferVerdict } from '../../delivery/outbound-message.ts';
import type { SocketCompression } from '../../ws-settings.ts';

/** LabLink's four levels. */
export type Level = 'CRITICAL' | 'HIGH' | 'NORMAL' | 'LOW';

/** A message for every client that may have it. */
export interface Broadcast {
  channel: 'alarms' | 'status' | 'actions';
  priority: Level;
  message: Record<string, unknown>;
}

/** A connected client, as the others of this dialect see it. */
export interface SocketClient extends HubConnection {
  /** What it chose for streams that say nothing themselves. */
  readonly preference: { priority: Level; compression: SocketCompression };
  backpressure(): ConnectionStats;
  broadcast(broadcast: Broadcast): void;
  /** A message of somebody's choosing. */
  test(message: Record<string, unknown>, priority: Level, compression: SocketCompression): OfferVerdict;
}
