import type { ReactElement } from 'react';
import { Icon } from '../control/icon.tsx';
import { benchStore } from '../engine-link.ts';
import { showDialog } from '../screen-store.ts';
import { useStore } from '../store.ts';

/** In the status bar while the bench is shared, or should be: with how many; a click opens the dialog. */
export function ShareSign(): ReactElement | null {
  const state = useStore(benchStore, (bench) => bench?.share.state ?? 'off');
  const count = useStore(
    benchStore,
    (bench) => bench?.share.connections.filter(({ state }) => state !== 'lost').length ?? 0,
  );
  if (state === 'off') return null;
  const text = { starting: 'sharing starts', on: 'shared', failed: 'not shared' }[state];
  const title = {
    starting: 'The hub starts',
    on: `This bench is shared, ${count} connected`,
    failed: 'This bench is not shared; a click says why',
  }[state];
  return (
    <button
      type="button"
      className="share-sign"
      data-state={state}
      data-testid="share-sign"
      title={title}
      onClick={() => showDialog({ kind: 'share', tab: state === 'on' ? 'connections' : 'setup' })}
    >
      <Icon name={state === 'failed' ? 'warning' : 'share'} />
      {text} {state === 'on' && <b>{count}</b>}
      {state === 'on' && <span className="sr-only"> connected</span>}
    </button>
  );
}
