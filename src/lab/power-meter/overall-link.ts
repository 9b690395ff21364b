import type { LinkWord } from '../../core/link-word.ts';
import type { LinkSnapshot } from '../link-state.ts';

/** The worse a word, the earlier it stands: the server shows the worst of its streams. */
const WORST: readonly LinkWord[] = [
  'failed',
  'suspended',
  'reconnecting',
  'degraded',
  'connecting',
  'handshaking',
  'disconnected',
  'idle',
  'connected',
];

/**
 * One link of many sockets. Streams count before the health socket: while they deliver, a server that has no health socket is connected. With nothing wanted
 * the health socket tells, or REST where it answers.
 */
export function overallLink(
  health: LinkSnapshot,
  streams: readonly LinkSnapshot[],
  isAnswered: boolean,
  gate: { isClosed: boolean; isPaused: boolean },
): LinkSnapshot {
  if (gate.isPaused) return { ...health, word: 'disconnected', reason: 'Disconnected by hand.', streams: 0, polled: 0 };
  if (gate.isClosed && isAnswered) {
    const reason = 'The power meter is not connected to its server. Streams begin when it is.';
    return { ...health, word: 'disconnected', attempt: 0, nextTryMs: undefined, reason, ...totals(streams) };
  }
  if (streams.length === 0) {
    const isThere = health.word === 'connected' || health.word === 'degraded' || !isAnswered;
    return isThere ? health : { ...health, word: 'connected', attempt: 0, nextTryMs: undefined, reason: '' };
  }
  let worst = streams[0] ?? health;
  for (const link of streams) if (WORST.indexOf(link.word) < WORST.indexOf(worst.word)) worst = link;
  return { ...worst, ...totals(streams) };
}

function totals(streams: readonly LinkSnapshot[]): Pick<LinkSnapshot, 'streams' | 'polled' | 'pollS'> {
  const polled = streams.filter((link) => link.polled > 0);
  return {
    streams: streams.reduce((sum, link) => sum + link.streams, 0),
    polled: polled.reduce((sum, link) => sum + link.polled, 0),
    pollS: polled.length > 0 ? Math.min(...polled.map(({ pollS }) => pollS)) : 0,
  };
}
