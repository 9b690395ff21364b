/** The six channels of NeuroGraph, in its own order. */
export const NEUROGRAPH_CHANNELS = ['metrics', 'signals', 'actions', 'logs', 'status', 'connections'] as const;

/** Who may subscribe to what (seed 002). Broadcasting is the admin's alone. */
const SUBSCRIBE: Readonly<Record<string, readonly string[]>> = {
  admin: NEUROGRAPH_CHANNELS,
  developer: ['metrics', 'signals', 'actions', 'logs', 'status'],
  viewer: ['metrics', 'status'],
  bot: ['metrics', 'signals', 'status'],
  anonymous: ['metrics', 'status'],
};

/** Channels a role may subscribe to; a role that is none of the five (`tokens:read`) may nothing. `undefined` is nobody's token: anonymous. */
export function accessibleChannels(role: string | undefined): readonly string[] {
  return SUBSCRIBE[role ?? 'anonymous'] ?? [];
}

/** Whether a role may send to a channel. */
export function canBroadcast(role: string | undefined, channel: string): boolean {
  return role === 'admin' && (NEUROGRAPH_CHANNELS as readonly string[]).includes(channel);
}

/** A bucket: `capacity` messages at once (burst included), then `perS` a second. */
export interface NeurographRate {
  capacity: number;
  perS: number;
}

const BURST = 20;

/** Limits of the server for one message type of one client; each type has its own bucket. */
export function neurographRate(type: string): NeurographRate {
  switch (type) {
    case 'ping':
      return { capacity: 120 + BURST, perS: 2 };
    case 'subscribe':
    case 'unsubscribe':
      return { capacity: 30 + BURST, perS: 1 };
    case 'get_subscriptions':
      return { capacity: 10 + BURST, perS: 0.5 };
    default:
      return { capacity: 60 + BURST, perS: 10 };
  }
}
