#!/usr/bin/env node
// The command line. On a fresh clone it installs and builds first, saying so on stderr; stdout belongs to the command.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = join(import.meta.dirname, '..');
const bootstrapScript = join(root, 'scripts', 'bootstrap.mjs');

try {
  // A packed Labwire ships without scripts: it is built already.
  if (existsSync(bootstrapScript)) {
    const { bootstrap } = await import(pathToFileURL(bootstrapScript).href);
    await bootstrap({ say: (line) => process.stderr.write(`${line}\n`) });
  }
} catch (error) {
  process.stderr.write(`labwire: ${error.message}\n`);
  process.exit(1);
}
await import(pathToFileURL(join(root, 'out', 'main', 'cli.js')).href);
