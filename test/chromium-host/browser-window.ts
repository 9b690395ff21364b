import { EventEmitter } from 'node:events';
import type { Chromium } from './chromium.ts';
import { strict } from './strict.ts';
import type { WorldScripts } from './web-contents.ts';
import { WebContents } from './web-contents.ts';

interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

interface Options extends Partial<Rectangle> {
  show?: boolean;
  webPreferences?: Record<string, unknown> & { preload?: string; additionalArguments?: string[] };
}

/** What windows need of the host: set once at start. */
export interface WindowHost {
  chromium: Chromium;
  scripts: WorldScripts;
  processOfPage: Record<string, unknown>;
  created(contents: WebContents): void;
  allClosed(): void;
}

let host: WindowHost | undefined;
const windows = new Set<BrowserWindow>();

/** The preferences that hosts.md demands; this host refuses a window without them, because it could not show what they prevent. */
const DEMANDED = { nodeIntegration: false, contextIsolation: true, sandbox: true } as const;

class BrowserWindow extends EventEmitter {
  readonly webContents: WebContents;
  readonly self: BrowserWindow;
  private readonly opened: Promise<void>;
  private bounds: Rectangle;
  private readonly flags = { visible: false, maximized: false, fullScreen: false, minimized: false };
  private destroyed = false;

  static getAllWindows(): BrowserWindow[] {
    return [...windows].map((window) => window.self);
  }

  static fromWebContents(contents: WebContents): BrowserWindow | null {
    return BrowserWindow.getAllWindows().find((window) => window.webContents.id === contents.id) ?? null;
  }

  constructor({ x = 0, y = 0, width = 800, height = 600, show = true, webPreferences = {} }: Options = {}) {
    super();
    if (!host) throw new Error('Cannot create BrowserWindow before app is ready');
    for (const [name, value] of Object.entries(DEMANDED)) {
      if ((webPreferences[name] ?? value) !== value)
        throw new Error(`This host opens no window with ${name}: ${!value}.`);
    }
    const { chromium, scripts, processOfPage, created } = host;
    this.bounds = { x, y, width, height };
    this.flags.visible = show;
    const contents = new WebContents(chromium.cdp);
    this.webContents = contents.self;
    this.self = strict('BrowserWindow', this);
    windows.add(this);
    const argv = [String(process.argv[0]), ...(webPreferences.additionalArguments ?? [])];
    this.opened = contents.open(webPreferences.preload, { ...processOfPage, argv }, scripts);
    contents.once('ready-to-show', () => this.emit('ready-to-show'));
    chromium.cdp.on('Target.targetDestroyed', ({ targetId }) => {
      if (targetId === contents.target) this.gone();
    });
    created(contents.self);
    // biome-ignore lint/correctness/noConstructorReturn: main must get the strict one.
    return this.self;
  }

  async loadURL(url: string): Promise<void> {
    await this.opened;
    await this.webContents.loadURL(url);
  }

  /** A veto of `close` keeps it open. */
  close(): void {
    let prevented = false;
    this.emit('close', { preventDefault: () => (prevented = true) });
    if (!prevented) this.destroy();
  }

  destroy(): void {
    if (this.destroyed) return;
    void host?.chromium.cdp.send('Target.closeTarget', { targetId: this.webContents.target }).catch(() => undefined);
    this.gone();
  }

  isDestroyed(): boolean {
    return this.destroyed;
  }

  show(): void {
    this.flags.visible = true;
    this.emit('show');
  }

  focus(): void {
    this.emit('focus');
  }

  isVisible(): boolean {
    return this.flags.visible;
  }

  minimize(): void {
    this.flags.minimized = true;
  }

  restore(): void {
    this.flags.minimized = false;
  }

  isMinimized(): boolean {
    return this.flags.minimized;
  }

  maximize(): void {
    this.flags.maximized = true;
    this.emit('resize');
  }

  isMaximized(): boolean {
    return this.flags.maximized;
  }

  setFullScreen(on: boolean): void {
    this.flags.fullScreen = on;
  }

  isFullScreen(): boolean {
    return this.flags.fullScreen;
  }

  setBounds(bounds: Partial<Rectangle>): void {
    this.bounds = { ...this.bounds, ...bounds };
    this.emit('resize');
  }

  getBounds(): Rectangle {
    return { ...this.bounds };
  }

  getNormalBounds(): Rectangle {
    return { ...this.bounds };
  }

  private gone(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    windows.delete(this);
    this.webContents.end();
    this.emit('closed');
    if (windows.size === 0) host?.allClosed();
  }
}

const StrictBrowserWindow = strict('BrowserWindow', BrowserWindow);

export { StrictBrowserWindow as BrowserWindow };

/** Makes windows possible: Chromium runs. */
export function setWindowHost(value: WindowHost): void {
  host = value;
}

/** Closes all windows; false if one refused. */
export function closeAllWindows(): boolean {
  for (const window of [...windows]) window.close();
  return windows.size === 0;
}
