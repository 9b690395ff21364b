import type { RecordingInfo, RecordingRow } from '../contract/recording-schema.ts';
import { createStore } from './store.ts';

/** The screens in the order of the rail and of Ctrl/Cmd+1…7. */
export const SCREENS = ['bench', 'plot', 'recordings', 'alarms', 'console', 'diagnostics', 'settings'] as const;
export type ScreenName = (typeof SCREENS)[number];

/** What is open over the screen; one at a time. */
export type DialogState =
  | { kind: 'attach' }
  | { kind: 'channels'; instrument: string; channel?: string }
  | { kind: 'exchanges'; instrument: string }
  | { kind: 'rename'; instrument: string }
  | { kind: 'screenshot'; instrument: string }
  | { kind: 'queries'; instrument: string }
  | { kind: 'servers'; server?: string; address?: string }
  | { kind: 'share'; tab?: 'setup' | 'users' | 'connections' }
  | { kind: 'ownLogin' }
  | { kind: 'safety' }
  | { kind: 'rule'; rule?: string; channel?: string }
  | { kind: 'bench'; action: 'new' | 'open' | 'saveAs' | 'rename' }
  | { kind: 'record' }
  | { kind: 'saveLast' }
  | { kind: 'preflight' }
  | { kind: 'plans' }
  | { kind: 'math' }
  | { kind: 'editRecording'; row: RecordingRow }
  | { kind: 'export'; info: RecordingInfo; range?: { fromNs: string; toNs: string } | undefined };

export interface ScreenState {
  screen: ScreenName;
  dialog: DialogState | undefined;
  /** Whose samples Plot shows: 'live' or a recording. */
  origin: string;
  /** Instrument of the console. */
  console: string | undefined;
  /** Cards of the bench folded away, so that the plot has the room. */
  isFolded: boolean;
}

const KEY = 'labwire.screen';

export const screenStore = createStore<ScreenState>({
  screen: SCREENS.find((name) => name === sessionStorage.getItem(KEY)) ?? 'bench',
  dialog: undefined,
  origin: 'live',
  console: undefined,
  isFolded: false,
});

export function showScreen(screen: ScreenName): void {
  sessionStorage.setItem(KEY, screen);
  screenStore.update((state) => ({ ...state, screen }));
}

export function showDialog(dialog: DialogState): void {
  screenStore.update((state) => ({ ...state, dialog }));
}

export function closeDialog(): void {
  screenStore.update((state) => ({ ...state, dialog: undefined }));
}

/** Opens a recording in Plot, or goes back to live. */
export function showOrigin(origin: string): void {
  screenStore.update((state) => ({ ...state, origin }));
  showScreen('plot');
}

export function showConsole(instrument: string): void {
  screenStore.update((state) => ({ ...state, console: instrument }));
  showScreen('console');
}
