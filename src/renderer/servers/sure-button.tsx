import { type ReactElement, useState } from 'react';

/** Does what cannot be taken back on the second click; leaving it forgets the first. */
export function SureButton(props: {
  label: string;
  /** What the second click does. */
  sure: string;
  /** Whom or what it is about, for those who do not see in which row it stands. */
  about?: string;
  small?: boolean;
  title?: string;
  onSure: () => void;
}): ReactElement {
  const [isSure, setIsSure] = useState(false);
  const { label, sure, about, small, title, onSure } = props;
  return (
    <button
      type="button"
      className={['btn', small && 'small', isSure && 'danger'].filter(Boolean).join(' ')}
      title={title}
      aria-label={isSure || about === undefined ? undefined : `${label} ${about}`}
      onClick={() => {
        setIsSure(!isSure);
        if (isSure) onSure();
      }}
      onBlur={() => setIsSure(false)}
    >
      {isSure ? sure : label}
    </button>
  );
}
