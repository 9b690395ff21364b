import type { ReactElement } from 'react';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import { ControlChoice } from '../control/control-field.tsx';
import { Readout } from '../control/readout.tsx';
import { formatHz } from '../text-format.ts';
import type { CardProps } from './instrument-card.tsx';
import { controlOf } from './instrument-words.ts';
import { StatisticsRow } from './statistics-row.tsx';

/** Big digits with function, range and integration time; min, max, mean and deviation of every sample since reset. */
export function MeterCard({ instrument, channels }: CardProps): ReactElement {
  const main = channels[0];
  const choices = ['function', 'range', 'nplc'].flatMap((id) => {
    const control = controlOf(instrument, id);
    return control?.kind === 'choice' ? [control] : [];
  });
  const range = instrument.status.range;
  return (
    <>
      <div className="meter">
        {main ? (
          <Readout channel={main} className="big" suffix={couplingOf(instrument)} />
        ) : (
          <span className="readout big">—</span>
        )}
        <div className="meter-side">
          {choices.map((control) => (
            <ControlChoice key={control.id} instrument={instrument} control={control} label={control.label} />
          ))}
          <small>
            {range ? `${range} range · ` : ''}
            {instrument.rateGotHz > 0 ? `${formatHz(instrument.rateGotHz)}` : 'no readings'}
          </small>
        </div>
      </div>
      {main && <StatisticsRow channel={main} />}
    </>
  );
}

/** ` DC` or ` AC` behind the unit where the function says so. */
function couplingOf(instrument: InstrumentState): string {
  const set = instrument.values.function;
  const kind = /(AC|DC)$/i.exec(String(set?.readBack ?? set?.asked ?? ''))?.[1];
  return kind ? ` ${kind.toUpperCase()}` : '';
}
