import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Where the built files lie; made once from the place of `out/main/cli.js`. */
export interface BuiltFiles {
  simulator: string;
  engineChild: string;
  hub: string;
  exportWorker: URL;
  version: string;
}

/** `mainFolder`: `out/main`. */
export function builtFiles(mainFolder: string): BuiltFiles {
  const about: unknown = JSON.parse(readFileSync(join(dirname(dirname(mainFolder)), 'package.json'), 'utf8'));
  return {
    simulator: join(mainFolder, 'simulator.js'),
    engineChild: join(mainFolder, 'engine-child.js'),
    hub: join(mainFolder, 'hub.js'),
    exportWorker: pathToFileURL(join(mainFolder, 'export-worker.js')),
    version: String((about as { version?: unknown }).version),
  };
}
