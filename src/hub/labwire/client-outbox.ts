import type { WebSocket } from 'ws';
import { encodeBatch } from '../../protocol/lab/labwire-frame.ts';
import { deliveryOptions, NATIVE_DELIVERY } from '../delivery/delivery-options.ts';
import type { DeliveryState } from '../delivery/delivery-report.ts';
import { Outbox } from '../delivery/outbox.ts';
import { createSocketWire } from '../server/socket-wire.ts';
import { microsOf } from '../server-time.ts';
import type { LabwireRoom } from './labwire-room.ts';
import type { Body, SendOptions } from './outgoing.ts';

/** Messages and bytes of one socket, both ways. */
export interface TrafficCounts {
  sent: number;
  received: number;
  bytesSent: number;
  bytesReceived: number;
}

export interface ClientOutboxHost {
  id: string;
  socket: WebSocket;
  counts: TrafficCounts;
  /** Whether text is deflated by the socket. */
  isCompressed(): boolean;
  say(body: Body, options: SendOptions): void;
}

/** The outbox of one client on its socket: counts what goes, and tells the client what is left out. */
export function createClientOutbox({ parts }: LabwireRoom, host: ClientOutboxHost): Outbox {
  const { id, socket, counts } = host;
  let state: DeliveryState = 'NORMAL';
  const wire = createSocketWire(socket, () => outbox.writable());
  const outbox: Outbox = new Outbox(
    {
      send(data, { compress }) {
        counts.sent++;
        counts.bytesSent += typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength;
        wire.send(data, { compress: compress && host.isCompressed() });
      },
      get bufferedBytes() {
        return wire.bufferedBytes;
      },
      close: (code, reason) => wire.close(code, reason),
    },
    {
      clock: parts.clock,
      budget: parts.queues,
      random: Math.random,
      options: deliveryOptions(NATIVE_DELIVERY, {
        maxMessages: parts.limits.queueItems,
        ...(parts.limits.messageRate === undefined ? {} : { rate: parts.limits.messageRate ?? undefined }),
      }),
      joinFrames: encodeBatch,
      onReport(report) {
        if (report.state !== state && report.state !== 'NORMAL')
          parts.metrics.pressed(report.state === 'EMERGENCY' ? 'emergency' : 'backpressure');
        state = report.state;
        const { sinceNs, by_class, by_stream } = report;
        host.say(
          { type: 'drop_report', state, since: microsOf(sinceNs), by_class, by_stream },
          { delivery: 'latest', priority: 'HIGH' },
        );
      },
      onUndelivered({ key, id: event }) {
        parts.log.write('warning', 'event.undelivered', { client: id, channel: key, event });
        parts.metrics.neurograph.overflowed(id, 1);
        host.say({ type: 'undelivered', ids: event === undefined ? [] : [event], n: 1 }, { delivery: 'latest' });
      },
      onFault: (error) => parts.log.write('error', 'labwire.encode', { client: id, why: error.message }),
    },
  );
  return outbox;
}
