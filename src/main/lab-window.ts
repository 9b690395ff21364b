import { join } from 'node:path';
import { app, BrowserWindow, nativeTheme, screen } from 'electron';
import { RestartLimit } from '../core/restart-limit.ts';
import { VERSION_ARGUMENT } from '../preload/shell.ts';
import { PAGE_URL } from './app-protocol.ts';
import { readWindowState, writeWindowState } from './window-state.ts';

const SIZE = { width: 1280, height: 800, minWidth: 1024, minHeight: 640 };
const BACKGROUND = { dark: '#0e1115', light: '#eef1f5' };
const KEEP_AFTER_MS = 500;

/** Keeps place and size after each change and when the window closes. */
function keepState(window: BrowserWindow, path: string): void {
  let timer: NodeJS.Timeout | undefined;
  const keep = (): void => {
    clearTimeout(timer);
    const state = { maximized: window.isMaximized(), fullScreen: window.isFullScreen() };
    writeWindowState(path, { bounds: window.getNormalBounds(), ...state });
  };
  const keepSoon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(keep, KEEP_AFTER_MS);
  };
  window.on('resize', keepSoon);
  window.on('move', keepSoon);
  window.on('close', keep);
}

/** A page that crashed is loaded again, but not for ever; the engine and its recording do not notice. */
function reloadAfterCrash(window: BrowserWindow): void {
  const reloads = new RestartLimit();
  window.webContents.on('render-process-gone', (_event, { reason }) => {
    if (reason === 'clean-exit' || window.isDestroyed()) return;
    const pauseMs = reloads.next(performance.now());
    if (pauseMs === undefined) {
      console.error(`labwire: the page crashed again and again (${reason}); close the window and start Labwire anew.`);
      return;
    }
    setTimeout(() => {
      if (!window.isDestroyed()) void window.loadURL(PAGE_URL);
    }, pauseMs);
  });
}

/** Opens the window where it was last. `preload`: the built preload; `statePath`: where its place is kept. */
export function openLabWindow(preload: string, statePath: string): BrowserWindow {
  const areas = screen.getAllDisplays().map((display) => display.workArea);
  const state = readWindowState(statePath, areas);
  const window = new BrowserWindow({
    ...SIZE,
    ...state.bounds,
    show: false,
    title: 'Labwire',
    backgroundColor: nativeTheme.shouldUseDarkColors ? BACKGROUND.dark : BACKGROUND.light,
    ...(process.platform === 'linux' ? { icon: join(app.getAppPath(), 'resources', 'icon.png') } : {}),
    webPreferences: {
      preload,
      nodeIntegration: false,
      contextIsolation: true,
      sandbox: true,
      webviewTag: false,
      spellcheck: false,
      // A hidden window goes on taking frames, so that it shows no gap when it comes back.
      backgroundThrottling: false,
      additionalArguments: [`${VERSION_ARGUMENT}${app.getVersion()}`],
    },
  });
  if (state.maximized) window.maximize();
  if (state.fullScreen) window.setFullScreen(true);
  keepState(window, statePath);
  reloadAfterCrash(window);
  window.once('ready-to-show', () => window.show());
  void window.loadURL(PAGE_URL);
  return window;
}
