import type { ReactElement } from 'react';
import { act } from '../actions.ts';
import { Icon } from '../control/icon.tsx';
import { MenuItem, Popover } from '../control/popover.tsx';
import { benchStore } from '../engine-link.ts';
import { showDialog } from '../screen-store.ts';
import { useStore } from '../store.ts';
import { formatAgo, msOf } from '../text-format.ts';
import { useSeconds } from './link-badge.tsx';

/** The bench file: its name, when it was saved, and what one does with files. */
export function BenchTitle(): ReactElement {
  const bench = useStore(benchStore, (state) => state?.bench);
  useSeconds(bench !== undefined);
  const saved = bench?.error
    ? 'not saved'
    : bench?.savedNs
      ? `saved ${formatAgo(msOf(bench.savedNs))}`
      : 'not saved yet';
  return (
    <Popover
      menu
      className="bench-title"
      testId="bench-menu"
      label={`Bench file: ${bench?.name ?? ''}`}
      title={bench?.path ?? 'Kept in the data folder until it is saved under a name'}
      button={
        <>
          <b className="cut">{bench?.name ?? 'Labwire'}</b>
          <small className="cut">{bench ? `bench file ${saved}` : ''}</small>
          <Icon name="down" />
        </>
      }
    >
      {(close) => {
        const pick = (run: () => void) => () => {
          close();
          run();
        };
        return (
          <>
            <MenuItem onPick={pick(() => showDialog({ kind: 'bench', action: 'new' }))}>New bench…</MenuItem>
            <MenuItem onPick={pick(() => showDialog({ kind: 'bench', action: 'open' }))}>Open…</MenuItem>
            <MenuItem onPick={pick(() => void act('bench.save', {}))}>Save now</MenuItem>
            <MenuItem onPick={pick(() => showDialog({ kind: 'bench', action: 'saveAs' }))}>Save as…</MenuItem>
            <MenuItem onPick={pick(() => showDialog({ kind: 'bench', action: 'rename' }))}>Rename…</MenuItem>
          </>
        );
      }}
    </Popover>
  );
}

/** A bench file that cannot be written is said until it can. */
export function BenchFileStrip(): ReactElement | null {
  const error = useStore(benchStore, (state) => state?.bench.error);
  if (!error) return null;
  return (
    <div className="strip-line warn" role="alert">
      <b>Bench file not saved</b>
      <p>
        {error.message} <code className="num quiet">{error.code}</code>
      </p>
      <button type="button" className="btn small" onClick={() => void act('bench.save', {})}>
        Try again
      </button>
      <button type="button" className="btn small" onClick={() => showDialog({ kind: 'bench', action: 'saveAs' })}>
        Save as…
      </button>
    </div>
  );
}
