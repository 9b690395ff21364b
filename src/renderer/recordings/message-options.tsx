import { type ReactElement, useState } from 'react';
import type { ExportChoices } from '../../contract/export-schema.ts';
import { ROTATE_BYTES } from '../../contract/recording-schema.ts';
import { readSize, sizeText } from '../../core/size-text.ts';
import { PlainSwitch } from '../control/switch.tsx';

/** What can be chosen for the formats of messages, live or exported; what is absent follows the defaults. */
export type MessageChoices = Pick<ExportChoices, 'gzip' | 'timestamps' | 'metadata' | 'rotateBytes'>;

/** Fields of a form for the formats of messages (docs/lablink-formats.md). A size that cannot be read keeps its form from being sent. */
export function MessageOptionFields(props: {
  choices: MessageChoices;
  onChange: (change: MessageChoices) => void;
}): ReactElement {
  const { choices, onChange } = props;
  const flag = (
    key: 'gzip' | 'timestamps' | 'metadata',
    label: string,
    standard: boolean,
    hint: string,
  ): ReactElement => (
    <div className="field">
      <span className="label">{label}</span>
      <PlainSwitch label={label} checked={choices[key] ?? standard} onChange={(value) => onChange({ [key]: value })} />
      <span className="hint">{hint}</span>
    </div>
  );
  return (
    <>
      {flag('gzip', 'Packed (gzip)', false, 'Much smaller; the name ends in .gz.')}
      {flag('timestamps', 'Time of each message', true, 'When it was written, or measured, first in each message.')}
      {flag(
        'metadata',
        'Head with what it is',
        true,
        'The first message of each file says what was recorded, and by whom.',
      )}
      <RotateField bytes={choices.rotateBytes} onChange={(rotateBytes) => onChange({ rotateBytes })} />
    </>
  );
}

function RotateField(props: { bytes: number | undefined; onChange: (bytes: number) => void }): ReactElement {
  const { least, most, standard } = ROTATE_BYTES;
  const [text, setText] = useState(sizeText(props.bytes ?? standard));
  const size = readSize(text, least, most);
  return (
    <div className="field">
      <label htmlFor="message-rotate">New file after</label>
      <input
        id="message-rotate"
        className="input num"
        value={text}
        aria-invalid={!size.ok}
        aria-describedby="message-rotate-hint"
        ref={(input) => input?.setCustomValidity(size.ok ? '' : size.reason)}
        onChange={(event) => {
          setText(event.target.value);
          const read = readSize(event.target.value, least, most);
          if (read.ok) props.onChange(read.value);
        }}
      />
      <span id="message-rotate-hint" className={size.ok ? 'hint' : 'hint wrong'}>
        {size.ok
          ? `It goes on in a numbered file from this size on: ${sizeText(least)} to ${sizeText(most)}.`
          : size.reason}
      </span>
    </div>
  );
}
