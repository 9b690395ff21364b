import { type ReactElement, useState } from 'react';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import { act } from '../actions.ts';
import { Allowed } from '../control/allowed.tsx';
import { Icon } from '../control/icon.tsx';
import { Readout } from '../control/readout.tsx';
import { showDialog } from '../screen-store.ts';
import type { CardProps } from './card-props.ts';
import { channelTitle } from './instrument-words.ts';
import { ScopeSettings } from './scope-settings.tsx';
import { WaveformView } from './waveform-view.tsx';

/** Last waveform and measurements; channels, timebase and trigger folded into one line. */
export function ScopeCard({ instrument, channels }: CardProps): ReactElement {
  const measured = channels.filter((channel) => !instrument.waveforms.includes(channel.name));
  return (
    <>
      <WaveformView instrument={instrument} channels={channels} />
      <Allowed right="control">
        <CaptureBar instrument={instrument} />
      </Allowed>
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
      <ScopeSettings instrument={instrument} />
    </>
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
      {instrument.can.screenshot && (
        <button
          type="button"
          className="btn small"
          onClick={() => showDialog({ kind: 'screenshot', instrument: instrument.id })}
        >
          <Icon name="camera" />
          Screen
        </button>
      )}
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
