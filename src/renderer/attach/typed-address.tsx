import { type FormEvent, type ReactElement, useRef, useState } from 'react';
import type { AttachOptions } from '../../contract/discovery-schema.ts';
import { LabError } from '../../core/errors.ts';
import { canonicalResource } from '../../core/resource.ts';
import { wayOf } from '../../core/resource-way.ts';
import { call } from '../engine-link.ts';
import { OptionsForm } from './options-form.tsx';

export interface TypedProblem {
  resource: string;
  error: LabError;
}

/** The box for everything that is not found by itself: any resource string, or a bare host[:port]; with options where the address alone does not say. */
export function TypedAddress({ onProblem }: { onProblem: (problem: TypedProblem | undefined) => void }): ReactElement {
  const [text, setText] = useState('');
  const [isOpen, setIsOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const optionsForm = useRef<HTMLFormElement>(null);
  const typed = text.trim();
  const attach = async (options?: AttachOptions): Promise<void> => {
    if (!typed) return;
    setBusy(true);
    onProblem(undefined);
    try {
      await call('instrument.open', { resource: typed, ...(options ? { options } : {}) });
      // What was typed in the meantime stays.
      setText((now) => (now.trim() === typed ? '' : now));
    } catch (thrown) {
      onProblem({ resource: typed, error: LabError.from(thrown) });
    }
    setBusy(false);
  };
  return (
    <div className="attach-head">
      <form
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          if (isOpen) optionsForm.current?.requestSubmit();
          else void attach();
        }}
      >
        <input
          className="input num"
          aria-label="Address, host or resource string"
          placeholder="Type an address, host or resource string…"
          title={`TCPIP0::192.168.1.20::inst0::INSTR, USB0::0x1AB1::0x0E11::SERIAL::INSTR, GPIB0::9::INSTR, ASRL/dev/ttyUSB0::INSTR, or a bare host[:port]${canonicalOf(typed)}`}
          value={text}
          maxLength={500}
          onChange={(event) => setText(event.target.value)}
        />
        <button
          type="button"
          className="btn"
          disabled={!typed && !isOpen}
          aria-expanded={isOpen}
          title="Family and line settings"
          onClick={() => setIsOpen(!isOpen)}
        >
          Options
        </button>
        {/* With options open, theirs is the one button: this one would leave them out. */}
        {!isOpen && (
          <button type="submit" className="btn primary" disabled={busy || !typed}>
            {busy ? 'Attaching…' : 'Attach'}
          </button>
        )}
      </form>
      {isOpen && (
        <OptionsForm
          form={optionsForm}
          isSerial={isSerial(typed)}
          isBusy={busy || !typed}
          onAttach={(options) => void attach(options)}
        />
      )}
    </div>
  );
}

/** Of what is half typed nothing is known yet. */
function isSerial(typed: string): boolean {
  return /^(asrl|com\d|\/dev\/)/i.test(typed) || wayOf(typed) === 'serial';
}

function canonicalOf(typed: string): string {
  try {
    return typed ? `\n${canonicalResource(typed)}` : '';
  } catch (error) {
    return error instanceof LabError ? '' : String(error);
  }
}
