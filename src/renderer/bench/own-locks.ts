import { act } from '../actions.ts';
import { createStore } from '../store.ts';

/** Locks of instruments that belong to this screen, by id. Gone when the page is loaded anew: they run out by themselves. */
export const ownLocks = createStore<ReadonlySet<string>>(new Set());

/** Ends the lock of somebody else and has the instrument instead, for five minutes. */
export async function takeOver(lock: string): Promise<void> {
  const done = await act('lock.force', { lock, take: { holder: 'this screen' } });
  const { taken } = done ?? {};
  if (taken) ownLocks.update((own) => new Set([...own, taken.lock]));
}

/** Gives it back to everybody, or to the next who waits. */
export async function release(lock: string): Promise<void> {
  await act('lock.release', { lock });
  ownLocks.update((own) => new Set([...own].filter((id) => id !== lock)));
}
