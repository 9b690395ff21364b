import type { ReactElement } from 'react';
import { ControlField, controlLabel } from '../control/control-field.tsx';
import { Readout } from '../control/readout.tsx';
import { benchStore } from '../engine-link.ts';
import { useStore } from '../store.ts';
import { formatCount, formatHz } from '../text-format.ts';
import type { CardProps } from './card-props.ts';
import { channelTitle, colorOf } from './instrument-words.ts';

/** Rate, losses and the named channels of a device that sends by itself. */
export function StreamCard({ instrument, channels }: CardProps): ReactElement {
  const stream = useStore(benchStore, (bench) => bench?.streams.find((item) => item.instrument === instrument.id));
  return (
    <>
      <div className="facts-row">
        <div>
          rate
          <b title={stream ? `asked: ${formatHz(stream.rateHz)}` : undefined}>{formatHz(instrument.rateGotHz)}</b>
        </div>
        <div>
          channels
          <b>{channels.length}</b>
        </div>
        <div>
          malformed
          <b className={instrument.malformed > 0 ? 'warn' : undefined}>{formatCount(instrument.malformed)}</b>
        </div>
        <div>
          lost
          <b className={instrument.lost > 0 ? 'bad' : 'ok'}>{formatCount(instrument.lost)}</b>
        </div>
      </div>
      <ul className="channel-list">
        {channels.map((channel) => (
          <li key={channel.id}>
            {/* React sets this through the CSSOM, which the content security policy allows. */}
            <i style={{ background: colorOf(channel) }} />
            <span className="cut">{channelTitle(channel, instrument)}</span>
            <Readout channel={channel} className="tiny" />
          </li>
        ))}
      </ul>
      {instrument.controls.length > 0 && (
        <div className="control-rows">
          {instrument.controls.map((control) => (
            <div className="control-row" key={control.id}>
              <span className="cut" title={controlLabel(control)}>
                {controlLabel(control)}
              </span>
              <ControlField instrument={instrument} control={control} />
            </div>
          ))}
        </div>
      )}
    </>
  );
}
