import type { ReactElement } from 'react';
import { Icon } from '../control/icon.tsx';
import { benchStore } from '../engine-link.ts';
import { useSeconds } from '../frame/link-badge.tsx';
import { showDialog } from '../screen-store.ts';
import { useStore } from '../store.ts';
import { plural } from '../text-format.ts';
import { armedText } from './armed-text.ts';

/** Beside Outputs off: whether something is protected, and whether it is armed. */
export function SafetyButton(): ReactElement {
  const safety = useStore(benchStore, (bench) => bench?.safety);
  const armed = safety?.armed ?? [];
  const [first] = armed;
  useSeconds(armed.some(({ untilNs }) => untilNs !== null));
  const count = safety?.devices.length ?? 0;
  const word = first ? armedText(first, Date.now()) : count > 0 ? plural(count, 'limit') : 'Limits';
  return (
    <button
      type="button"
      className="btn safety-button"
      data-armed={armed.length > 0}
      data-testid="safety"
      title="What the devices under test stand"
      onClick={() => showDialog({ kind: 'safety' })}
    >
      <Icon name="shield" />
      {word}
      {armed.length > 1 ? ` +${armed.length - 1}` : ''}
    </button>
  );
}
