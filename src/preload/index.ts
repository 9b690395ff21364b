import { contextBridge, ipcRenderer } from 'electron';
import type { EnginePortMessage, LabwireShell } from './shell.ts';
import { SHELL_CHANNELS, VERSION_ARGUMENT } from './shell.ts';

const version = process.argv.find((text) => text.startsWith(VERSION_ARGUMENT))?.slice(VERSION_ARGUMENT.length) ?? '';

/** The page's own origin: what is posted here goes to our page or nowhere. */
function tellPage(message: EnginePortMessage, ports: readonly MessagePort[] = []): void {
  window.postMessage(message, window.location.origin === 'null' ? '*' : window.location.origin, [...ports]);
}

ipcRenderer.on(SHELL_CHANNELS.port, (event) => tellPage({ labwire: 'engine-port' }, event.ports));
ipcRenderer.on(SHELL_CHANNELS.gone, (_event, { retryMs }: { retryMs: number | null }) =>
  tellPage({ labwire: 'engine-gone', retryMs }),
);

const shell: LabwireShell = {
  platform: process.platform,
  version,
  connect: () => ipcRenderer.send(SHELL_CHANNELS.connect),
  chooseFile: (request) => ipcRenderer.invoke(SHELL_CHANNELS.chooseFile, request),
  reveal: (path) => ipcRenderer.invoke(SHELL_CHANNELS.reveal, path),
  openFolder: (path) => ipcRenderer.invoke(SHELL_CHANNELS.openFolder, path),
};
contextBridge.exposeInMainWorld('labwireShell', shell);
