import { type ReactElement, useState } from 'react';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import { act } from '../actions.ts';
import { VIEW_ONLY } from '../lacks-right.ts';
import { useMay } from '../may.ts';
import { differs } from '../setpoint.ts';

/** A switch that only acts for its caller; settings and forms. */
export function PlainSwitch(props: {
  label: string;
  checked: boolean;
  disabled?: boolean;
  onChange: (on: boolean) => void;
}): ReactElement {
  return (
    <button
      type="button"
      role="switch"
      className="switch"
      aria-label={props.label}
      aria-checked={props.checked}
      disabled={props.disabled}
      onClick={() => props.onChange(!props.checked)}
    />
  );
}

/** A switch of an instrument: shows what was read back, never what was hoped for; marked while asked and read-back differ. */
export function ControlSwitch(props: { instrument: InstrumentState; control: string; label: string }): ReactElement {
  const { instrument, control, label } = props;
  const mayControl = useMay('control');
  const [busy, setBusy] = useState(false);
  const state = instrument.values[control];
  const shown = state?.readBack ?? state?.asked;
  const isOn = shown === true;
  const isDifferent = !busy && differs(state?.asked, state?.readBack);
  const toggle = async (): Promise<void> => {
    setBusy(true);
    await act('instrument.set', { instrument: instrument.id, control, value: !isOn });
    setBusy(false);
  };
  return (
    <button
      type="button"
      role="switch"
      className="switch"
      aria-label={label}
      aria-checked={isOn}
      aria-busy={busy}
      data-differs={isDifferent}
      data-control={control}
      disabled={shown === undefined || !mayControl}
      title={
        !mayControl
          ? VIEW_ONLY
          : isDifferent
            ? `Asked ${word(state?.asked)}, the instrument says ${word(state?.readBack)}`
            : `${label}: ${word(shown)}`
      }
      onClick={() => {
        if (!busy) void toggle();
      }}
    />
  );
}

function word(value: unknown): string {
  return value === undefined ? 'not read yet' : value === true ? 'on' : 'off';
}
