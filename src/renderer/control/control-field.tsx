import { type ReactElement, useState } from 'react';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import type { Control } from '../../core/instrument.ts';
import { act } from '../actions.ts';
import { VIEW_ONLY } from '../lacks-right.ts';
import { useMay } from '../may.ts';
import { differs } from '../setpoint.ts';
import { SetpointBox } from './setpoint-box.tsx';
import { ControlSwitch } from './switch.tsx';

/** A choice of an instrument, as a compact list. */
export function ControlChoice(props: { instrument: InstrumentState; control: Control; label: string }): ReactElement {
  const { instrument, control, label } = props;
  const mayControl = useMay('control');
  const [busy, setBusy] = useState(false);
  const state = instrument.values[control.id];
  const set = state?.readBack ?? state?.asked;
  const value = set === undefined ? '' : String(set);
  const choices = control.choices ?? [];
  const isDifferent = !busy && differs(state?.asked, state?.readBack);
  const pick = async (next: string): Promise<void> => {
    setBusy(true);
    await act('instrument.set', { instrument: instrument.id, control: control.id, value: next });
    setBusy(false);
  };
  return (
    <select
      className="choice"
      aria-label={label}
      aria-busy={busy}
      disabled={!mayControl}
      data-differs={isDifferent}
      data-control={control.id}
      title={
        !mayControl
          ? `${label}. ${VIEW_ONLY}`
          : isDifferent
            ? `Asked ${String(state?.asked)}, the instrument says ${value}`
            : label
      }
      value={value}
      onChange={(event) => void pick(event.target.value)}
    >
      {!choices.includes(value) && <option value={value}>{value || '–'}</option>}
      {choices.map((choice) => (
        <option key={choice} value={choice}>
          {choice}
        </option>
      ))}
    </select>
  );
}

/** Something to trigger: clear a protection, take one acquisition. */
export function ControlAction(props: { instrument: InstrumentState; control: Control; label?: string }): ReactElement {
  const { instrument, control } = props;
  const mayControl = useMay('control');
  const [busy, setBusy] = useState(false);
  const press = async (): Promise<void> => {
    setBusy(true);
    await act('instrument.set', { instrument: instrument.id, control: control.id, value: true });
    setBusy(false);
  };
  return (
    <button
      type="button"
      className="btn small"
      disabled={busy || !mayControl}
      data-control={control.id}
      title={mayControl ? undefined : VIEW_ONLY}
      onClick={() => void press()}
    >
      {props.label ?? control.label}
    </button>
  );
}

/** `CH1 Source`: the name of a control outside of its group. */
export function controlLabel({ group, label }: Pick<Control, 'group' | 'label'>): string {
  return group ? `${group.toUpperCase()} ${label}` : label;
}

/** The control of any kind, with its name from the instrument. */
export function ControlField({ instrument, control }: { instrument: InstrumentState; control: Control }): ReactElement {
  const label = controlLabel(control);
  switch (control.kind) {
    case 'number':
      return <SetpointBox instrument={instrument} control={control} label={label} />;
    case 'switch':
      return <ControlSwitch instrument={instrument} control={control.id} label={label} />;
    case 'choice':
      return <ControlChoice instrument={instrument} control={control} label={label} />;
    case 'action':
      return <ControlAction instrument={instrument} control={control} />;
  }
}
