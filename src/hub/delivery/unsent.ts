import type { FrameSkip } from '../../protocol/lab/labwire-frame.ts';
import type { DeliverySource } from './delivery-source.ts';
import type { OutboundMessage } from './outbound-message.ts';

/** What a connection that ended did not deliver for certain. */
export interface Unsent {
  /** Waiting messages and all events without an acknowledgement, in the order they came; `skipped`: left out just before. */
  messages: { message: OutboundMessage; skipped: FrameSkip | undefined }[];
  /** Left out after the last message of a key. */
  skips: [key: string, skip: FrameSkip][];
  /** Rings read by cursor and transfers, where they stand. */
  sources: DeliverySource[];
}
