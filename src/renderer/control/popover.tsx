import { type KeyboardEvent, type ReactElement, type ReactNode, useEffect, useId, useRef, useState } from 'react';

interface PopoverProps {
  /** Content of the button. */
  button: ReactNode;
  label?: string | undefined;
  title?: string | undefined;
  className?: string | undefined;
  align?: 'start' | 'end';
  testId?: string | undefined;
  tone?: string | undefined;
  disabled?: boolean | undefined;
  /** A menu moves with the arrow keys and closes on a choice. */
  menu?: boolean;
  children: (close: () => void) => ReactNode;
}

const GAP_PX = 6;

/** A button with a panel or menu: the browser's popover, so it lies over everything and closes on Escape and clicks beside it. */
export function Popover(props: PopoverProps): ReactElement {
  const { button, label, title, className = 'btn', align = 'start', menu, children } = props;
  const id = useId();
  const trigger = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);

  useEffect(() => {
    const element = panel.current;
    const onToggle = (event: Event): void => setOpen((event as ToggleEvent).newState === 'open');
    element?.addEventListener('toggle', onToggle);
    return () => element?.removeEventListener('toggle', onToggle);
  }, []);

  useEffect(() => {
    if (!open || !trigger.current || !panel.current) return;
    place(panel.current, trigger.current, align);
    if (menu) panel.current.querySelector<HTMLElement>('button:not(:disabled)')?.focus();
    const observer = new ResizeObserver(() => {
      if (trigger.current && panel.current) place(panel.current, trigger.current, align);
    });
    observer.observe(panel.current);
    return () => observer.disconnect();
  }, [open, align, menu]);

  const close = (): void => panel.current?.hidePopover();
  return (
    <>
      <button
        ref={trigger}
        type="button"
        className={className}
        aria-label={label}
        title={title}
        data-testid={props.testId}
        data-tone={props.tone}
        disabled={props.disabled}
        aria-haspopup={menu ? 'menu' : 'dialog'}
        aria-expanded={open}
        popoverTarget={id}
      >
        {button}
      </button>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: it has a role, chosen by its kind */}
      {/* biome-ignore lint/a11y/useAriaPropsSupportedByRole: both roles take a name */}
      <div
        ref={panel}
        id={id}
        popover="auto"
        className={menu ? 'popover menu' : 'popover'}
        role={menu ? 'menu' : 'dialog'}
        aria-label={label ?? (typeof button === 'string' ? button : undefined)}
        onKeyDown={menu ? moveFocus : undefined}
      >
        {open && children(close)}
      </div>
    </>
  );
}

/** One line of a menu. */
export function MenuItem(props: {
  children: ReactNode;
  danger?: boolean;
  disabled?: boolean;
  title?: string | undefined;
  onPick: () => void;
}): ReactElement {
  return (
    <button
      type="button"
      role="menuitem"
      className={props.danger ? 'danger' : undefined}
      disabled={props.disabled}
      title={props.title}
      onClick={props.onPick}
    >
      {props.children}
    </button>
  );
}

function moveFocus(event: KeyboardEvent<HTMLElement>): void {
  const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
  if (step === 0) return;
  event.preventDefault();
  const items = [...event.currentTarget.querySelectorAll<HTMLElement>('button:not(:disabled)')];
  const at = items.indexOf(document.activeElement as HTMLElement);
  items[(at + step + items.length) % items.length]?.focus();
}

function place(panel: HTMLElement, trigger: HTMLElement, align: 'start' | 'end'): void {
  const anchor = trigger.getBoundingClientRect();
  const width = panel.offsetWidth;
  const height = panel.offsetHeight;
  const left = align === 'start' ? anchor.left : anchor.right - width;
  const below = anchor.bottom + GAP_PX;
  const top = below + height > innerHeight - GAP_PX ? Math.max(GAP_PX, anchor.top - GAP_PX - height) : below;
  panel.style.left = `${Math.min(Math.max(GAP_PX, left), Math.max(GAP_PX, innerWidth - width - GAP_PX))}px`;
  panel.style.top = `${top}px`;
}
