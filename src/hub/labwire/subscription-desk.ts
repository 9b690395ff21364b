import { LabError } from '../../core/errors.ts';
import type { Principal } from '../access/principal.ts';
import {
  admitChannels,
  channelRights,
  HUB_CHANNELS,
  type HubChannel,
  mayBroadcast,
  maySubscribe,
} from '../access/role.ts';
import type { ChannelEvent } from '../channels/channel-desk.ts';
import type { LabwireRoom } from './labwire-room.ts';
import type { LabwireSession } from './labwire-session.ts';

export interface SubscriptionHost {
  readonly room: LabwireRoom;
  readonly session: LabwireSession;
  readonly principal: Principal;
  tell(event: ChannelEvent): void;
}

/** Channels of one client. */
export class SubscriptionDesk {
  readonly #host: SubscriptionHost;

  constructor(host: SubscriptionHost) {
    this.#host = host;
  }

  /** Joins channels the role may hear, and tells what stands there; the others are named. */
  join(wanted: readonly string[]): { channels: string[]; denied: string[] } {
    const { session, principal, room } = this.#host;
    const { allowed: channels, denied } = admitChannels(principal.role, wanted, room.parts.roles);
    for (const channel of channels) {
      if (session.channels.has(channel)) continue;
      session.channels.add(channel);
      room.parts.metrics.neurograph.subscribed(channel);
      for (const event of room.channels.standing(channel)) this.#host.tell(event);
    }
    return { channels, denied };
  }

  leave(channels: readonly string[]): void {
    const { session, room } = this.#host;
    for (const channel of channels)
      if (session.channels.delete(channel)) room.parts.metrics.neurograph.unsubscribed(channel);
  }

  /** A session hears exactly these from now on, as far as the role of now may. */
  desire(wanted: readonly string[]): { channels: string[]; denied: string[] } {
    const { session, principal, room } = this.#host;
    for (const channel of [...session.channels]) {
      const isKept = wanted.includes(channel) && maySubscribe(principal.role, channel, room.parts.roles);
      if (isKept) room.parts.metrics.neurograph.subscribed(channel);
      else session.channels.delete(channel);
    }
    return this.join(wanted);
  }

  /** Gives how many get it. Throws hub.forbidden. */
  broadcast(channel: string, eventType: string, data: unknown): number {
    const { principal, room } = this.#host;
    const known = HUB_CHANNELS.find((name): name is HubChannel => name === channel);
    if (!known || !mayBroadcast(principal.role, channel))
      throw new LabError(
        'hub.forbidden',
        `${principal.name} may not send to channel ${channel.slice(0, 100)}. Nothing was sent; only an admin may.`,
      );
    const { clock, metrics } = room.parts;
    const beganMs = clock.monotonicMs();
    const heard = room.channels.publish(known, eventType, data);
    metrics.neurograph.broadcast(channel, (clock.monotonicMs() - beganMs) / 1000);
    return heard;
  }
}

/** What a role may do with each channel, as clients are told. */
export function channelsFor(
  role: Principal['role'],
  roles: LabwireRoom['parts']['roles'],
): { name: string; can_subscribe: boolean; can_broadcast: boolean }[] {
  return channelRights(role, roles).map(({ name, canSubscribe, canBroadcast }) => ({
    name,
    can_subscribe: canSubscribe,
    can_broadcast: canBroadcast,
  }));
}
