import type { ReactElement } from 'react';
import { showError, toast } from '../actions.ts';

/** Puts a text on the clipboard and says so. */
export function CopyButton({
  text,
  what,
  label = 'Copy',
}: {
  text: string;
  what: string;
  label?: string;
}): ReactElement {
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text);
    toast({ severity: 'done', text: `${what} copied.` });
  };
  return (
    <button
      type="button"
      className="btn small"
      aria-label={label === 'Copy' ? `Copy ${text}` : undefined}
      onClick={() => void copy().catch(showError)}
    >
      {label}
    </button>
  );
}
