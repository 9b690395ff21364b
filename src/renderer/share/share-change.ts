import type { ShareSettings } from '../../contract/share-schema.ts';
import { LabError } from '../../core/errors.ts';
import { benchStore, call } from '../engine-link.ts';

/** Changes some of how the bench is shared; the rest goes along as it is. Throws what `settings.set` throws. */
export async function changeShare(change: Partial<ShareSettings>): Promise<void> {
  const bench = benchStore.get();
  if (!bench) throw new LabError('link.closed', 'The bench is not known yet, so nothing was changed. Try again.');
  await call('settings.set', { share: { ...bench.settings.share, ...change } });
}
