import { constants } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';

/** What a built page consists of; nothing else is given out. */
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.woff': 'font/woff',
  '.wasm': 'application/wasm',
};

/** An open file of the page; the receiver closes the handle. */
export interface PageFile {
  readonly handle: FileHandle;
  readonly sizeBytes: number;
  readonly type: string;
}

/**
 * Opens a file of the built page for a path as it stands in a URL, percent-encoded. Undefined for everything else: missing, a folder, a pipe, an
 * unknown kind, a name that decodes to a way out, a link that leads out.
 */
export async function openPageFile(folder: string, encodedPath: string): Promise<PageFile | undefined> {
  const names = namesOf(encodedPath);
  const type = TYPES[extname(names?.at(-1) ?? '')];
  if (!names || type === undefined) return undefined;
  let handle: FileHandle | undefined;
  try {
    const root = await realpath(folder);
    const path = await realpath(join(root, ...names));
    if (!path.startsWith(root + sep)) return undefined;
    // Not blocking: a named pipe would hang the open.
    handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stat = await handle.stat();
    if (stat.isFile()) return { handle, sizeBytes: stat.size, type };
  } catch {
    // Whatever the system says about it: it is not served.
  }
  await handle?.close();
  return undefined;
}

/** The names of a path; undefined if one is no plain name: `..`, hidden, a drive, a stream, with a separator or NUL in it. */
function namesOf(encodedPath: string): string[] | undefined {
  try {
    const names = encodedPath
      .split('/')
      .filter((part) => part !== '')
      .map((part) => decodeURIComponent(part));
    return names.every((name) => /^[^./\\:\0][^/\\:\0]*$/.test(name)) ? names : undefined;
  } catch {
    return undefined;
  }
}
