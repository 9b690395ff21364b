import { expect, test } from 'vitest';
import { shareConnection, shareProfile, shareState } from '../../contract/share-schema.ts';
import { CONNECTION_WORDS, lockedReason, PROFILE_WORDS, STATE_WORDS } from './share-words.ts';

test('who may manage changes it while the engine is reached; everybody else is told why not', () => {
  expect(lockedReason('live', ['view', 'control', 'manage'])).toBeUndefined();
  expect(lockedReason('live', ['view', 'control'])).toMatch(/may look and not manage/);
  expect(lockedReason('live', undefined)).toMatch(/not manage/);
  for (const link of ['connecting', 'reconnecting', 'failed'])
    expect(lockedReason(link, ['view', 'control', 'manage'])).toMatch(/engine is not reached/);
});

test('everything the contract can say has a word of its own', () => {
  for (const [words, names] of [
    [Object.entries(STATE_WORDS).map(([name, { word }]) => [name, word]), shareState.shape.state.options],
    [Object.entries(CONNECTION_WORDS).map(([name, { word }]) => [name, word]), shareConnection.shape.state.options],
    [Object.entries(PROFILE_WORDS), shareProfile.options],
  ] as const) {
    expect(words.map(([name]) => name)).toEqual(names);
    expect(new Set(words.map(([, word]) => word)).size).toBe(names.length);
  }
});
