import { type ReactElement, useState } from 'react';
import type { ChannelChange } from '../../contract/calls.ts';
import type { ChannelState } from '../../contract/instrument-schema.ts';
import { LabError } from '../../core/errors.ts';
import { unitSymbol } from '../../core/units.ts';
import { parseQuantity } from '../../core/units-parse.ts';
import { Dialog } from '../control/dialog.tsx';
import { Problem } from '../control/problem.tsx';
import { benchStore, call } from '../engine-link.ts';
import { closeDialog } from '../screen-store.ts';
import { useStore } from '../store.ts';
import { formatHz } from '../text-format.ts';
import { ColorPicker } from './color-picker.tsx';
import { channelTitle, colorOf, titleOf } from './instrument-words.ts';

/** Name, colour, scale, rate and logging of the channels of one instrument. */
export function ChannelsDialog({ instrument, first }: { instrument: string; first: string | undefined }): ReactElement {
  const channels =
    useStore(benchStore, (bench) => bench?.channels)?.filter((channel) => channel.instrument === instrument) ?? [];
  const owner = useStore(benchStore, (bench) => bench?.instruments.find((item) => item.id === instrument));
  const [picked, setPicked] = useState(first ?? channels[0]?.id ?? '');
  const channel = channels.find((item) => item.id === picked) ?? channels[0];
  return (
    <Dialog wide title={`Channels: ${owner ? titleOf(owner) : ''}`} onClose={closeDialog}>
      <div className="channels-dialog">
        <div className="pick-list" role="listbox" aria-label="Channels">
          {channels.map((item) => (
            <button
              key={item.id}
              type="button"
              role="option"
              aria-selected={item.id === channel?.id}
              onClick={() => setPicked(item.id)}
            >
              <i style={{ background: colorOf(item) }} />
              <span className="cut" title={item.label}>
                {owner ? channelTitle(item, owner) : item.label}
              </span>
              <small className="quiet num">{unitSymbol(item.shownUnit)}</small>
            </button>
          ))}
        </div>
        {channel ? (
          <ChannelForm key={channel.id} channel={channel} />
        ) : (
          <p className="empty">This instrument has no channels yet.</p>
        )}
      </div>
    </Dialog>
  );
}

interface Draft {
  label: string;
  color: ChannelState['color'];
  gain: string;
  offset: string;
  shownUnit: string;
  rate: string;
  logInterval: string;
  recorded: boolean;
}

function ChannelForm({ channel }: { channel: ChannelState }): ReactElement {
  const [draft, setDraft] = useState<Draft>(() => draftOf(channel));
  const [error, setError] = useState<LabError>();
  const [state, setState] = useState<'idle' | 'saving' | 'saved'>('idle');
  const change = (piece: Partial<Draft>): void => {
    setDraft((now) => ({ ...now, ...piece }));
    setState('idle');
  };
  const apply = async (): Promise<void> => {
    setState('saving');
    setError(undefined);
    try {
      await call('channel.set', changeOf(channel, draft));
      setState('saved');
    } catch (thrown) {
      setError(LabError.from(thrown));
      setState('idle');
    }
  };
  const text = (
    key: 'label' | 'gain' | 'offset' | 'shownUnit' | 'rate' | 'logInterval',
    label: string,
    hint = '',
  ): ReactElement => (
    <div className="field">
      <label htmlFor={`channel-${key}`}>{label}</label>
      <input
        id={`channel-${key}`}
        className={key === 'label' ? 'input' : 'input num'}
        value={draft[key]}
        maxLength={key === 'shownUnit' ? 20 : 200}
        onChange={(event) => change({ [key]: event.target.value })}
      />
      {hint && <span className="hint">{hint}</span>}
    </div>
  );
  return (
    <form
      className="channel-form"
      onSubmit={(event) => {
        event.preventDefault();
        void apply();
      }}
    >
      <div className="dialog-body">
        <div className="form-grid">
          {text('label', 'Name')}
          <div className="field">
            <span className="label">Colour</span>
            <ColorPicker color={draft.color} onChange={(color) => change({ color })} />
          </div>
        </div>
        <fieldset className="fieldset">
          <legend>Scale: shown = gain × sample + offset</legend>
          <div className="form-grid">
            {text('gain', 'Gain', '10 for a 10× probe; 1k for a 1 mΩ shunt')}
            {text('offset', `Offset in ${unitSymbol(draft.shownUnit) || 'the shown unit'}`)}
            {text('shownUnit', 'Shown unit', `samples are in ${unitSymbol(channel.unit) || 'no unit'}`)}
          </div>
        </fieldset>
        <div className="form-grid">
          {text(
            'rate',
            'Rate asked, per second',
            `now ${formatHz(channel.rateGotHz)} of ${formatHz(channel.rateAskedHz)} asked`,
          )}
          {text('logInterval', 'Log every … s', 'empty: every sample is recorded')}
          <label className="check">
            <input
              type="checkbox"
              checked={draft.recorded}
              onChange={(event) => change({ recorded: event.target.checked })}
            />
            Recorded
          </label>
        </div>
        <p className="quiet num selectable">{channel.id}</p>
        {error && <Problem error={error} />}
      </div>
      <footer className="dialog-foot">
        <span role="status" className="quiet">
          {state === 'saved' ? 'Applied.' : ''}
        </span>
        <span className="grow" />
        <button type="button" className="btn" onClick={closeDialog}>
          Close
        </button>
        <button type="submit" className="btn primary" disabled={state === 'saving'}>
          Apply
        </button>
      </footer>
    </form>
  );
}

function draftOf(channel: ChannelState): Draft {
  return {
    label: channel.label,
    color: channel.color,
    gain: String(channel.scale.gain),
    offset: String(channel.scale.offset),
    shownUnit: channel.shownUnit,
    rate: channel.rateAskedHz > 0 ? String(channel.rateAskedHz) : '',
    logInterval: channel.logIntervalS === null ? '' : String(channel.logIntervalS),
    recorded: channel.recorded,
  };
}

/** Only what was changed, so that applying a name does not ask for a rate. Throws `call.invalid` with the field named. */
function changeOf(channel: ChannelState, draft: Draft): ChannelChange {
  const before = draftOf(channel);
  const change: ChannelChange = { channel: channel.id };
  if (draft.label !== before.label) change.label = draft.label.trim() || channel.name;
  if (draft.color !== before.color) change.color = draft.color;
  if (draft.shownUnit !== before.shownUnit) change.shownUnit = draft.shownUnit;
  if (draft.gain !== before.gain || draft.offset !== before.offset) {
    const gain = read('Gain', draft.gain, '');
    if (gain === 0)
      throw new LabError('call.invalid', 'Gain: 0 would make every sample the same. Type another number.');
    change.scale = { gain, offset: read('Offset', draft.offset, draft.shownUnit) };
  }
  if (draft.rate !== before.rate && draft.rate.trim()) change.rateHz = read('Rate', draft.rate, '');
  if (draft.logInterval !== before.logInterval) {
    change.logIntervalS = draft.logInterval.trim() ? read('Log interval', draft.logInterval, 's') : null;
  }
  if (draft.recorded !== before.recorded) change.recorded = draft.recorded;
  return change;
}

function read(field: string, text: string, unit: string): number {
  const parsed = parseQuantity(text, unit);
  if (!parsed.ok) throw new LabError('call.invalid', `${field}: ${parsed.reason}`);
  return parsed.value;
}
