import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { InlineConfig } from 'vite';
import { build } from 'vite';

const HERE = import.meta.dirname;
const ROOT = resolve(HERE, '..', '..');

/** Folder of the bundled host: electron.mjs, shim.mjs, child.mjs and the two world scripts. */
export const HOST_FOLDER = join(ROOT, '.labwire', 'chromium-host');

const COMMON: InlineConfig = { configFile: false, root: ROOT, logLevel: 'warn' };
const OUTPUT = { outDir: HOST_FOLDER, emptyOutDir: false, minify: false } as const;

/** Bundles the host, because plain Node 20 runs no TypeScript. About half a second. */
export async function bundleHost(): Promise<void> {
  mkdirSync(HOST_FOLDER, { recursive: true });
  await build({
    ...COMMON,
    build: {
      ...OUTPUT,
      ssr: true,
      target: 'node20',
      rollupOptions: {
        input: ['electron', 'shim', 'child'].map((name) => join(HERE, `${name}.ts`)),
        output: { format: 'es', entryFileNames: '[name].mjs', chunkFileNames: '[name]-[hash].mjs' },
      },
    },
  });
  for (const name of ['isolated-world', 'main-world']) {
    await build({
      ...COMMON,
      build: {
        ...OUTPUT,
        target: 'esnext',
        modulePreload: false,
        rollupOptions: { input: join(HERE, `${name}.ts`), output: { format: 'iife', entryFileNames: `${name}.js` } },
      },
    });
  }
}
