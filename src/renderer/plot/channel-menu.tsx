import { type ReactElement, useState } from 'react';
import { unitSymbol } from '../../core/units.ts';
import { Icon } from '../control/icon.tsx';
import { Popover } from '../control/popover.tsx';
import type { PlotChannel } from './plot-channel.ts';

interface ChannelMenuProps {
  channels: readonly PlotChannel[];
  /** Ids on this plot. */
  shown: readonly string[];
  onAdd: (id: string) => void;
  onRemove: (id: string) => void;
}

/** All channels by instrument, with a tick where they are on the plot. */
export function ChannelMenu({ channels, shown, onAdd, onRemove }: ChannelMenuProps): ReactElement {
  const [filter, setFilter] = useState('');
  const wanted = filter.trim().toLowerCase();
  const found = channels.filter((channel) =>
    `${channel.group} ${channel.label} ${channel.unit}`.toLowerCase().includes(wanted),
  );
  const groups = [...new Set(found.map((channel) => channel.group))];
  return (
    <Popover
      className="btn icon plot-add"
      button={<Icon name="plus" />}
      label="Channels of this plot"
      title="Channels of this plot"
    >
      {() => (
        <div className="plot-menu">
          {channels.length > 10 && (
            <input
              className="input"
              placeholder="Find a channel"
              value={filter}
              onChange={(event) => setFilter(event.target.value)}
            />
          )}
          {channels.length === 0 && <p className="quiet">Nothing is attached yet.</p>}
          {groups.map((group) => (
            <fieldset key={group}>
              <legend>{group}</legend>
              {found
                .filter((channel) => channel.group === group)
                .map((channel) => (
                  <label key={channel.id} className="check">
                    <input
                      type="checkbox"
                      checked={shown.includes(channel.id)}
                      onChange={(event) => (event.target.checked ? onAdd(channel.id) : onRemove(channel.id))}
                    />
                    <i
                      className="plot-swatch"
                      style={{
                        background: typeof channel.color === 'number' ? `var(--ch${channel.color})` : channel.color,
                      }}
                    />
                    <span className="cut">{channel.label}</span>
                    <span className="quiet">{channel.isWaveform ? 'waveform' : unitSymbol(channel.unit)}</span>
                  </label>
                ))}
            </fieldset>
          ))}
        </div>
      )}
    </Popover>
  );
}
