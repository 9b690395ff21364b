import type { LabError } from '../../core/errors.ts';
import type { AttachmentHost } from './attachment-host.ts';
import type { InstrumentLink } from './instrument-link.ts';
import type { InstrumentPanel } from './instrument-panel.ts';
import type { StatusEvents } from './status-events.ts';

/** What the parts of an attachment share. */
export interface AttachmentParts {
  readonly id: string;
  readonly label: string;
  /** The connection there is now; another one after a reconnect. */
  readonly link: InstrumentLink;
  readonly host: AttachmentHost;
  readonly panel: InstrumentPanel;
  readonly status: StatusEvents;
  /** Aborts with detach. */
  readonly stop: AbortSignal;
  /** An error of a call: on the card; what the instrument said also as an event. Gives it back. */
  remember(error: LabError): LabError;
  /** Its state is to be shown again. */
  changed(): void;
}
