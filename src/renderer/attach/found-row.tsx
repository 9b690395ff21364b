import { type ReactElement, useState } from 'react';
import type { FoundInstrument } from '../../contract/discovery-schema.ts';
import type { LabError } from '../../core/errors.ts';
import { ROLE_WORDS, shortMaker } from '../bench/instrument-words.ts';
import { Icon, type IconName } from '../control/icon.tsx';
import { Problem } from '../control/problem.tsx';

/** One instrument that was found: what it is, where, and what can be done; if it cannot be used, why and the fix. */
export function FoundRow(props: {
  row: FoundInstrument;
  isBusy: boolean;
  failure: LabError | undefined;
  onAttach: () => void;
}): ReactElement {
  const { row, isBusy, failure, onAttach } = props;
  const [isOpen, setIsOpen] = useState(false);
  const { title, detail } = wordsOf(row);
  const [first = '', ...others] = row.resources;
  return (
    <div className="found" data-testid="found-row" data-state={row.state}>
      <Icon name={iconOf(row)} />
      <div className="found-name">
        <b className="cut">{title}</b>
        <small className="quiet cut">{detail}</small>
      </div>
      <div className="found-path num cut selectable" title={row.resources.join('\n')}>
        {first}
        {others.length > 0 && <small className="quiet"> also {others.join(', ')}</small>}
      </div>
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
            onClick={onAttach}
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
            onClick={onAttach}
            title="Opens the port and asks what is there; unknown ports are never probed unasked"
            aria-label={`Attach ${title}`}
          >
            {isBusy ? 'Asking…' : 'Attach…'}
          </button>
        )}
        {row.state === 'unusable' && (
          <button type="button" className="btn" aria-expanded={isOpen} onClick={() => setIsOpen(!isOpen)}>
            Why?
          </button>
        )}
      </div>
      {row.state === 'unusable' && isOpen && (
        <div className="found-reason">
          <Problem tone="warn" error={{ code: '', message: row.reason ?? 'The system does not say why.' }} />
        </div>
      )}
      {failure && (
        <div className="found-reason">
          <Problem error={failure} />
        </div>
      )}
    </div>
  );
}

function wordsOf(row: FoundInstrument): { title: string; detail: string } {
  const [maker = '', model = '', serial = ''] = row.idn?.split(',').map((text) => text.trim()) ?? [];
  const title = model ? `${shortMaker(maker)} ${model}` : row.name;
  const role = row.role === 'unknown' ? '' : ROLE_WORDS[row.role].toLowerCase();
  const source =
    row.source === 'simulator' ? 'simulated' : row.source === 'remembered' ? 'attached before' : 'serial port';
  const probe = row.state === 'unknown' && row.source === 'serial' ? 'never probed unasked' : '';
  return {
    title,
    detail: [serial, role, source, probe, row.state === 'unusable' ? 'cannot be used' : ''].filter(Boolean).join(' · '),
  };
}

function iconOf(row: FoundInstrument): IconName {
  const first = row.resources[0] ?? '';
  if (/^ASRL/i.test(first)) return 'serial';
  if (/^USB/i.test(first)) return 'usb';
  return row.source === 'simulator' && !first ? 'simulator' : 'lan';
}
