import { useLayoutEffect } from 'react';
import { benchStore } from './engine-link.ts';
import { outputsOff } from './frame/outputs-off.tsx';
import { toggleRecording } from './frame/record-button.tsx';
import { SCREENS, showDialog, showScreen } from './screen-store.ts';

/** The keys of the window. Outputs off works everywhere, also in a text box and over a dialog. */
export function useShortcuts(): void {
  // Before the first paint: what is seen can be typed at.
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const command = event.ctrlKey || event.metaKey;
      if (command && event.shiftKey && event.code === 'Backspace') {
        event.preventDefault();
        void outputsOff();
        return;
      }
      if (!benchStore.get() || document.querySelector('dialog[open]')) return;
      // Ctrl or Cmd; Alt does the same, because browsers keep some of the others for themselves.
      const isCall = !event.shiftKey && command !== event.altKey;
      const digit = /^Digit([1-7])$/.exec(event.code)?.[1];
      const screen = digit ? SCREENS[Number(digit) - 1] : undefined;
      if (isCall && screen) {
        event.preventDefault();
        showScreen(screen);
      } else if (isCall && event.code === 'KeyN') {
        event.preventDefault();
        showDialog({ kind: 'attach' });
      } else if (event.altKey && !command && event.code === 'KeyR') {
        event.preventDefault();
        void toggleRecording();
      }
    };
    // Capturing, so that no text box or dialog can swallow Outputs off.
    window.addEventListener('keydown', onKey, { capture: true });
    return () => window.removeEventListener('keydown', onKey, { capture: true });
  }, []);
}
