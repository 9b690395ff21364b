import { type FormEvent, type ReactElement, useEffect, useState } from 'react';
import { LabError } from '../../core/errors.ts';
import { toast } from '../actions.ts';
import { Dialog } from '../control/dialog.tsx';
import { Problem } from '../control/problem.tsx';
import { benchStore, call } from '../engine-link.ts';
import { closeDialog } from '../screen-store.ts';
import { shell } from '../shell.ts';
import { useStore } from '../store.ts';

type Action = 'new' | 'open' | 'saveAs' | 'rename';

const TITLES: Record<Action, string> = {
  new: 'New bench',
  open: 'Open bench',
  saveAs: 'Save bench as',
  rename: 'Rename bench',
};
const BUTTONS: Record<Action, string> = { new: 'Create', open: 'Open', saveAs: 'Save', rename: 'Rename' };
const FILTERS = [{ name: 'Labwire benches', extensions: ['labwire', 'json'] }];

/** New, open, save as, rename. The desktop asks with its file dialog; a browser asks for a path on the machine of the engine. */
export function BenchDialog({ action }: { action: Action }): ReactElement {
  const bench = useStore(benchStore, (state) => state?.bench);
  const isPath = action === 'open' || action === 'saveAs';
  const [text, setText] = useState(() =>
    isPath ? (bench?.path ?? '') : action === 'rename' ? (bench?.name ?? '') : '',
  );
  const [error, setError] = useState<LabError>();
  const [busy, setBusy] = useState(false);

  const run = async (value: string): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      if (action === 'new') await call('bench.new', { name: value });
      else if (action === 'rename') await call('bench.rename', { name: value });
      else if (action === 'open') await call('bench.open', { path: value });
      else await call('bench.saveAs', { path: value });
      if (isPath) toast({ severity: 'done', text: action === 'open' ? `Opened ${value}.` : `Saved as ${value}.` });
      closeDialog();
    } catch (thrown) {
      setError(LabError.from(thrown));
      setBusy(false);
    }
  };
  const choose = async (): Promise<void> => {
    const path = await shell?.chooseFile({
      kind: action === 'open' ? 'open' : 'save',
      title: TITLES[action],
      filters: FILTERS,
      ...(action === 'saveAs' ? { defaultName: `${bench?.name || 'bench'}.labwire` } : {}),
    });
    if (path) setText(path);
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: the file dialog opens once, with the dialog
  useEffect(() => {
    if (isPath && shell) void choose();
  }, []);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (text.trim()) void run(text.trim());
  };
  const label = isPath ? (shell ? 'File' : 'Path on the machine where the engine runs') : 'Name';
  return (
    <Dialog title={TITLES[action]} onClose={closeDialog}>
      <form onSubmit={submit}>
        <div className="dialog-body">
          <div className="field">
            <label htmlFor="bench-text">{label}</label>
            <div className="row-tight">
              <input
                id="bench-text"
                className={isPath ? 'input num' : 'input'}
                value={text}
                maxLength={isPath ? 4000 : 200}
                placeholder={
                  isPath ? 'Whole path of the file, such as …/buck-converter.labwire' : 'Buck converter, board 7'
                }
                onChange={(event) => setText(event.target.value)}
              />
              {isPath && shell && (
                <button type="button" className="btn" onClick={() => void choose()}>
                  Choose…
                </button>
              )}
            </div>
          </div>
          {action === 'new' && (
            <p className="quiet">
              Instruments of the present bench are detached; their outputs stay as they are. The present bench file
              keeps everything.
            </p>
          )}
          {error && <Problem error={error} />}
        </div>
        <footer className="dialog-foot">
          <span className="grow" />
          <button type="button" className="btn" onClick={closeDialog}>
            Cancel
          </button>
          <button type="submit" className="btn primary" disabled={busy || !text.trim()}>
            {BUTTONS[action]}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
