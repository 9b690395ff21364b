import { type ReactElement, useState } from 'react';
import { act, showError } from '../actions.ts';
import { Allowed } from '../control/allowed.tsx';
import { benchStore } from '../engine-link.ts';
import { followJob } from '../job/followed-jobs.ts';
import { showDialog } from '../screen-store.ts';
import { shell } from '../shell.ts';
import { useStore } from '../store.ts';
import { takeFocus } from './first-focus.ts';

/** What can be done beside looking: save the past, plan, check before a night, bring files in. */
export function LibraryActions(): ReactElement {
  const flight = useStore(benchStore, (bench) => bench?.flight.state);
  const [path, setPath] = useState<string>();
  const importFile = async (file: string): Promise<void> => {
    const job = await act('recording.import', { path: file });
    if (job) followJob(job.id);
    setPath(undefined);
  };
  const choose = async (): Promise<void> => {
    if (!shell) {
      setPath('');
      return;
    }
    const file = await shell.chooseFile({
      kind: 'open',
      title: 'Import a recording',
      filters: [{ name: 'Recordings and tables', extensions: ['mcap', 'csv', 'txt', 'tsv'] }],
    });
    if (file) await importFile(file);
  };
  return (
    <>
      <Allowed right="control">
        <button
          type="button"
          className="btn"
          disabled={flight !== 'recording'}
          title={flight === 'recording' ? 'From the flight recorder' : 'The flight recorder does not run'}
          onClick={() => showDialog({ kind: 'saveLast' })}
        >
          Save the last…
        </button>
      </Allowed>
      <button type="button" className="btn" onClick={() => showDialog({ kind: 'plans' })}>
        Plans
      </button>
      <button type="button" className="btn" onClick={() => showDialog({ kind: 'preflight' })}>
        Pre-flight
      </button>
      <Allowed right="control">
        {path === undefined ? (
          <button type="button" className="btn" onClick={() => void choose().catch(showError)}>
            Import…
          </button>
        ) : (
          <form
            className="row-tight"
            onKeyDown={(event) => event.key === 'Escape' && setPath(undefined)}
            onSubmit={(event) => {
              event.preventDefault();
              void importFile(path.trim());
            }}
          >
            <input
              ref={takeFocus}
              className="input num"
              aria-label="File to import, on the machine where the engine runs"
              placeholder="Whole path of the file"
              value={path}
              onChange={(event) => setPath(event.target.value)}
            />
            <button type="submit" className="btn primary" disabled={path.trim() === ''}>
              Import
            </button>
            <button type="button" className="btn" onClick={() => setPath(undefined)}>
              Cancel
            </button>
          </form>
        )}
      </Allowed>
    </>
  );
}
