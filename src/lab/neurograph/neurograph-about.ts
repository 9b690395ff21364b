import type { Finding, LabFeatures } from '../lab-server.ts';

export const NEUROGRAPH_FEATURES: LabFeatures = {
  compression: ['permessage-deflate', 'gzip', 'zlib', 'deflate'],
  priorities: [],
  recording: [],
  resume: false,
  acks: false,
  history: false,
  locks: false,
  // Its words are the server's own, whatever the channel.
  commands: false,
  console: true,
  alarms: false,
  jobs: false,
  stats: false,
  polling: true,
};

/** What is so on every server of this kind. */
export const NEUROGRAPH_FINDINGS: readonly Finding[] = [
  {
    feature: 'Session restoration',
    state: 'partly',
    text: 'A token restores who one was and what was subscribed, and replays nothing that was missed: that stays a gap. Labwire asks for the token up front, because the server sends none when a connection ends.',
  },
  {
    feature: 'Heartbeat',
    state: 'partly',
    text: 'The server asks each 30 s, takes the answer for an error, and never ends a silent connection. Labwire does not answer and asks by itself, once in 10 s.',
  },
  {
    feature: 'Rate limits',
    state: 'works',
    text: 'A request beyond the limit is dropped with the time to wait; Labwire sends it again then.',
  },
  {
    feature: 'Polling',
    state: 'partly',
    text: 'Without its socket the server counts connections and subscriptions only. The other metrics are missing meanwhile.',
  },
];

/** Denied everything, although logged in. */
export function deniedFinding(user: string): Finding {
  return {
    feature: 'Channels of this login',
    state: 'broken',
    text: `The server denies ${user === '' ? 'this login' : user} every channel, even those open to everybody: it takes the first scope of the token for the role. Log out to read what is open, or have a token made whose first scope is the role.`,
  };
}
