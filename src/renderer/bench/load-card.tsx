import type { ReactElement } from 'react';
import { ControlChoice } from '../control/control-field.tsx';
import { Lamp } from '../control/lamp.tsx';
import { Readout } from '../control/readout.tsx';
import { SetpointBox } from '../control/setpoint-box.tsx';
import { ControlSwitch } from '../control/switch.tsx';
import type { CardProps } from './card-props.ts';
import { channelOf, controlOf } from './instrument-words.ts';

/** Mode with its setpoint, what is measured, and the input switch. */
export function LoadCard({ instrument, channels }: CardProps): ReactElement {
  const mode = controlOf(instrument, 'mode');
  const set = instrument.values.mode?.readBack ?? instrument.values.mode?.asked;
  const level = controlOf(instrument, `level.${String(set ?? 'cc').toLowerCase()}`);
  const input = instrument.values.input;
  const isOn = input?.readBack ?? input?.asked;
  const tripped = instrument.status.tripped ?? '';
  const voltage = channelOf(channels, 'voltage');
  const current = channelOf(channels, 'current');
  const power = channelOf(channels, 'power');
  return (
    <div className="outputs" data-count={3}>
      <section className="output" aria-label="Mode">
        <h4>Mode</h4>
        {mode && <ControlChoice instrument={instrument} control={mode} label="Mode" />}
        <div className="sets one">
          {level && <SetpointBox key={level.id} instrument={instrument} control={level} label={level.label} />}
        </div>
      </section>
      <section className="output" aria-label="Measured" data-on={isOn === true}>
        <h4>Measured</h4>
        <div className="measured">
          {current && <Readout channel={current} className="mid" label="Current" />}
          {voltage && <Readout channel={voltage} className="mid" label="Voltage" />}
          {power && <Readout channel={power} className="low" label="Power" />}
        </div>
      </section>
      <section className="output" aria-label="Input">
        <h4>
          Input
          {controlOf(instrument, 'input') && (
            <ControlSwitch instrument={instrument} control="input" label="Load input" />
          )}
        </h4>
        <div className="lamps">
          {/* Until it was read, nobody knows: an input must not be called off. */}
          <Lamp
            word={isOn === undefined ? 'not read yet' : isOn ? 'sinking' : 'off'}
            tone={isOn === true ? 'ok' : 'off'}
          />
          {tripped && <Lamp word={`${tripped} tripped`} tone="bad" />}
        </div>
      </section>
    </div>
  );
}
