import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Where the built files lie; made once from the place of `out/main/cli.js`. */
export interface BuiltFiles {
  simulator: string;
  exportWorker: URL;
  pageFolder: string;
  version: string;
}

/** `mainFolder`: `out/main`. */
export function builtFiles(mainFolder: string): BuiltFiles {
  const out = dirname(mainFolder);
  const about: unknown = JSON.parse(readFileSync(join(dirname(out), 'package.json'), 'utf8'));
  return {
    simulator: join(mainFolder, 'simulator.js'),
    exportWorker: pathToFileURL(join(mainFolder, 'export-worker.js')),
    pageFolder: join(out, 'renderer'),
    version: String((about as { version?: unknown }).version),
  };
}
