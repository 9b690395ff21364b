/** What a file dialog shows. Without `defaultName` the dialog starts in the user's documents. */
export interface FileRequest {
  kind: 'open' | 'save' | 'folder';
  title: string;
  defaultName?: string;
  /** `{ name: 'Bench files', extensions: ['labwire'] }`; none: all files. */
  filters?: { name: string; extensions: string[] }[];
}

/**
 * What the page may ask of the desktop shell: `window.labwireShell`. Absent in a browser, which offers its own way.
 * Promises reject with a plain `Error` if main refuses.
 */
export interface LabwireShell {
  readonly platform: 'win32' | 'darwin' | 'linux' | string;
  /** Version of Labwire. */
  readonly version: string;
  /**
   * Asks for a port to the engine. One comes as a `message` event on `window` whose data is an `EnginePortMessage` and whose
   * `ports[0]` is the port: now, or when the engine is there again. Ask again after `engine-gone`:
   * Chromium does not tell a page that the other end of a port is gone.
   */
  connect(): void;
  /** Shows a file dialog; null when the person cancels. */
  chooseFile(request: FileRequest): Promise<string | null>;
  /** Shows a file in its folder. */
  reveal(path: string): Promise<void>;
  /** Opens a folder in the system's file manager; refuses anything that is no folder. */
  openFolder(path: string): Promise<void>;
}

/** `data` of the window messages that the preload posts; the port lies beside it. */
export type EnginePortMessage =
  | { labwire: 'engine-port' }
  /** The engine ended. It is started again in `retryMs`; null: not any more. */
  | { labwire: 'engine-gone'; retryMs: number | null };

/** Names of the messages between preload and main. Nothing else is listened to on either side. */
export const SHELL_CHANNELS = {
  connect: 'engine.connect',
  port: 'engine.port',
  gone: 'engine.gone',
  chooseFile: 'shell.choose-file',
  reveal: 'shell.reveal',
  openFolder: 'shell.open-folder',
} as const;

/** How main tells the sandboxed preload the version: an argument of the page's process. */
export const VERSION_ARGUMENT = '--labwire-version=';

declare global {
  interface Window {
    readonly labwireShell?: LabwireShell;
  }
}
