import { type FormEvent, type ReactElement, useState } from 'react';
import { LabError } from '../../core/errors.ts';
import { toast } from '../actions.ts';
import { Dialog } from '../control/dialog.tsx';
import { Problem } from '../control/problem.tsx';
import { benchStore, call } from '../engine-link.ts';
import { closeDialog, showOrigin } from '../screen-store.ts';
import { useStore } from '../store.ts';
import { formatBytes, formatDuration, msOf } from '../text-format.ts';
import { type AboutDraft, AboutFields, tagsOf } from './about-fields.tsx';

const CHOICES = [1, 5, 15, 60, 480];

/** What already happened, though nobody pressed record. */
export function SaveLastDialog(): ReactElement {
  const flight = useStore(benchStore, (bench) => bench?.flight);
  const [minutes, setMinutes] = useState('5');
  const [draft, setDraft] = useState<AboutDraft>(() => {
    return { name: '', operator: benchStore.get()?.settings.operator ?? '', tags: '', notes: '' };
  });
  const [error, setError] = useState<LabError>();
  const [busy, setBusy] = useState(false);
  const wanted = Number(minutes);
  const isTime = wanted > 0 && wanted <= 100_000;
  const heldS = flight?.fromNs ? (Date.now() - msOf(flight.fromNs)) / 1000 : 0;
  const save = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      const { name, operator, notes } = draft;
      const row = await call('recording.saveLast', {
        minutes: wanted,
        ...(name.trim() ? { name: name.trim() } : {}),
        operator,
        notes,
        tags: tagsOf(draft.tags),
      });
      toast({
        severity: 'done',
        text: `Saved: ${row.name}, ${formatDuration(row.durationS)}.`,
        action: { label: 'Show in Plot', run: () => showOrigin(row.id) },
      });
      closeDialog();
    } catch (thrown) {
      setError(LabError.from(thrown));
      setBusy(false);
    }
  };
  return (
    <Dialog title="Save the last minutes" onClose={closeDialog}>
      <form className="dialog-form" onSubmit={(event) => void save(event)}>
        <div className="dialog-body">
          <p className="quiet">
            {flight?.state === 'recording'
              ? `The flight recorder holds the last ${formatDuration(heldS)} (${formatBytes(flight.bytes)}).`
              : flight?.state === 'paused'
                ? `The flight recorder is paused: ${flight.reason}`
                : 'The flight recorder is off; switch it on in Settings.'}
          </p>
          <div className="field">
            <label htmlFor="last-minutes">Minutes</label>
            <div className="row-tight">
              <input
                id="last-minutes"
                className="input num minutes"
                value={minutes}
                aria-invalid={!isTime}
                onChange={(event) => setMinutes(event.target.value)}
              />
              {CHOICES.map((choice) => (
                <button key={choice} type="button" className="btn small" onClick={() => setMinutes(String(choice))}>
                  {choice < 60 ? `${choice} min` : `${choice / 60} h`}
                </button>
              ))}
            </div>
            {isTime && heldS > 0 && wanted * 60 > heldS && (
              <span className="hint">Longer than what it holds: all of that is saved.</span>
            )}
          </div>
          <AboutFields
            draft={draft}
            namePlaceholder="Bench and time"
            onChange={(change) => setDraft((now) => ({ ...now, ...change }))}
          />
          {error && <Problem error={error} />}
        </div>
        <footer className="dialog-foot">
          <span className="grow" />
          <button type="button" className="btn" onClick={closeDialog}>
            Cancel
          </button>
          <button type="submit" className="btn primary" disabled={busy || !isTime}>
            Save
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
