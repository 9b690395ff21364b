import type { LockDesk } from '../access/lock-desk.ts';
import type { LockHistory } from '../access/lock-history.ts';
import type { AcquisitionBook } from '../acquisition/acquisition-book.ts';
import type { HubParts } from '../hub-parts.ts';
import type { RecordingDesk } from '../recording/recording-desk.ts';
import type { AlarmBook } from './alarm-book.ts';
import type { CaptureDesk } from './capture-desk.ts';
import type { ProfileBook } from './profile-book.ts';
import type { SocketBook } from './socket/socket-book.ts';
import type { StopLatch } from './stop-latch.ts';

/** What the sockets and the REST of this dialect share, for as long as the hub is open. */
export interface LabLinkPlace {
  readonly parts: HubParts;
  readonly locks: LockDesk;
  readonly lockHistory: LockHistory;
  readonly stop: StopLatch;
  readonly captures: CaptureDesk;
  readonly acquisitions: AcquisitionBook;
  readonly alarms: AlarmBook;
  readonly recordings: RecordingDesk;
  readonly profiles: ProfileBook;
  readonly sockets: SocketBook;
}
