import type { ReactElement } from 'react';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import { Lamp } from '../control/lamp.tsx';
import { otherLamps } from './shown-controls.ts';

/** Lamps of a family that its role knows no place for: each a word, its name beside it on hover. */
export function OtherLamps({ instrument }: { instrument: InstrumentState }): ReactElement | null {
  const lamps = otherLamps(instrument);
  if (lamps.length === 0) return null;
  return (
    <div className="lamps card-lamps">
      {lamps.map(({ id, word }) => (
        <Lamp key={id} word={`${id.replaceAll('.', ' ')} ${word}`} tone="off" title={id} />
      ))}
    </div>
  );
}
