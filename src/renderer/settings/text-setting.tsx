import { type ReactElement, useState } from 'react';
import { readSize, sizeText } from '../../core/size-text.ts';

export type Read<T> = { ok: true; value: T } | { ok: false; reason: string };

/** A box that sends on Enter and when it is left; Escape restores. */
export function TextSetting<T>(props: {
  label: string;
  value: string;
  unit?: string;
  isWide?: boolean;
  read: (text: string) => Read<T>;
  onSet: (value: T) => void;
}): ReactElement {
  const { label, value, unit, isWide, read, onSet } = props;
  const [draft, setDraft] = useState<string>();
  const [wrong, setWrong] = useState('');
  const send = (): void => {
    if (draft === undefined || draft === value) {
      setDraft(undefined);
      return;
    }
    const result = read(draft);
    if (!result.ok) {
      setWrong(result.reason);
      return;
    }
    setWrong('');
    setDraft(undefined);
    onSet(result.value);
  };
  return (
    <div className={isWide ? 'text-setting wide' : 'text-setting'}>
      <input
        className="input num"
        aria-label={label}
        aria-invalid={wrong !== ''}
        value={draft ?? value}
        onChange={(event) => {
          setDraft(event.target.value);
          setWrong('');
        }}
        onBlur={send}
        onKeyDown={(event) => {
          if (event.key === 'Enter') send();
          if (event.key === 'Escape') {
            setDraft(undefined);
            setWrong('');
          }
        }}
      />
      {unit && <span className="quiet">{unit}</span>}
      {wrong && <span className="wrong">{wrong}</span>}
    </div>
  );
}

/** A size as a person thinks of it: `500 MB`, `2 GiB`. */
export function SizeSetting(props: {
  label: string;
  bytes: number;
  leastBytes: number;
  onSet: (bytes: number) => void;
}): ReactElement {
  const { label, bytes, leastBytes, onSet } = props;
  return (
    <TextSetting label={label} value={sizeText(bytes)} read={(text) => readSize(text, leastBytes)} onSet={onSet} />
  );
}
