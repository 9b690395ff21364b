import type { ReactElement } from 'react';
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
        {main ? <Readout channel={main} className="big" /> : <span className="readout big">—</span>}
        <div className="meter-side">
          <div className="choices">
            {choices.map((control) => (
              <ControlChoice key={control.id} instrument={instrument} control={control} label={control.label} />
            ))}
          </div>
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
