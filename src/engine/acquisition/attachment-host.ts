import type { AttachOptions } from '../../contract/discovery-schema.ts';
import type { Clock } from '../../core/clock.ts';
import type { Identity } from '../../core/instrument.ts';
import type { ColumnInfo } from '../../core/stream-info.ts';
import type { SafetyHost } from '../safety/safety-host.ts';
import type { SampleSink } from '../sample-sink.ts';
import type { Exchange } from '../session/session.ts';
import type { EventDraft } from '../state/event-log.ts';
import type { Hurry } from './hurry.ts';
import type { LinkPlace } from './instrument-link.ts';
import type { StreamRegistry } from './stream-registry.ts';

/** Who an attachment speaks of. */
export interface Attached {
  readonly id: string;
  readonly label: string;
}

/** Who an attachment is, and where: what reconnecting needs. */
export interface AttachedAt extends Attached {
  /** Where it is, or was when the wire ended. */
  readonly resource: string;
  /** Where it was attached: stands for the serial number of one that has none. */
  readonly home: string;
  readonly options: AttachOptions;
  /** Ends the pause before the next try. */
  readonly hurry: Hurry;
}

/** What an attachment needs of the engine. */
export interface AttachmentHost {
  readonly clock: Clock;
  readonly registry: StreamRegistry;
  readonly sink: SampleSink;
  linkPlace(attached: Attached): LinkPlace;
  /** Other ways on which the same unit may be back: known ones and what discovery finds. Never one that is in use. */
  otherPaths(attached: AttachedAt, signal: AbortSignal): Promise<string[]>;
  /** Another unit was met there: if it is attached too, and seeks its way back, that is it. */
  met(identity: Identity, resource: string): void;
  /** An attachment has an open connection there, or is about to: a second one may put the first out. */
  isInUse(resource: string): boolean;
  /** Setting: return instruments to local on detach. */
  localOnDetach(): boolean;
  /** Rate a person asked of a channel, Hz. */
  rateOf(instrument: string, channel: string): number | undefined;
  /** Rate that watches want of a channel while they are open, Hz; 0: none. */
  wantedHz(instrument: string, channel: string): number;
  declareChannels(attached: Attached, stream: string, columns: ColumnInfo[], rateHz: number): void;
  /** A setting of the instrument has taken these channels away. */
  dropChannels(attached: Attached, channels: string[]): void;
  declareWaveforms(attached: Attached, columns: ColumnInfo[]): void;
  /** Its state is to be shown again. */
  changed(attached: Attached): void;
  event(draft: EventDraft): void;
  /** Judges what might move an output. */
  readonly safety: SafetyHost;
  exchanged(instrument: string, exchange: Exchange): void;
}
