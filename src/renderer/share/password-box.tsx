import { type ReactElement, useState } from 'react';

/** A new password, hidden until somebody wants to see it. */
export function PasswordBox(props: {
  label: string;
  value: string;
  isFocused?: boolean;
  onValue: (value: string) => void;
}): ReactElement {
  const { label, value, isFocused, onValue } = props;
  const [isShown, setIsShown] = useState(false);
  return (
    <span className="share-password">
      <input
        ref={(box) => {
          if (isFocused && box && !box.dataset.met) {
            box.dataset.met = 'yes';
            box.focus();
          }
        }}
        className="input"
        type={isShown ? 'text' : 'password'}
        aria-label={label}
        placeholder={label}
        autoComplete="new-password"
        maxLength={200}
        value={value}
        onChange={(event) => onValue(event.target.value)}
      />
      <button type="button" className="btn small" aria-pressed={isShown} onClick={() => setIsShown(!isShown)}>
        {isShown ? 'Hide' : 'Show'}
      </button>
    </span>
  );
}
