import type { ShareConnection, ShareProfile, ShareRole, ShareState } from '../../contract/share-schema.ts';

export type ShareTone = 'idle' | 'ok' | 'info' | 'warn' | 'bad';

export const STATE_WORDS: Record<ShareState['state'], { word: string; tone: ShareTone }> = {
  off: { word: 'Off', tone: 'idle' },
  starting: { word: 'Starting', tone: 'info' },
  on: { word: 'Shared', tone: 'ok' },
  failed: { word: 'Not shared', tone: 'bad' },
};

/** Roles a user can have: nobody is anonymous by name. */
export const NAMED_ROLES = ['admin', 'developer', 'viewer', 'bot'] as const satisfies readonly ShareRole[];
export type NamedRole = (typeof NAMED_ROLES)[number];

/** What each role may, shortly. */
export const ROLE_HINTS: Record<NamedRole, string> = {
  admin: 'Sees everything, works the instruments, and manages bench and users.',
  developer: 'Sees everything and works the instruments.',
  viewer: 'Sees values, alarms and states, and changes nothing.',
  bot: 'A program: sees values and alarms, takes part in acquisitions, and changes no instrument.',
};

export const PROFILE_WORDS: Record<ShareProfile, string> = {
  native: 'Labwire, all surfaces',
  lablink: 'LabLink',
  'power-meter': 'Power meter',
  neurograph: 'NeuroGraph',
};

/** Of a connection: a word and a tone, never the tone alone. */
export const CONNECTION_WORDS: Record<
  ShareConnection['state'],
  { word: string; tone: '' | 'ok' | 'warn' | 'bad'; about: string }
> = {
  greeting: { word: 'coming in', tone: '', about: 'It has not said who it is yet.' },
  normal: { word: 'keeps up', tone: 'ok', about: 'It takes everything as it is measured.' },
  backpressure: {
    word: 'behind',
    tone: 'warn',
    about: 'It takes less than is measured: values are merged or thinned out for it, and it is told so.',
  },
  emergency: {
    word: 'far behind',
    tone: 'bad',
    about: 'Its queue is nearly full: it gets the newest values and what matters, and is told what it misses.',
  },
  lost: { word: 'lost', tone: 'warn', about: 'Its connection broke. It may come back and get what it missed.' },
};

/** Why nothing can be changed here; undefined: it can. */
export function lockedReason(link: string, rights: readonly string[] | undefined): string | undefined {
  if (link !== 'live')
    return 'The engine is not reached now, so nothing can be changed. What is shown is what was last known.';
  if (rights?.includes('manage')) return undefined;
  return 'This screen may look and not manage, so nothing can be changed here. Sharing goes on as it is; open Labwire at the bench, or log in as an admin.';
}
