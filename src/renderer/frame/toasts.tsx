import { type ReactElement, useEffect, useRef } from 'react';
import { closeToast, toast, toastStore } from '../actions.ts';
import { Icon } from '../control/icon.tsx';
import { benchStore } from '../engine-link.ts';
import { useStore } from '../store.ts';

/** Messages of this screen and notices of the engine, bottom right, over everything. */
export function Toasts(): ReactElement {
  const list = useStore(toastStore, (value) => value);
  const ref = useRef<HTMLDivElement>(null);
  useNotices();
  // Shown anew on every change, so that it lies over a dialog that was opened since.
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    if (element.matches(':popover-open')) element.hidePopover();
    if (list.length > 0) element.showPopover();
  }, [list]);
  return (
    <div ref={ref} className="toasts" popover="manual" aria-live="polite">
      {list.map((item) => (
        <div
          key={item.id}
          className="toast"
          data-severity={item.severity}
          role={item.severity === 'error' ? 'alert' : 'status'}
        >
          <p>
            {item.text}
            {item.code && <code>{item.code}</code>}
          </p>
          {item.action && (
            <button
              type="button"
              className="btn small"
              onClick={() => {
                item.action?.run();
                closeToast(item.id);
              }}
            >
              {item.action.label}
            </button>
          )}
          <button type="button" className="btn icon" aria-label="Close message" onClick={() => closeToast(item.id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}

/** New notices of the engine become messages; those from before this screen came are only listed in Diagnostics. */
function useNotices(): void {
  const notices = useStore(benchStore, (bench) => bench?.notices);
  const seen = useRef<Set<string>>(undefined);
  useEffect(() => {
    if (!notices) return;
    const known = seen.current;
    seen.current = new Set(notices.map((item) => item.id));
    if (!known) return;
    for (const item of notices) {
      if (!known.has(item.id)) toast({ severity: item.severity, text: item.text, code: item.code });
    }
  }, [notices]);
}
