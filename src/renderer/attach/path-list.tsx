import type { ReactElement } from 'react';
import type { FoundInstrument, FoundPath } from '../../contract/discovery-schema.ts';
import { act } from '../actions.ts';
import { CopyButton } from './copy-button.tsx';
import { SOURCE_WORDS } from './search-words.ts';

/** Every way to one instrument: by which it was found, whether it can be used, and attaching by this one. */
export function PathList(props: {
  row: FoundInstrument;
  isBusy: boolean;
  onAttach: (resource: string) => void;
  onDoctor: (resource: string) => void;
}): ReactElement {
  const { row, isBusy, onAttach, onDoctor } = props;
  return (
    <ul className="path-list" aria-label="Paths">
      {row.paths.map((path) => (
        <li key={path.resource} data-state={path.state}>
          <span className="num cut selectable" title={path.resource}>
            {path.resource}
          </span>
          <span className="quiet cut" title={path.about}>
            {wordsOf(path)}
          </span>
          <span className="path-actions">
            <CopyButton text={path.resource} what="Address" />
            <button type="button" className="btn small" onClick={() => onDoctor(path.resource)}>
              Check
            </button>
            {path.sources.includes('remembered') && (
              <button
                type="button"
                className="btn small"
                onClick={() => void act('discovery.forget', { resource: path.resource })}
              >
                Forget
              </button>
            )}
            {path.state !== 'unusable' && row.state !== 'attached' && (
              <button type="button" className="btn small" disabled={isBusy} onClick={() => onAttach(path.resource)}>
                Attach here
              </button>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}

function wordsOf({ sources, state, about, fix }: FoundPath): string {
  const by = `by ${sources.map((source) => SOURCE_WORDS[source]).join(', ')}`;
  if (state === 'unusable') return [about ?? 'cannot be used', fix].filter(Boolean).join(' ');
  return [about, by].filter(Boolean).join(' · ');
}
