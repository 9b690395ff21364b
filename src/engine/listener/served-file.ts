import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open, realpath } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.csv': 'text/csv; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.woff': 'font/woff',
  '.wasm': 'application/wasm',
};

/** An open regular file with what its answer says; the receiver closes the handle. */
export interface ServedFile {
  handle: FileHandle;
  sizeBytes: number;
  type: string;
}

/**
 * Opens a file below `folder` for a percent-encoded path as a URL has it; undefined for all that is not a regular file in there:
 * missing, a folder, a name that decodes to a way out, a link that leads out.
 */
export async function openServedFile(folder: string, encodedPath: string): Promise<ServedFile | undefined> {
  const parts = decodeParts(encodedPath);
  if (!parts) return undefined;
  let handle: FileHandle | undefined;
  try {
    const root = await realpath(folder);
    const path = await realpath(join(root, ...parts));
    if (!path.startsWith(root + sep)) return undefined;
    // Not blocking: a named pipe would hang the open.
    handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stat = await handle.stat();
    if (stat.isFile()) {
      return { handle, sizeBytes: stat.size, type: TYPES[extname(path)] ?? 'application/octet-stream' };
    }
  } catch {
    // Whatever the system says about it: it is not served.
  }
  await handle?.close();
  return undefined;
}

/** The names of a path, decoded; undefined if one of them is no plain name. */
function decodeParts(encodedPath: string): string[] | undefined {
  try {
    const parts = encodedPath.split('/').filter((part) => part !== '');
    const names = parts.map((part) => decodeURIComponent(part));
    // Also refuses `..`, drive letters, alternate streams and the system's hidden files.
    return names.every((name) => /^[^./\\:\0][^/\\:\0]*$/.test(name)) ? names : undefined;
  } catch {
    return undefined;
  }
}
