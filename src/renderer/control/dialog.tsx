import { type ReactElement, type ReactNode, useId, useLayoutEffect, useRef } from 'react';
import { Icon } from './icon.tsx';

interface DialogProps {
  title: string;
  wide?: boolean;
  /** Beside the title: a search box, buttons. */
  head?: ReactNode;
  children: ReactNode;
  /** Buttons at the bottom. */
  foot?: ReactNode;
  /** A click beside it closes it: only for dialogs that hold no unsent input. */
  closesOutside?: boolean;
  onClose: () => void;
}

/** A modal dialog: the browser's own, so focus stays inside, Escape closes it and focus returns to where it was. */
export function Dialog({ title, wide, head, children, foot, closesOutside, onClose }: DialogProps): ReactElement {
  const ref = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  // Closed while it is still in the page: the browser gives the focus back only then.
  useLayoutEffect(() => {
    const dialog = ref.current;
    if (dialog && !dialog.open) {
      dialog.showModal();
      // The browser would focus the close button; a dialog is opened to fill in its first field.
      dialog.querySelector<HTMLElement>('input, select, textarea')?.focus();
    }
    return () => dialog?.close();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape is the key for it, handled by the browser as `cancel`
    <dialog
      ref={ref}
      className={wide ? 'dialog wide' : 'dialog'}
      aria-labelledby={titleId}
      onCancel={(event) => {
        if (event.target !== ref.current) return;
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (closesOutside && event.target === ref.current) onClose();
      }}
    >
      <header className="dialog-head">
        <h2 id={titleId}>{title}</h2>
        {head ?? <span className="grow" />}
        <button type="button" className="btn icon" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      {children}
      {foot && <footer className="dialog-foot">{foot}</footer>}
    </dialog>
  );
}
