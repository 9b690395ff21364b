import { type ReactElement, useState } from 'react';
import type { AttachOptions, FoundInstrument } from '../../contract/discovery-schema.ts';
import type { LabError } from '../../core/errors.ts';
import { Icon } from '../control/icon.tsx';
import { Problem } from '../control/problem.tsx';
import { showDialog } from '../screen-store.ts';
import { DoctorPanel } from './doctor-panel.tsx';
import { OptionsForm } from './options-form.tsx';
import { PathList } from './path-list.tsx';
import { iconOf, wordsOf } from './search-words.ts';

type Open = 'none' | 'paths' | 'options' | { doctor: string };

/** One instrument that was found: what it is, where, and what can be done; if it cannot be used, why and the fix. */
export function FoundRow(props: {
  row: FoundInstrument;
  isBusy: boolean;
  failure: LabError | undefined;
  /** By the best path that opens, or by this one. */
  onAttach: (resource?: string, options?: AttachOptions) => void;
}): ReactElement {
  const { row, isBusy, failure, onAttach } = props;
  const [open, setOpen] = useState<Open>('none');
  const { title, detail } = wordsOf(row);
  const first = row.resources[0] ?? row.paths[0]?.resource ?? '';
  // Announced as a lab server: no instrument, and its instruments come with it.
  const isServer = row.state === 'unusable' && row.paths.some(({ way }) => way === 'server');
  const toggle = (next: Open): void => setOpen((now) => (JSON.stringify(now) === JSON.stringify(next) ? 'none' : next));
  return (
    <div className="found" data-testid="found-row" data-state={row.state}>
      <Icon name={iconOf(row)} />
      <div className="found-name">
        <b className="cut">{title}</b>
        <small className="quiet cut" title={detail}>
          {detail}
        </small>
      </div>
      <button
        type="button"
        className="found-path num"
        aria-expanded={open === 'paths'}
        title={`${row.paths.map(({ resource }) => resource).join('\n')}\nClick: all paths`}
        onClick={() => toggle('paths')}
      >
        <span className="cut">{first}</span>
        {row.paths.length > 1 && <small className="quiet">+{row.paths.length - 1}</small>}
      </button>
      <div className="found-action">
        {row.state === 'attached' && (
          <span className="attached">
            <Icon name="done" /> Attached
          </span>
        )}
        {row.state === 'available' && (
          <button
            type="button"
            className="btn primary"
            disabled={isBusy}
            onClick={() => onAttach()}
            aria-label={`Attach ${title}`}
          >
            {isBusy ? 'Attaching…' : 'Attach'}
          </button>
        )}
        {row.state === 'unknown' && (
          <button
            type="button"
            className="btn"
            disabled={isBusy}
            aria-expanded={open === 'options'}
            onClick={() => toggle('options')}
            title="Opens the port and asks what is there; unknown ports are never probed unasked"
            aria-label={`Attach ${title}`}
          >
            {isBusy ? 'Asking…' : 'Attach…'}
          </button>
        )}
        {isServer && (
          <button
            type="button"
            className="btn"
            onClick={() => showDialog({ kind: 'servers', address: first })}
            aria-label={`Add lab server ${title}`}
          >
            Add…
          </button>
        )}
        {!isServer && (row.state === 'unusable' || row.state === 'gone') && (
          <button
            type="button"
            className="btn"
            aria-expanded={typeof open === 'object'}
            onClick={() => toggle({ doctor: first })}
            aria-label={`Why ${title} cannot be used`}
          >
            Why?
          </button>
        )}
      </div>
      {open === 'paths' && (
        <div className="found-more">
          <PathList
            row={row}
            isBusy={isBusy}
            onAttach={onAttach}
            onDoctor={(resource) => setOpen({ doctor: resource })}
          />
        </div>
      )}
      {open === 'options' && (
        <div className="found-more">
          <OptionsForm
            isSerial={row.paths[0]?.way === 'serial'}
            isBusy={isBusy}
            onAttach={(options) => onAttach(first, options)}
          />
        </div>
      )}
      {row.state === 'unusable' && typeof open === 'object' && row.reason && (
        <div className="found-more">
          <Problem tone="warn" error={{ code: '', message: row.reason }} />
        </div>
      )}
      {typeof open === 'object' && open.doctor && (
        <div className="found-more">
          <DoctorPanel resource={open.doctor} onAttach={(options) => onAttach(open.doctor, options)} />
        </div>
      )}
      {failure && (
        <div className="found-more">
          <Problem error={failure}>
            <button
              type="button"
              className="btn small"
              onClick={() => setOpen({ doctor: String(failure.details.resource ?? first) })}
            >
              Check
            </button>
          </Problem>
        </div>
      )}
    </div>
  );
}
