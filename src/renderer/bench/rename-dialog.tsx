import { type FormEvent, type ReactElement, useState } from 'react';
import { act } from '../actions.ts';
import { Dialog } from '../control/dialog.tsx';
import { benchStore } from '../engine-link.ts';
import { closeDialog } from '../screen-store.ts';

/** The name of an instrument on this bench. */
export function RenameDialog({ instrument }: { instrument: string }): ReactElement {
  const [label, setLabel] = useState(
    () => benchStore.get()?.instruments.find((item) => item.id === instrument)?.label ?? '',
  );
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (await act('instrument.rename', { instrument, label: label.trim() })) closeDialog();
  };
  return (
    <Dialog title="Rename instrument" onClose={closeDialog}>
      <form onSubmit={(event) => void submit(event)}>
        <div className="dialog-body">
          <div className="field">
            <label htmlFor="instrument-label">Name on this bench</label>
            <input
              id="instrument-label"
              className="input"
              value={label}
              maxLength={200}
              onChange={(event) => setLabel(event.target.value)}
            />
          </div>
        </div>
        <footer className="dialog-foot">
          <span className="grow" />
          <button type="button" className="btn" onClick={closeDialog}>
            Cancel
          </button>
          <button type="submit" className="btn primary" disabled={!label.trim()}>
            Rename
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
