import { shell } from './shell.ts';

const IS_MAC = /Mac/.test(shell?.platform === 'darwin' ? 'Mac' : navigator.userAgent);

/** How a shortcut with the command key is written here. Browsers keep some for themselves (a new window), so Alt does the same there. */
export function shortcutText(key: string): string {
  if (!shell) return IS_MAC ? `\u2325${key}` : `Alt+${key}`;
  return IS_MAC ? `\u2318${key}` : `Ctrl+${key}`;
}
