import type { Right } from '../../contract/calls.ts';
import { accessibleChannels, canBroadcast, NEUROGRAPH_CHANNELS } from '../../protocol/lab/neurograph-role.ts';

/** Who somebody is to the hub, in the order screens list them. */
export const HUB_ROLES = ['admin', 'developer', 'viewer', 'bot', 'anonymous'] as const;
export type HubRole = (typeof HUB_ROLES)[number];

/** Roles a user or an API key can have: nobody is anonymous by name. */
export const NAMED_ROLES = ['admin', 'developer', 'viewer', 'bot'] as const;
export type NamedRole = (typeof NAMED_ROLES)[number];

/** Channels of the laboratory, beside the six of NeuroGraph. */
export const LAB_CHANNELS = ['alarms', 'readings', 'acquisition', 'control', 'recordings'] as const;

export const HUB_CHANNELS = [...NEUROGRAPH_CHANNELS, ...LAB_CHANNELS] as const;
export type HubChannel = (typeof HUB_CHANNELS)[number];

export interface RoleOptions {
  /** Whether who has no login may read values. Default false. */
  anonymousReadings?: boolean | undefined;
}

/** `can_subscribe` and `can_broadcast` of one channel, as `capabilities` of labwire.1 says them. */
export interface ChannelRight {
  name: HubChannel;
  canSubscribe: boolean;
  canBroadcast: boolean;
}

const NAMED: readonly HubRole[] = NAMED_ROLES;
const LAB_SUBSCRIBE: Readonly<Record<(typeof LAB_CHANNELS)[number], readonly HubRole[]>> = {
  alarms: NAMED,
  readings: NAMED,
  acquisition: ['admin', 'developer', 'bot'],
  control: ['admin', 'developer'],
  recordings: ['admin', 'developer'],
};

const RIGHTS: Readonly<Record<HubRole, readonly Right[]>> = {
  admin: ['view', 'control', 'manage'],
  developer: ['view', 'control'],
  viewer: ['view'],
  bot: ['view'],
  anonymous: ['view'],
};

function isLabChannel(channel: string): channel is (typeof LAB_CHANNELS)[number] {
  return (LAB_CHANNELS as readonly string[]).includes(channel);
}

/** SUBSCRIBE. A channel nobody knows is denied, as NeuroGraph does. */
export function maySubscribe(role: HubRole, channel: string, options: RoleOptions = {}): boolean {
  if (!isLabChannel(channel)) return accessibleChannels(role).includes(channel);
  if (channel === 'readings' && role === 'anonymous') return options.anonymousReadings === true;
  return LAB_SUBSCRIBE[channel].includes(role);
}

/** BROADCAST: the admin's alone, on every channel there is. */
export function mayBroadcast(role: HubRole, channel: string): boolean {
  return isLabChannel(channel) ? role === 'admin' : canBroadcast(role, channel);
}

/** Every channel with what the role may do there, in the order of HUB_CHANNELS. */
export function channelRights(role: HubRole, options: RoleOptions = {}): ChannelRight[] {
  return HUB_CHANNELS.map((name) => ({
    name,
    canSubscribe: maySubscribe(role, name, options),
    canBroadcast: mayBroadcast(role, name),
  }));
}

/** What of the asked channels a subscription gets, and what is denied; each once, in the order asked. */
export function admitChannels(
  role: HubRole,
  asked: readonly string[],
  options: RoleOptions = {},
): { allowed: string[]; denied: string[] } {
  const allowed: string[] = [];
  const denied: string[] = [];
  for (const channel of new Set(asked)) (maySubscribe(role, channel, options) ? allowed : denied).push(channel);
  return { allowed, denied };
}

/** Whether a role has a right of the engine's contract. What changes an instrument needs its lock as well. */
export function hasRight(role: HubRole, right: Right): boolean {
  return RIGHTS[role].includes(right);
}

/** Rights of the engine's contract a role has. */
export function rightsOf(role: HubRole): readonly Right[] {
  return RIGHTS[role];
}

/** A role by name; undefined for anything else. */
export function parseRole(text: string): NamedRole | undefined {
  return NAMED_ROLES.find((role) => role === text);
}

/** By what they may: each may all that the next one may. */
const STRENGTH: readonly NamedRole[] = ['admin', 'developer', 'bot', 'viewer'];

/** The one of two roles that may less. */
export function lesserRole(one: NamedRole, other: NamedRole): NamedRole {
  return STRENGTH.indexOf(one) >= STRENGTH.indexOf(other) ? one : other;
}
