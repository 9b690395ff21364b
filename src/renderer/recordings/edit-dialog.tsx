import { type FormEvent, type ReactElement, useState } from 'react';
import type { RecordingRow } from '../../contract/recording-schema.ts';
import { LabError } from '../../core/errors.ts';
import { Dialog } from '../control/dialog.tsx';
import { Problem } from '../control/problem.tsx';
import { call } from '../engine-link.ts';
import { closeDialog } from '../screen-store.ts';
import { type AboutDraft, AboutFields, tagsOf } from './about-fields.tsx';

/** What is written about a recording; the samples are not touched. */
export function EditRecordingDialog({ row }: { row: RecordingRow }): ReactElement {
  const [draft, setDraft] = useState<AboutDraft>({
    name: row.name,
    operator: row.operator,
    tags: row.tags.join(', '),
    notes: row.notes,
  });
  const [error, setError] = useState<LabError>();
  const [busy, setBusy] = useState(false);
  const save = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      const { name, operator, notes } = draft;
      await call('recording.edit', { recording: row.id, name: name.trim(), operator, notes, tags: tagsOf(draft.tags) });
      closeDialog();
    } catch (thrown) {
      setError(LabError.from(thrown));
      setBusy(false);
    }
  };
  return (
    <Dialog title="About the recording" onClose={closeDialog}>
      <form className="dialog-form" onSubmit={(event) => void save(event)}>
        <div className="dialog-body">
          <AboutFields draft={draft} onChange={(change) => setDraft((now) => ({ ...now, ...change }))} />
          {error && <Problem error={error} />}
        </div>
        <footer className="dialog-foot">
          <span className="grow" />
          <button type="button" className="btn" onClick={closeDialog}>
            Cancel
          </button>
          <button type="submit" className="btn primary" disabled={busy || draft.name.trim() === ''}>
            Save
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
