import { type ReactElement, useState } from 'react';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import { act } from '../actions.ts';
import { ControlChoice, ControlField } from '../control/control-field.tsx';
import { Icon } from '../control/icon.tsx';
import { Readout } from '../control/readout.tsx';
import { SetpointBox } from '../control/setpoint-box.tsx';
import { ControlSwitch } from '../control/switch.tsx';
import type { CardProps } from './card-props.ts';
import { channelTitle, controlOf, groupsOf } from './instrument-words.ts';
import { WaveformView } from './waveform-view.tsx';

/** Last waveform, channels with scale and offset, timebase and trigger, measurements. */
export function ScopeCard({ instrument, channels }: CardProps): ReactElement {
  const measured = channels.filter((channel) => !instrument.waveforms.includes(channel.name));
  const rows = groupsOf(instrument).filter((group) => controlOf(instrument, `${group}.display`));
  const others = instrument.controls.filter((control) => !rows.includes(control.group));
  return (
    <>
      <WaveformView instrument={instrument} channels={channels} />
      <CaptureBar instrument={instrument} />
      <div className="scope-grid">
        {rows.map((group) => (
          <ScopeRow key={group} instrument={instrument} group={group} />
        ))}
      </div>
      {others.length > 0 && (
        <div className="control-rows">
          {others.map((control) => (
            <div className="control-row" key={control.id}>
              <span>{control.label}</span>
              <ControlField instrument={instrument} control={control} />
            </div>
          ))}
        </div>
      )}
      {measured.length > 0 && (
        <div className="facts-row">
          {measured.slice(0, 4).map((channel) => (
            <div key={channel.id}>
              <span className="cut">{channelTitle(channel, instrument)}</span>
              <Readout channel={channel} className="tiny" />
            </div>
          ))}
        </div>
      )}
    </>
  );
}

function ScopeRow({ instrument, group }: { instrument: InstrumentState; group: string }): ReactElement {
  const name = group.toUpperCase();
  const scale = controlOf(instrument, `${group}.scale`);
  const offset = controlOf(instrument, `${group}.offset`);
  const coupling = controlOf(instrument, `${group}.coupling`);
  return (
    <div className="scope-row">
      <b>{name}</b>
      <ControlSwitch instrument={instrument} control={`${group}.display`} label={`${name} display`} />
      {scale ? (
        <SetpointBox compact instrument={instrument} control={scale} label={`${name} scale per division`} />
      ) : (
        <span />
      )}
      {offset ? <SetpointBox compact instrument={instrument} control={offset} label={`${name} offset`} /> : <span />}
      {coupling?.kind === 'choice' ? (
        <ControlChoice instrument={instrument} control={coupling} label={`${name} coupling`} />
      ) : (
        <span />
      )}
    </div>
  );
}

/** Takes the waveforms of the channels that are displayed. */
function CaptureBar({ instrument }: { instrument: InstrumentState }): ReactElement | null {
  const [busy, setBusy] = useState(false);
  if (instrument.waveforms.length === 0) return null;
  const shown = instrument.waveforms.filter((channel) => {
    const display = instrument.values[`${channel.split('.')[0] ?? ''}.display`];
    return display === undefined || (display.readBack ?? display.asked) === true;
  });
  const capture = async (): Promise<void> => {
    setBusy(true);
    await act('instrument.capture', { instrument: instrument.id, channels: shown.slice(0, 8) });
    setBusy(false);
  };
  return (
    <div className="capture-bar">
      <button type="button" className="btn small" disabled={busy || shown.length === 0} onClick={() => void capture()}>
        <Icon name="capture" />
        {busy ? 'Capturing…' : 'Capture'}
      </button>
      <span className="quiet">
        {shown.length === 0
          ? 'no channel is displayed'
          : shown.map((name) => name.split('.')[0]?.toUpperCase()).join(' ')}
      </span>
      <span className="grow" />
      <span className="quiet">{instrument.status['trigger.state'] ?? instrument.status.acquire ?? ''}</span>
    </div>
  );
}
