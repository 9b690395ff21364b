import { stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import type { IpcMainEvent, IpcMainInvokeEvent, WebContents } from 'electron';
import { BrowserWindow, dialog, ipcMain, shell } from 'electron';
import type { FileRequest } from '../preload/shell.ts';
import { SHELL_CHANNELS } from '../preload/shell.ts';
import { isTrustedSender } from './trusted-sender.ts';

const MAX_TEXT = 4000;

function fromOurPage(event: IpcMainEvent | IpcMainInvokeEvent): boolean {
  return isTrustedSender(event.senderFrame);
}

/** A path from the page: an absolute one of sane length, or an error. */
export function parsePath(value: unknown): string {
  if (typeof value === 'string' && value.length <= MAX_TEXT && isAbsolute(value) && !value.includes('\0')) return value;
  throw new Error('The path is not an absolute path of a file here.');
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TEXT;
}

function isFilter(value: unknown): value is { name: string; extensions: string[] } {
  const { name, extensions } = (value ?? {}) as Record<string, unknown>;
  return isText(name) && Array.isArray(extensions) && extensions.every(isText);
}

/** A file request from the page, checked field by field, or an error. */
export function parseFileRequest(value: unknown): FileRequest {
  const { kind, title, defaultName, filters } = (value ?? {}) as Record<string, unknown>;
  if (kind !== 'open' && kind !== 'save' && kind !== 'folder')
    throw new Error('A file dialog is open, save or folder.');
  if (!isText(title)) throw new Error('A file dialog needs a title.');
  const request: FileRequest = { kind, title };
  if (isText(defaultName)) request.defaultName = defaultName;
  if (Array.isArray(filters) && filters.length <= 20 && filters.every(isFilter)) {
    request.filters = filters.map(({ name, extensions }) => ({ name, extensions }));
  }
  return request;
}

async function chooseFile(page: WebContents, request: FileRequest): Promise<string | null> {
  const window = BrowserWindow.fromWebContents(page);
  if (!window) return null;
  const options = { title: request.title, defaultPath: request.defaultName ?? '', filters: request.filters ?? [] };
  if (request.kind === 'save') {
    const { canceled, filePath } = await dialog.showSaveDialog(window, options);
    return canceled || filePath === '' ? null : filePath;
  }
  const properties: ('openFile' | 'openDirectory' | 'createDirectory')[] =
    request.kind === 'open' ? ['openFile'] : ['openDirectory', 'createDirectory'];
  const { canceled, filePaths } = await dialog.showOpenDialog(window, { ...options, properties });
  return canceled ? null : (filePaths[0] ?? null);
}

async function openFolder(path: string): Promise<void> {
  // Opening a file would run it.
  if (!(await stat(path)).isDirectory()) throw new Error('Only a folder can be opened.');
  const reason = await shell.openPath(path);
  if (reason !== '') throw new Error(reason);
}

/** A call of the page: refused unless it comes from the top frame of our page. */
function handle<T>(channel: string, carryOut: (page: WebContents, value: unknown) => T | Promise<T>): void {
  ipcMain.handle(channel, (event, value: unknown) => {
    if (!fromOurPage(event)) throw new Error('Refused: this frame is not Labwire.');
    return carryOut(event.sender, value);
  });
}

/** Answers the verbs of `LabwireShell`. `connect`: gives the page its port to the engine. */
export function serveShellCalls(connect: (page: WebContents) => void): void {
  ipcMain.on(SHELL_CHANNELS.connect, (event) => {
    if (fromOurPage(event)) connect(event.sender);
  });
  handle(SHELL_CHANNELS.chooseFile, (page, value) => chooseFile(page, parseFileRequest(value)));
  handle(SHELL_CHANNELS.reveal, (_page, value) => shell.showItemInFolder(parsePath(value)));
  handle(SHELL_CHANNELS.openFolder, (_page, value) => openFolder(parsePath(value)));
}
