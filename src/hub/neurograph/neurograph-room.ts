import type { ResumeStore } from '../access/resume-session.ts';
import type { RequestBuckets } from '../delivery/request-buckets.ts';
import type { HubParts } from '../hub-parts.ts';
import type { NeurographSession } from './neurograph-session.ts';

/** What all connections of this dialect share. */
export interface NeurographRoom {
  readonly parts: HubParts;
  readonly sessions: ResumeStore<NeurographSession>;
  readonly buckets: RequestBuckets;
  left(connection: object): void;
}
