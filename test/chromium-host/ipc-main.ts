import { EventEmitter } from 'node:events';
import { strict } from './strict.ts';

type InvokeHandler = (event: unknown, ...args: unknown[]) => unknown;

class IpcMain extends EventEmitter {
  readonly handlers = new Map<string, InvokeHandler>();

  handle(channel: string, handler: InvokeHandler): void {
    if (this.handlers.has(channel)) throw new Error(`Attempted to register a second handler for '${channel}'`);
    this.handlers.set(channel, handler);
  }

  removeHandler(channel: string): void {
    this.handlers.delete(channel);
  }
}

const main = new IpcMain();
export const ipcMain = strict('ipcMain', main);

/** Carries out a page's `invoke`. Electron's words for a throw, so that tests read the same. */
export async function invokeMain(event: unknown, channel: string, args: unknown[]): Promise<unknown> {
  const handler = main.handlers.get(channel);
  if (!handler) throw new Error(`No handler registered for '${channel}'`);
  try {
    return await handler(event, ...args);
  } catch (error) {
    throw new Error(`Error invoking remote method '${channel}': ${String(error)}`);
  }
}
