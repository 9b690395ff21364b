import type { LinkWord } from '../../core/link-word.ts';
import type { LinkSnapshot } from '../link-state.ts';
import type { LinkMachine } from './link-machine.ts';
import type { LinkRules } from './link-rules.ts';

/** What streams have to know of their link: `trying` may come back in a moment, `down`: poll at once, `stopped`: by the person, nothing is asked. */
export type LinkHealth = 'live' | 'trying' | 'down' | 'stopped';

/** Failed tries after which streams are polled whatever their interval. */
const POLL_AFTER_FAILURES = 2;

export function linkHealth(link: LinkMachine): LinkHealth {
  switch (link.phase) {
    case 'ready':
      return 'live';
    case 'idle':
    case 'disconnected':
      return 'stopped';
    case 'off':
    case 'failed':
      return 'down';
    default:
      return link.failures >= POLL_AFTER_FAILURES ? 'down' : 'trying';
  }
}

/** The word of the screen. A try under way keeps the word of the wait before it, so that nothing flickers. */
export function linkWord(link: LinkMachine, rules: LinkRules): LinkWord {
  const { phase, attempt, summary } = link;
  if (phase === 'idle' || phase === 'disconnected') return phase;
  if (phase === 'off' || summary.polled > 0) return 'degraded';
  if (phase === 'ready') return summary.silent > 0 ? 'degraded' : 'connected';
  if (phase === 'failed') return 'failed';
  if (attempt > rules.maxAttempts) return 'suspended';
  if (attempt > 0) return 'reconnecting';
  return phase === 'handshaking' ? 'handshaking' : 'connecting';
}

/** What is shown; `sinceMs` is kept by the caller. */
export function linkSnapshot(link: LinkMachine, rules: LinkRules, sinceMs: number): LinkSnapshot {
  const word = linkWord(link, rules);
  return {
    word,
    attempt: link.phase === 'ready' ? 0 : link.attempt,
    maxAttempts: rules.maxAttempts,
    nextTryMs: link.phase === 'waiting' ? link.dueMs.exit : undefined,
    streams: link.summary.streams,
    polled: link.summary.polled,
    pollS: link.summary.pollS,
    reason: word === 'connected' ? '' : link.reason || silence(link),
    error: link.error?.toJSON(),
    sinceMs,
  };
}

function silence({ phase, summary: { silent, polled, streams } }: LinkMachine): string {
  if (phase !== 'ready') return '';
  if (silent > 0) return `${silent} of ${streams} streams give nothing.`;
  return polled > 0 ? `${polled} of ${streams} streams give nothing live; they are polled.` : '';
}
