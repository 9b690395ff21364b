import { type ReactElement, useMemo } from 'react';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import { ControlChoice } from '../control/control-field.tsx';
import { Readout } from '../control/readout.tsx';
import { formatHz } from '../text-format.ts';
import type { CardProps } from './card-props.ts';
import { controlOf } from './instrument-words.ts';
import { activeChannel, meterScale } from './meter-scale.ts';
import { StatisticsRow } from './statistics-row.tsx';

/** Big digits with function, range and integration time; min, max, mean and deviation of every sample since reset. */
export function MeterCard({ instrument, channels }: CardProps): ReactElement {
  const main = activeChannel(instrument, channels);
  const choices = ['function', 'range', 'nplc'].flatMap((id) => {
    const control = controlOf(instrument, id);
    return control?.kind === 'choice' ? [control] : [];
  });
  const { range } = instrument.status;
  const nplc = instrument.values.nplc?.readBack;
  // biome-ignore lint/correctness/useExhaustiveDependencies: of the instrument only its range and aperture decide
  const scale = useMemo(() => main && meterScale(instrument, main), [main, range, nplc]);
  return (
    <>
      <div className="meter">
        {main ? (
          <Readout key={main.id} channel={main} className="big" suffix={couplingOf(instrument)} scale={scale} />
        ) : (
          <span className="readout big">—</span>
        )}
        <small className="meter-state">
          {range && <span>{range} range</span>}
          <span>{instrument.rateGotHz > 0 ? formatHz(instrument.rateGotHz) : 'no readings'}</span>
        </small>
        <div className="meter-side">
          {choices.map((control) => (
            <ControlChoice key={control.id} instrument={instrument} control={control} label={control.label} />
          ))}
        </div>
      </div>
      {main && <StatisticsRow channel={main} scale={scale} />}
    </>
  );
}

/** ` DC` or ` AC` behind the unit where the function says so. */
function couplingOf(instrument: InstrumentState): string {
  const set = instrument.values.function;
  const kind = /\b(AC|DC)\b/i.exec(String(set?.readBack ?? set?.asked ?? ''))?.[1];
  return kind ? ` ${kind.toUpperCase()}` : '';
}
