/** What a file dialog of the desktop shows. */
export interface FileRequest {
  kind: 'open' | 'save' | 'folder';
  title: string;
  defaultName?: string;
  filters?: { name: string; extensions: string[] }[];
}

/**
 * The desktop shell as the page sees it (`window.labwireShell`, made by the preload). Absent in a browser, where the page offers the
 * browser's way instead: typed paths, downloads.
 */
export interface Shell {
  readonly platform: string;
  readonly version: string;
  /** Asks for a port to the engine: it comes as a window message, now and after every restart of the engine. */
  connect(): void;
  /** null: the person cancelled. */
  chooseFile(request: FileRequest): Promise<string | null>;
  reveal(path: string): Promise<void>;
  openFolder(path: string): Promise<void>;
}

/** Undefined in a browser. */
export const shell: Shell | undefined = (globalThis as { labwireShell?: Shell }).labwireShell;
