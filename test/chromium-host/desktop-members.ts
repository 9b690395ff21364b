import { EventEmitter } from 'node:events';
import { strict } from './strict.ts';

/** What main did with the desktop, for tests to look at: there is no desktop here. */
export const deeds: { what: string; value: unknown }[] = [];

function did(what: string, value: unknown): void {
  deeds.push({ what, value });
}

const noDialog = (name: string) => (): never => {
  throw new Error(`This host shows no dialogs; a test that needs one replaces dialog.${name}.`);
};

export const dialog = strict('dialog', {
  showOpenDialog: noDialog('showOpenDialog'),
  showSaveDialog: noDialog('showSaveDialog'),
  showErrorBox(title: string, content: string): void {
    did('showErrorBox', { title, content });
    console.error(`${title}\n${content}`);
  },
});

export const shell = strict('shell', {
  openExternal: async (url: string) => did('openExternal', url),
  showItemInFolder: (path: string) => did('showItemInFolder', path),
  async openPath(path: string): Promise<string> {
    did('openPath', path);
    return '';
  },
});

class Menu {
  static shown: Menu | null = null;
  readonly items: Record<string, unknown>[];

  constructor(items: Record<string, unknown>[]) {
    this.items = items;
  }

  static buildFromTemplate(template: Record<string, unknown>[]): Menu {
    return new Menu(template);
  }

  static setApplicationMenu(menu: Menu | null): void {
    Menu.shown = menu;
  }

  static getApplicationMenu(): Menu | null {
    return Menu.shown;
  }
}

const StrictMenu = strict('Menu', Menu);

export { StrictMenu as Menu };

/** Kept in `deeds`; nobody sees it, nobody clicks it. */
export class Notification extends EventEmitter {
  private readonly options: unknown;

  constructor(options: unknown) {
    super();
    this.options = options;
  }

  static isSupported(): boolean {
    return true;
  }

  show(): void {
    did('notification', this.options);
  }
}

const blockers = new Set<number>();
let lastBlocker = 0;

export const powerSaveBlocker = strict('powerSaveBlocker', {
  start(type: string): number {
    did('powerSaveBlocker.start', type);
    blockers.add(++lastBlocker);
    return lastBlocker;
  },
  stop(id: number): boolean {
    did('powerSaveBlocker.stop', id);
    return blockers.delete(id);
  },
  isStarted: (id: number): boolean => blockers.has(id),
});

/** As on a Linux without a keychain. */
export const safeStorage = strict('safeStorage', {
  isEncryptionAvailable: (): boolean => true,
  getSelectedStorageBackend: (): string => 'basic_text',
  encryptString: (text: string): Buffer => Buffer.from(text, 'utf8'),
  decryptString: (sealed: Buffer): string => sealed.toString('utf8'),
});

export const powerMonitor = new EventEmitter();

const shortcuts = new Map<string, () => void>();

/** No keyboard of the desktop: a test presses by `globalShortcut.press(keys)`. */
export const globalShortcut = strict('globalShortcut', {
  register(keys: string, pressed: () => void): boolean {
    if (shortcuts.has(keys)) return false;
    shortcuts.set(keys, pressed);
    return true;
  },
  isRegistered: (keys: string): boolean => shortcuts.has(keys),
  unregisterAll: (): void => shortcuts.clear(),
  press: (keys: string): void => shortcuts.get(keys)?.(),
});

export const nativeTheme = strict('nativeTheme', { shouldUseDarkColors: true, themeSource: 'system' });

const WORK_AREA = { x: 0, y: 0, width: 1920, height: 1080 };
export const screen = strict('screen', { getAllDisplays: () => [{ id: 1, workArea: WORK_AREA, bounds: WORK_AREA }] });
