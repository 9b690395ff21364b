import type { FrameSkip } from '../../protocol/lab/labwire-frame.ts';
import type { DeliverySource } from './delivery-source.ts';
import type { OutboundMessage } from './outbound-message.ts';

export interface UnsentMessage {
  message: OutboundMessage;
  /** Left out just before it. */
  skipped: FrameSkip | undefined;
  /** An event whose number was told before: it went and may have arrived, or it was called left out and held. It goes outside the order of its key. */
  isKnown: boolean;
}

/** What a connection that ended did not deliver for certain. */
export interface Unsent {
  /** Waiting messages and all events without an acknowledgement, in the order they came. */
  messages: UnsentMessage[];
  /** Left out after the last message of a key. */
  skips: [key: string, skip: FrameSkip][];
  /** Rings read by cursor and transfers, where they stand. */
  sources: DeliverySource[];
}
