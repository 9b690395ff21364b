import type { ReactElement } from 'react';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import type { ControlValue } from '../../core/instrument.ts';
import { act } from '../actions.ts';
import { ControlAction, ControlField } from '../control/control-field.tsx';
import { Lamp } from '../control/lamp.tsx';
import { Popover } from '../control/popover.tsx';
import { Readout } from '../control/readout.tsx';
import { SetpointBox } from '../control/setpoint-box.tsx';
import { ControlSwitch } from '../control/switch.tsx';
import { setpointText } from '../setpoint.ts';
import type { CardProps } from './card-props.ts';
import { EnvelopeLamp } from './envelope-lamp.tsx';
import { channelOf, controlOf, groupsOf } from './instrument-words.ts';

/** Per output: switch, measured V, I, P, what was asked and read back, and its lamps. */
export function SupplyCard({ instrument, channels }: CardProps): ReactElement {
  const groups = groupsOf(instrument).filter((group) => isOutputOf(instrument, channels, group));
  return (
    <div className="outputs" data-count={Math.min(groups.length, 4)}>
      {groups.map((group) => (
        <SupplyOutput key={group} group={group} instrument={instrument} channels={channels} />
      ))}
    </div>
  );
}

/** A group with a setpoint, a switch or a reading; others have their controls among the further settings. */
function isOutputOf(instrument: InstrumentState, channels: CardProps['channels'], group: string): boolean {
  return (
    ['output', 'voltage.set', 'current.set'].some((id) => controlOf(instrument, `${group}.${id}`)) ||
    channelOf(channels, `${group}.voltage`) !== undefined
  );
}

function SupplyOutput({ instrument, channels, group }: CardProps & { group: string }): ReactElement {
  const name = group.toUpperCase();
  const mode = instrument.status[`${group}.mode`] ?? '';
  const tripped = instrument.status[`${group}.tripped`] ?? '';
  const output = instrument.values[`${group}.output`];
  const isOn = output?.readBack ?? output?.asked;
  const voltage = channelOf(channels, `${group}.voltage`);
  const current = channelOf(channels, `${group}.current`);
  const power = channelOf(channels, `${group}.power`);
  const setVoltage = controlOf(instrument, `${group}.voltage.set`);
  const setCurrent = controlOf(instrument, `${group}.current.set`);
  return (
    <section className="output" aria-label={name} data-on={isOn === true}>
      <h4>
        {name}
        {controlOf(instrument, `${group}.output`) && (
          <ControlSwitch instrument={instrument} control={`${group}.output`} label={`${name} output`} />
        )}
      </h4>
      <div className="measured">
        {voltage && <Readout channel={voltage} className="mid" label={`${name} voltage`} />}
        {current && <Readout channel={current} className="mid" label={`${name} current`} />}
        {power && <Readout channel={power} className="low" label={`${name} power`} />}
      </div>
      <div className="sets">
        {setVoltage && <SetpointBox instrument={instrument} control={setVoltage} label={`${name} voltage`} />}
        {setCurrent && <SetpointBox instrument={instrument} control={setCurrent} label={`${name} current limit`} />}
      </div>
      <div className="lamps">
        {!tripped && <ModeLamp mode={mode} isOn={isOn} />}
        <ProtectionLamp instrument={instrument} group={group} />
        <EnvelopeLamp instrument={instrument} group={group} />
      </div>
    </section>
  );
}

function ModeLamp({ mode, isOn }: { mode: string; isOn: ControlValue | undefined }): ReactElement {
  // Until it was read, nobody knows: an output must not be called off.
  if (isOn === undefined) return <Lamp word="not read yet" tone="off" />;
  const word = !isOn ? 'off' : mode && mode !== 'off' ? mode : 'on';
  const tone = word === 'CC' ? 'warn' : word === 'off' ? 'off' : 'ok';
  const title =
    word === 'CV' ? 'Constant voltage' : word === 'CC' ? 'Constant current: the limit is reached' : undefined;
  return <Lamp word={word} tone={tone} title={title} />;
}

/** The limits of one output as a lamp; a click sets them. Tripped: says so, and clears. */
function ProtectionLamp({ instrument, group }: { instrument: InstrumentState; group: string }): ReactElement | null {
  const controls = ['ovp.enabled', 'ovp.level', 'ocp.enabled', 'ocp.level'].flatMap((id) => {
    const control = controlOf(instrument, `${group}.${id}`);
    return control ? [control] : [];
  });
  const clear = controlOf(instrument, `${group}.protection.clear`);
  const tripped = instrument.status[`${group}.tripped`] ?? '';
  if (controls.length === 0 && !tripped) return null;
  return (
    <Popover
      className={`lamp ${tripped ? 'bad' : 'off'}`}
      label={`${group.toUpperCase()} limits`}
      title={tripped ? `${tripped} tripped: the output was switched off by the instrument` : 'Protection limits'}
      button={tripped ? `${tripped} tripped` : limitWord(instrument, group)}
    >
      {(close) => (
        <div className="popover-body narrow">
          <h3>{group.toUpperCase()} limits</h3>
          {tripped && clear && (
            <button
              type="button"
              className="btn danger"
              onClick={() => {
                void act('instrument.set', { instrument: instrument.id, control: clear.id, value: true });
                close();
              }}
            >
              Clear {tripped} trip
            </button>
          )}
          {controls.map((control) => (
            <div className="control-row" key={control.id}>
              <span>{control.label}</span>
              <ControlField instrument={instrument} control={control} />
            </div>
          ))}
          {/* Some cannot say that they tripped. */}
          {!tripped && clear && (
            <div className="control-row">
              <span>Trip</span>
              <ControlAction instrument={instrument} control={clear} />
            </div>
          )}
        </div>
      )}
    </Popover>
  );
}

function limitWord(instrument: InstrumentState, group: string): string {
  const one = (kind: 'ovp' | 'ocp', unit: string): string => {
    const enabled = instrument.values[`${group}.${kind}.enabled`];
    const level = instrument.values[`${group}.${kind}.level`]?.readBack;
    if ((enabled?.readBack ?? enabled?.asked) !== true || typeof level !== 'number') return '';
    return `${kind.toUpperCase()} ${Number(setpointText(level, { unit, resolution: 0.01 }))} ${unit}`;
  };
  return one('ovp', 'V') || one('ocp', 'A') || 'no limits';
}
