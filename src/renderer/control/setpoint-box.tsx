import { type KeyboardEvent, type ReactElement, useId, useLayoutEffect, useRef, useState } from 'react';
import type { InstrumentState } from '../../contract/instrument-schema.ts';
import { LabError } from '../../core/errors.ts';
import type { Control } from '../../core/instrument.ts';
import { showError } from '../actions.ts';
import { call } from '../engine-link.ts';
import { VIEW_ONLY } from '../lacks-right.ts';
import { useMay } from '../may.ts';
import { differs, limitText, readSetpoint, setpointText, setpointUnit, stepDigit } from '../setpoint.ts';

/**
 * A setpoint: what was asked in the accent colour, editable in place; below it what the instrument read back, marked if it differs.
 * Arrow keys step the digit at the caret, Enter sends, Escape restores. Nothing is sent otherwise.
 */
export function SetpointBox(props: {
  instrument: InstrumentState;
  control: Control;
  label: string;
  /** No second line with the read-back: where a row has no room; a difference is still marked. */
  compact?: boolean;
}): ReactElement {
  const { instrument, control, label, compact } = props;
  const shape = { unit: control.unit ?? '', min: control.min, max: control.max, resolution: control.resolution };
  const state = instrument.values[control.id];
  const mayControl = useMay('control');
  const [draft, setDraft] = useState<string>();
  const [sending, setSending] = useState(false);
  const [wrong, setWrong] = useState('');
  const input = useRef<HTMLInputElement>(null);
  const caret = useRef<number>(undefined);
  const noteId = useId();

  const set = state?.asked ?? state?.readBack;
  const shown = typeof set === 'number' ? setpointText(set, shape) : '';
  const isDifferent = !sending && differs(state?.asked, state?.readBack, control.resolution);
  const readBack = typeof state?.readBack === 'number' ? setpointText(state.readBack, shape) : '–';

  useLayoutEffect(() => {
    if (caret.current === undefined || document.activeElement !== input.current) return;
    input.current?.setSelectionRange(caret.current, caret.current);
    caret.current = undefined;
  });

  const restore = (): void => {
    setDraft(undefined);
    setWrong('');
  };
  const send = async (): Promise<void> => {
    const read = readSetpoint(draft ?? shown, shape);
    if (!read.ok) {
      setWrong(read.reason);
      return;
    }
    setSending(true);
    setWrong('');
    try {
      await call('instrument.set', { instrument: instrument.id, control: control.id, value: read.value });
      setDraft(undefined);
    } catch (thrown) {
      setWrong(`not confirmed: ${LabError.from(thrown).code}`);
      showError(thrown);
    } finally {
      setSending(false);
    }
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>): void => {
    if (event.key === 'Enter') {
      event.preventDefault();
      if (!sending) void send();
    } else if (event.key === 'Escape' && (draft !== undefined || wrong)) {
      event.preventDefault();
      event.stopPropagation();
      restore();
    } else if (event.key === 'ArrowUp' || event.key === 'ArrowDown') {
      event.preventDefault();
      const typed = readSetpoint(draft ?? shown, shape);
      const plain = stepDigit(
        draft ?? shown,
        event.currentTarget.selectionStart ?? 0,
        event.key === 'ArrowUp' ? 1 : -1,
        shape,
      );
      const next =
        plain ??
        (typed.ok ? { text: setpointText(typed.value, shape), caret: event.currentTarget.value.length } : undefined);
      if (!next) return;
      caret.current = next.caret;
      setDraft(next.text);
      setWrong('');
    }
  };

  return (
    <span
      className="setpoint-cell"
      title={
        !mayControl
          ? `${label}. ${VIEW_ONLY}`
          : `${label}${limitsText(control)}. Enter sends, Escape restores, arrow keys step the digit at the caret.`
      }
    >
      <span
        className="setpoint"
        data-draft={draft !== undefined}
        data-differs={isDifferent}
        data-state={wrong ? 'invalid' : sending ? 'sending' : 'idle'}
      >
        <input
          ref={input}
          type="text"
          inputMode="text"
          autoComplete="off"
          disabled={!mayControl}
          spellCheck={false}
          aria-label={label}
          aria-invalid={wrong !== ''}
          aria-describedby={noteId}
          data-control={control.id}
          size={1}
          value={draft ?? shown}
          onChange={(event) => {
            setDraft(event.target.value);
            setWrong('');
          }}
          onKeyDown={onKeyDown}
        />
        <span>{setpointUnit(typeof set === 'number' ? set : 1, shape)}</span>
      </span>
      {!compact && (
        <span className="read-back" data-differs={isDifferent}>
          {isDifferent ? '≠ ' : '↩ '}
          {readBack}
        </span>
      )}
      <span id={noteId} className={wrong ? 'bubble bad' : 'bubble'} hidden={!wrong && draft === undefined}>
        {wrong || (sending ? 'sending…' : 'not sent yet: Enter')}
      </span>
    </span>
  );
}

function limitsText(control: Control): string {
  if (control.min === undefined || control.max === undefined) return '';
  const shape = { unit: control.unit ?? '', resolution: control.resolution };
  return ` (${limitText(control.min, shape)} … ${limitText(control.max, shape)})`;
}
