import type { LablinkSettings } from '../contract/lablink-settings.ts';
import type { Link } from '../contract/link.ts';
import type { Clock } from '../core/clock.ts';
import type { Access } from './access/access.ts';
import type { LockDesk } from './access/lock-desk.ts';
import type { LockHistory } from './access/lock-history.ts';
import type { RoleOptions } from './access/role.ts';
import type { AcquisitionBook } from './acquisition/acquisition-book.ts';
import type { HubBench } from './bench/hub-bench.ts';
import type { ChannelDesk } from './channels/channel-desk.ts';
import type { ConnectionBook } from './connection-book.ts';
import type { QueueBudget } from './delivery/queue-budget.ts';
import type { HubLog } from './hub-log.ts';
import type { HubMetrics } from './metrics/hub-metrics.ts';
import type { RecordingDesk } from './recording/recording-desk.ts';
import type { ScreenLimits } from './screen/screen-limits.ts';

/** What a hub allows its clients, beside how many may come. */
export interface HubLimits {
  /** Messages that wait for one client at most. */
  queueItems: number;
  /** Memory of what waits for all clients together; bytes. Absent: 64 MiB. */
  queueBytes?: number;
  /** Messages one client is sent at most; null: as fast as it takes them. Absent: 1,000 a second, 200 at once. */
  messageRate?: { perS: number; burst: number } | null;
  /** The longest message a client may send; bytes. */
  messageBytes: number;
  /** How long a lost client may come back and get what it missed; s. */
  replayS: number;
}

export const HUB_LIMITS: HubLimits = {
  queueItems: 10_000,
  messageBytes: 1_048_576,
  replayS: 300,
};

/** What every dialect of the hub works with. */
export interface HubParts {
  readonly clock: Clock;
  readonly bench: HubBench;
  readonly access: Access;
  readonly roles: RoleOptions;
  readonly connections: ConnectionBook;
  readonly limits: HubLimits;
  /** Memory of the queues of all clients, whatever they speak. */
  readonly queues: QueueBudget;
  /** Locks of clients, under the session ids they name: the same for all that a client speaks. */
  readonly locks: LockDesk;
  readonly lockHistory: LockHistory;
  /** Events of the bench and of the hub, for who subscribes. */
  readonly channels: ChannelDesk;
  /** Acquisitions and recordings of messages that clients start, whatever they speak. */
  readonly acquisitions: AcquisitionBook;
  readonly recordings: RecordingDesk;
  readonly log: HubLog;
  readonly metrics: HubMetrics;
  /** Name people gave the bench. */
  readonly name: string;
  readonly version: string;
  /** Of this hub for ever, and of this run of it. */
  readonly id: string;
  readonly instance: string;
  readonly startedNs: bigint;
  /** Options of LabLink's sockets. */
  readonly ws: LablinkSettings;
  /** Where a dialect keeps what outlives the hub; undefined: nothing does. */
  readonly folder: string | undefined;
  /** The built page; undefined: none is served. */
  readonly pageFolder: string | undefined;
  /** A new link to the engine, trusted as the hub's own, for one remote screen; undefined: there are none. */
  readonly openEngineLink: (() => Promise<Link>) | undefined;
  /** What one remote screen may take. */
  readonly screens: ScreenLimits;
  /** Whether requests without a login get anywhere. */
  readonly isOpen: boolean;
}
