import { type FormEvent, type ReactElement, useState } from 'react';
import type { ExportChoices, ExportFormat } from '../../contract/export-schema.ts';
import type { RecordingInfo } from '../../contract/recording-schema.ts';
import { LabError } from '../../core/errors.ts';
import { unitSymbol } from '../../core/units.ts';
import { Dialog } from '../control/dialog.tsx';
import { Problem } from '../control/problem.tsx';
import { call } from '../engine-link.ts';
import { followJob } from '../job/followed-jobs.ts';
import { closeDialog } from '../screen-store.ts';
import { shell } from '../shell.ts';
import { formatDuration, msOf } from '../text-format.ts';
import { ExportOptionFields } from './export-options.tsx';
import { EXPORT_WORDS, extensionOf } from './export-words.ts';

const FORMATS = Object.keys(EXPORT_WORDS) as ExportFormat[];

/** A recording, or a range of it, for other programs. `range`: ns since 1970, what the plot shows. */
export function ExportDialog(props: {
  info: RecordingInfo;
  range?: { fromNs: string; toNs: string } | undefined;
}): ReactElement {
  const { info, range } = props;
  const [format, setFormat] = useState<ExportFormat>('csv');
  const [options, setOptions] = useState<ExportChoices>({});
  const [isRange, setIsRange] = useState(range !== undefined);
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const [error, setError] = useState<LabError>();
  const [busy, setBusy] = useState(false);
  const chosen = info.channels.map(({ id }) => id).filter((id) => !left.has(id));

  const start = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      const extension = extensionOf(format, options);
      const path = await shell?.chooseFile({
        kind: 'save',
        title: `Export as ${EXPORT_WORDS[format].title}`,
        defaultName: `${info.row.name}${extension}`,
      });
      if (shell && !path) {
        setBusy(false);
        return;
      }
      const job = await call('recording.export', {
        recording: info.row.id,
        format,
        options,
        ...(path ? { path } : {}),
        ...(left.size > 0 ? { channels: chosen } : {}),
        ...(isRange && range ? range : {}),
      });
      followJob(job.id);
      closeDialog();
    } catch (thrown) {
      setError(LabError.from(thrown));
      setBusy(false);
    }
  };
  const toggle = (id: string): void =>
    setLeft((now) => new Set(now.has(id) ? [...now].filter((one) => one !== id) : [...now, id]));

  return (
    <Dialog title={`Export ${info.row.name}`} wide onClose={closeDialog}>
      <form className="dialog-form" onSubmit={(event) => void start(event)}>
        <div className="dialog-body">
          <div className="form-grid">
            <div className="field">
              <label htmlFor="export-format">Format</label>
              <select
                id="export-format"
                className="input"
                value={format}
                onChange={(event) => {
                  setFormat(event.target.value as ExportFormat);
                  setOptions({});
                }}
              >
                {FORMATS.map((one) => (
                  <option key={one} value={one}>
                    {EXPORT_WORDS[one].title}
                  </option>
                ))}
              </select>
              <span className="hint">{EXPORT_WORDS[format].about}</span>
            </div>
            <div className="field">
              <span className="label">Range</span>
              {range ? (
                <fieldset className="seg" aria-label="Range">
                  <button type="button" aria-pressed={!isRange} onClick={() => setIsRange(false)}>
                    Everything ({formatDuration(info.row.durationS)})
                  </button>
                  <button type="button" aria-pressed={isRange} onClick={() => setIsRange(true)}>
                    What the plot shows ({formatDuration((msOf(range.toNs) - msOf(range.fromNs)) / 1000)})
                  </button>
                </fieldset>
              ) : (
                <span>Everything, {formatDuration(info.row.durationS)}</span>
              )}
            </div>
          </div>
          <ExportOptionFields
            key={format}
            format={format}
            options={options}
            onChange={(change) => setOptions((now) => ({ ...now, ...change }))}
          />
          <fieldset className="fieldset">
            <legend>Channels</legend>
            <div className="row-tight">
              <button type="button" className="btn small" onClick={() => setLeft(new Set())}>
                All
              </button>
              <button
                type="button"
                className="btn small"
                onClick={() => setLeft(new Set(info.channels.map(({ id }) => id)))}
              >
                None
              </button>
              <span className="quiet">
                {chosen.length} of {info.channels.length}
              </span>
            </div>
            <div className="check-grid">
              {info.channels.map(({ id, label, name, shownUnit }) => (
                <label key={id} className="check" title={id}>
                  <input type="checkbox" checked={!left.has(id)} onChange={() => toggle(id)} /> {label || name}
                  {shownUnit && <span className="quiet"> {unitSymbol(shownUnit)}</span>}
                </label>
              ))}
            </div>
          </fieldset>
          {error && <Problem error={error} />}
        </div>
        <footer className="dialog-foot">
          <span className="quiet">The file appears when it is whole. Recording and screens go on meanwhile.</span>
          <span className="grow" />
          <button type="button" className="btn" onClick={closeDialog}>
            Cancel
          </button>
          <button type="submit" className="btn primary" disabled={busy || chosen.length === 0}>
            Export
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
