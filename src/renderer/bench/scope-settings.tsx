import { type ReactElement, useId } from 'react';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import { formatQuantity } from '../../core/units-format.ts';
import { ControlChoice, ControlField, controlLabel } from '../control/control-field.tsx';
import { Icon } from '../control/icon.tsx';
import { SetpointBox } from '../control/setpoint-box.tsx';
import { ControlSwitch } from '../control/switch.tsx';
import { createStore, useStore } from '../store.ts';
import { controlOf, groupsOf } from './instrument-words.ts';

/** Scopes whose settings are unfolded; kept while another screen is looked at. */
const unfolded = createStore<ReadonlySet<string>>(new Set());

/** What a channel's own row shows. */
const ROW_CONTROLS = ['display', 'scale', 'offset', 'coupling'];

/** Channels, timebase and trigger behind one line that says how they are set. */
export function ScopeSettings({ instrument }: { instrument: InstrumentState }): ReactElement | null {
  const isOpen = useStore(unfolded, (ids) => ids.has(instrument.id));
  const bodyId = useId();
  const rows = groupsOf(instrument).filter((group) => controlOf(instrument, `${group}.display`));
  const inRows = new Set(rows.flatMap((group) => ROW_CONTROLS.map((id) => `${group}.${id}`)));
  const others = instrument.controls.filter(({ id }) => !inRows.has(id));
  if (instrument.controls.length === 0) return null;
  const toggle = (): void =>
    unfolded.update((ids) => {
      const next = new Set(ids);
      if (!next.delete(instrument.id)) next.add(instrument.id);
      return next;
    });
  const words = settingWords(instrument);
  return (
    <>
      <button
        type="button"
        className="disclosure"
        aria-expanded={isOpen}
        aria-controls={bodyId}
        title={isOpen ? 'Fold the settings away' : `${words}. Click to change.`}
        onClick={toggle}
      >
        <Icon name="down" />
        <span className="cut num">{words || 'Settings'}</span>
      </button>
      <div id={bodyId} hidden={!isOpen}>
        {isOpen && (
          <>
            <div className="scope-grid">
              {rows.map((group) => (
                <ScopeRow key={group} instrument={instrument} group={group} />
              ))}
            </div>
            <div className="control-rows">
              {others.map((control) => (
                <div className="control-row" key={control.id}>
                  <span className="cut" title={controlLabel(control)}>
                    {controlLabel(control)}
                  </span>
                  <ControlField instrument={instrument} control={control} />
                </div>
              ))}
            </div>
          </>
        )}
      </div>
    </>
  );
}

/** `CH1 1 V/div · 1 ms/div · CH1 rising 0 V`, as far as the instrument has said it. */
export function settingWords(instrument: Pick<InstrumentState, 'controls' | 'values'>): string {
  const value = (id: string): unknown => instrument.values[id]?.readBack ?? instrument.values[id]?.asked;
  const quantity = (id: string, unit: string): string => {
    const number = value(id);
    return typeof number === 'number' ? shortQuantity(number, unit) : '';
  };
  const groups = [...new Set(instrument.controls.map((control) => control.group))];
  const channels = groups
    .filter((group) => value(`${group}.display`) === true)
    .map((group) => [group.toUpperCase(), perDivision(quantity(`${group}.scale`, 'V'))].filter(Boolean).join(' '));
  const trigger = [value('trigger.source'), value('trigger.slope'), quantity('trigger.level', 'V')];
  const triggerWords = trigger.filter((word) => typeof word === 'string' && word !== '').join(' ');
  const parts = [...channels, perDivision(quantity('timebase.scale', 's')), triggerWords && `trigger ${triggerWords}`];
  return parts.filter(Boolean).join(' · ');
}

function perDivision(text: string): string {
  return text && `${text}/div`;
}

/** `1 V`, `500 mV`: scales are round numbers. */
function shortQuantity(value: number, unit: string): string {
  const { number, unit: shown } = formatQuantity(value, unit, { digits: 3 });
  const short = number.includes('.') ? number.replace(/0+$/, '').replace(/\.$/, '') : number;
  return `${short} ${shown}`;
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
