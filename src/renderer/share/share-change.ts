import type { ShareSettings } from '../../contract/share-schema.ts';
import { LabError } from '../../core/errors.ts';
import { benchStore, call } from '../engine-link.ts';

let turn: Promise<void> = Promise.resolve();

/**
 * Changes some of how the bench is shared; the rest goes along as it is. One after the other, for the settings are sent whole: a change
 * that did not wait for the one before would take it back. Throws what `settings.set` throws.
 */
export function changeShare(change: (share: ShareSettings) => Partial<ShareSettings>): Promise<void> {
  const done = turn.then(async () => {
    const share = benchStore.get()?.settings.share;
    if (!share) throw new LabError('link.closed', 'The bench is not known yet, so nothing was changed. Try again.');
    // The event with the new settings comes before the answer.
    await call('settings.set', { share: { ...share, ...change(share) } });
  });
  turn = done.catch(() => undefined);
  return done;
}
