import type { FrameSkip } from '../../protocol/lab/labwire-frame.ts';
import { type Priority, priorityOfType } from '../../protocol/lab/priority.ts';
import type { ChannelEvent } from '../channels/channel-desk.ts';
import type { DeliveryClass, Encoded, OutboundMessage } from '../delivery/outbound-message.ts';

export type Body = { type: string } & Record<string, unknown>;

export interface SendOptions {
  /** Default: the type. */
  key?: string;
  /** Default: `reply`. */
  delivery?: DeliveryClass;
  /** Default: that of the type. */
  priority?: Priority;
  /** What an event is acknowledged by. */
  id?: string;
}

/** A message of text for the outbox. `skipped`: told in it, where items of its key were left out. */
export function textMessage(body: Body, { key, delivery = 'reply', priority, id }: SendOptions = {}): OutboundMessage {
  const text = JSON.stringify(body);
  return {
    key: key ?? body.type,
    delivery,
    priority: priority ?? priorityOfType(body.type),
    rows: 0,
    sizeBytes: text.length,
    ...(id === undefined ? {} : { id }),
    // The body is not kept: thousands of these may wait.
    encode: (skipped: FrameSkip | undefined) => (skipped ? withSkipped(text, skipped) : text),
  };
}

/** Written at the end of an object that has members already. */
function withSkipped(text: string, skipped: FrameSkip): string {
  return `${text.slice(0, -1)},"skipped":${JSON.stringify(skipped)}}`;
}

/** Key of the events of a channel, before its name. */
export const LANE = 'channel ';

/** Messages of events that are alive, for clients that acknowledge and for those that do not: written once and one object, however many clients it waits for. */
const eventMessages = { acked: new WeakMap<Body, OutboundMessage>(), plain: new WeakMap<Body, OutboundMessage>() };

/** An event of a channel for the outbox. `isAcked`: the client acknowledges events by their ids. */
export function eventMessage(
  { channel, id, priority, delivery, body }: ChannelEvent,
  isAcked: boolean,
): OutboundMessage {
  const known = eventMessages[isAcked ? 'acked' : 'plain'];
  const found = known.get(body);
  if (found) return found;
  const message = {
    ...textMessage(body, { key: `${LANE}${channel}`, delivery, priority, ...(isAcked ? { id } : {}) }),
    isShared: true,
  };
  known.set(body, message);
  return message;
}

/** Bytes or text that are made already, in order with others of their key. */
export function readyMessage(data: Encoded, key: string, priority: Priority): OutboundMessage {
  return { key, delivery: 'reply', priority, rows: 0, sizeBytes: data.length, encode: () => data };
}
