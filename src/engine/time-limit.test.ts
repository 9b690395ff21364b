import { getEventListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { timeLimit } from './time-limit.ts';

it('comes though garbage is collected meanwhile; disposed it leaves nothing', async () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const outer = new AbortController();
  const ended = new Promise<unknown>((resolve) => {
    const { signal } = timeLimit(100, outer.signal);
    signal.addEventListener('abort', () => resolve(signal.reason));
  });
  for (let round = 0; round < 5; round++) {
    await new Promise((resolve) => setImmediate(resolve));
    gc();
  }
  expect(await ended).toMatchObject({ name: 'TimeoutError' });
  const unused = timeLimit(60_000, outer.signal);
  unused[Symbol.dispose]();
  outer.abort();
  expect(unused.signal.aborted).toBe(false);
});

it('ends with the outer signal, with its reason, and at once when that has aborted', () => {
  const outer = new AbortController();
  using limit = timeLimit(60_000, outer.signal);
  expect(getEventListeners(outer.signal, 'abort')).toHaveLength(1);
  outer.abort('enough');
  expect(limit.signal.reason).toBe('enough');
  using late = timeLimit(60_000, outer.signal);
  expect(late.signal.aborted).toBe(true);
});
