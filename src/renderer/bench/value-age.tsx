import type { ReactElement } from 'react';
import type { ChannelState } from '../../contract/instrument-schema.ts';
import { useSeconds } from '../frame/link-badge.tsx';
import { latestValues } from '../latest-values.ts';
import { formatLeft } from '../text-format.ts';

/** How old the values are that stay, greyed, on the card of an instrument that gives none now; nothing while it never gave any. */
export function ValueAge({ channels }: { channels: readonly ChannelState[] }): ReactElement | null {
  useSeconds(true);
  const timesNs = channels.flatMap(({ id }) => latestValues.get(id)?.timeNs ?? []);
  if (timesNs.length === 0) return null;
  const newestNs = timesNs.reduce((newest, timeNs) => (timeNs > newest ? timeNs : newest));
  const seconds = Math.max(0, Date.now() / 1000 - Number(newestNs / 1_000_000n) / 1000);
  return (
    <span className="value-age num" data-testid="value-age" title="Age of the values shown">
      {formatLeft(seconds)} old
    </span>
  );
}
