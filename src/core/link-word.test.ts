import { expect, it } from 'vitest';
import { LINK_WORDS, type LinkFacts, linkBadge, linkLabel } from './link-word.ts';

const FACTS: LinkFacts = {
  word: 'idle',
  attempt: 3,
  maxAttempts: 10,
  streams: 2,
  polled: 0,
  pollS: 1,
  reason: 'The login ended. Log in.',
};

it('124 says each state in the words of the power-meter client, with a tone beside, never the tone alone', () => {
  const said = LINK_WORDS.map((word) => {
    const facts = { ...FACTS, word, polled: word === 'degraded' ? 1 : 0 };
    const { text, tone } = linkBadge(facts, word === 'reconnecting' ? 4 : undefined);
    return `${word}: ${linkLabel(facts)} | ${text} | ${tone}`;
  });
  expect(said).toEqual([
    'idle: Disconnected | Local only | grey',
    'connecting: Checking | Connecting | grey',
    'handshaking: Checking | Connecting | grey',
    'connected: Live Data | Live | green',
    'degraded: Connected | Polling 1 s (1 of 2 streams) | blue',
    'reconnecting: Reconnecting (3/10) | Reconnecting 3/10 in 4 s | amber',
    'suspended: Disconnected | Offline, retrying | amber',
    'disconnected: Disconnected | Local only | grey',
    'failed: Service Unavailable | Failed: The login ended | red',
  ]);
});

it('110 the last of the tries says so, and without streams there are no live data', () => {
  expect(linkLabel({ ...FACTS, word: 'reconnecting', attempt: 10 })).toBe('Reconnecting (10/10)');
  expect(linkLabel({ ...FACTS, word: 'connected', streams: 0 })).toBe('Connected');
});
