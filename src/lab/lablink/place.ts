import type { LabServerEvent } from '../lab-server.ts';
import type { LabPorts } from '../ports.ts';
import type { RestClient } from '../rest-client.ts';
import type { ServerClock } from '../server-clock/server-clock.ts';

/** What the parts of one LabLink client share. */
export interface LabLinkPlace {
  readonly ports: LabPorts;
  readonly rest: RestClient;
  readonly clock: ServerClock;
  /** Shown to others that hold or want locks. */
  readonly name: string;
  emit(event: LabServerEvent): void;
}
