import type { ReactElement } from 'react';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import { act, toast } from '../actions.ts';
import { Icon } from '../control/icon.tsx';
import { MenuItem, Popover } from '../control/popover.tsx';
import { showConsole, showDialog } from '../screen-store.ts';
import { titleOf } from './instrument-words.ts';

async function detach(instrument: InstrumentState): Promise<void> {
  const done = await act('instrument.close', { instrument: instrument.id });
  if (!done) return;
  toast({
    severity: 'done',
    text: `${titleOf(instrument)} is detached; its outputs stay as they are.`,
    action: { label: 'Attach again', run: () => void act('instrument.open', { resource: instrument.resource }) },
  });
}

/** What one does with an attached instrument beside its controls. */
export function CardMenu({ instrument }: { instrument: InstrumentState }): ReactElement {
  return (
    <Popover
      menu
      align="end"
      className="btn icon"
      label={`${titleOf(instrument)}: more`}
      testId="card-menu"
      button={<Icon name="more" />}
    >
      {(close) => {
        const pick = (run: () => void) => () => {
          close();
          run();
        };
        const { id } = instrument;
        return (
          <>
            <MenuItem onPick={pick(() => showDialog({ kind: 'channels', instrument: id }))}>Channels…</MenuItem>
            <MenuItem onPick={pick(() => showDialog({ kind: 'exchanges', instrument: id }))}>Last exchanges…</MenuItem>
            <MenuItem onPick={pick(() => showConsole(id))}>Open in console</MenuItem>
            <MenuItem onPick={pick(() => void act('instrument.refresh', { instrument: id }))}>
              Read settings again
            </MenuItem>
            <MenuItem onPick={pick(() => showDialog({ kind: 'rename', instrument: id }))}>Rename…</MenuItem>
            <hr />
            <MenuItem danger onPick={pick(() => void detach(instrument))}>
              Detach
            </MenuItem>
          </>
        );
      }}
    </Popover>
  );
}
