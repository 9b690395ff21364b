/**
 * Where the link to a lab server is. `connected`: every stream delivers live; `degraded`: the socket is missing or some streams are polled;
 * `suspended`: the tries failed, one every 30 s goes on; `disconnected`: by the person, or put out by another window; `failed`: no try would help.
 */
export const LINK_WORDS = [
  'idle',
  'connecting',
  'handshaking',
  'connected',
  'degraded',
  'reconnecting',
  'suspended',
  'disconnected',
  'failed',
] as const;
export type LinkWord = (typeof LINK_WORDS)[number];

/** How a stretch of rows came from a server. Kept with the rows as the column `~source`: 0, 1, 2. */
export type RowSource = 'live' | 'polled' | 'filled';

/** The number of a source in the column `~source`. */
export const SOURCE_CODE: Readonly<Record<RowSource, number>> = { live: 0, polled: 1, filled: 2 };

/** What the words of a link are made of. */
export interface LinkFacts {
  word: LinkWord;
  attempt: number;
  maxAttempts: number;
  streams: number;
  polled: number;
  pollS: number;
  reason: string;
}

/** The words of the screen for a link: those of the power-meter client, never colour alone. */
export function linkLabel(link: Pick<LinkFacts, 'word' | 'attempt' | 'maxAttempts' | 'streams'>): string {
  switch (link.word) {
    case 'idle':
    case 'suspended':
    case 'disconnected':
      return 'Disconnected';
    case 'connecting':
    case 'handshaking':
      return 'Checking';
    case 'connected':
      return link.streams > 0 ? 'Live Data' : 'Connected';
    case 'degraded':
      return 'Connected';
    case 'reconnecting':
      return `Reconnecting (${link.attempt}/${link.maxAttempts})`;
    case 'failed':
      return 'Service Unavailable';
  }
}

export type LinkTone = 'grey' | 'green' | 'blue' | 'amber' | 'red';

/** The badge of a link: its text and its tone. `inS`: whole seconds until the next try, if one waits. */
export function linkBadge(link: LinkFacts, inS?: number): { text: string; tone: LinkTone } {
  const wait = inS === undefined ? '' : ` in ${inS} s`;
  switch (link.word) {
    case 'idle':
    case 'disconnected':
      return { text: 'Local only', tone: 'grey' };
    case 'connecting':
    case 'handshaking':
      return { text: 'Connecting', tone: 'grey' };
    case 'connected':
      return { text: 'Live', tone: 'green' };
    case 'degraded': {
      const some = link.polled > 0 && link.polled < link.streams ? ` (${link.polled} of ${link.streams} streams)` : '';
      return { text: link.pollS > 0 ? `Polling ${link.pollS} s${some}` : 'Polling', tone: 'blue' };
    }
    case 'reconnecting':
      return { text: `Reconnecting ${link.attempt}/${link.maxAttempts}${wait}`, tone: 'amber' };
    case 'suspended':
      return { text: 'Offline, retrying', tone: 'amber' };
    case 'failed':
      // The whole of it stands beside; a badge has room for its first words.
      return { text: `Failed: ${link.reason.split(/[.,:;]/, 1)[0]?.slice(0, 60) ?? ''}`, tone: 'red' };
  }
}
