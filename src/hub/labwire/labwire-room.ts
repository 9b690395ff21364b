import type { ResumeStore } from '../access/resume-session.ts';
import type { ChannelDesk } from '../channels/channel-desk.ts';
import type { RequestBuckets } from '../delivery/request-buckets.ts';
import type { HubParts } from '../hub-parts.ts';
import type { CommandDesk } from './command-desk.ts';
import type { LabwireLimits } from './greeting.ts';
import type { LabwireSession } from './labwire-session.ts';
import type { PastReader } from './past-reader.ts';
import type { TransferBudget } from './transfer-shelf.ts';

/** What all connections of this dialect share. */
export interface LabwireRoom {
  readonly parts: HubParts;
  readonly limits: LabwireLimits;
  readonly channels: ChannelDesk;
  readonly sessions: ResumeStore<LabwireSession>;
  readonly buckets: RequestBuckets;
  readonly past: PastReader;
  readonly commands: CommandDesk;
  readonly transfers: TransferBudget;
}
