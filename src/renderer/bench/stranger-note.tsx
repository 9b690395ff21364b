import type { ReactElement } from 'react';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import { act } from '../actions.ts';
import { Icon } from '../control/icon.tsx';

/** Another unit answers at the address of this one: the person says whether it takes its place. */
export function StrangerNote({ instrument }: { instrument: InstrumentState }): ReactElement | null {
  const { stranger, id, identity } = instrument;
  if (!stranger) return null;
  return (
    <div className="card-trouble" data-testid="stranger">
      <div className="problem warn" role="alert">
        <Icon name="warning" />
        <p>
          <b>Another unit answers here:</b> {stranger.idn}. Settings, limits and data of{' '}
          {identity.serial || identity.model} are not used for it. Take it, or plug the old one in again.
        </p>
        <button type="button" className="btn small" onClick={() => void act('instrument.adopt', { instrument: id })}>
          Take it
        </button>
      </div>
    </div>
  );
}
