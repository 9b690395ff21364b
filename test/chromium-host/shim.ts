// What `import … from 'electron'` gives main in this host. A name that is not here fails at import, by name.
import { app } from './app.ts';
import { BrowserWindow } from './browser-window.ts';
import {
  deeds,
  dialog,
  globalShortcut,
  Menu,
  Notification,
  nativeTheme,
  powerMonitor,
  powerSaveBlocker,
  safeStorage,
  screen,
  shell,
} from './desktop-members.ts';
import { ipcMain } from './ipc-main.ts';
import { MessageChannelMain } from './message-port.ts';
import { protocol } from './session.ts';
import { utilityProcess } from './utility-process.ts';

export {
  app,
  BrowserWindow,
  deeds,
  dialog,
  globalShortcut,
  ipcMain,
  Menu,
  MessageChannelMain,
  Notification,
  nativeTheme,
  powerMonitor,
  powerSaveBlocker,
  protocol,
  safeStorage,
  screen,
  shell,
  utilityProcess,
};
