import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'electron-vite';

const at = (path: string): string => resolve(import.meta.dirname, path);

/** Entries that exist; the others are still being written. */
const present = (entries: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(entries).filter(([, path]) => existsSync(path)));

const hasRenderer = existsSync(at('src/renderer/main.tsx'));

/**
 * Three bundles. `out/main` holds every Node entry: the Electron shell, the engine process, the command line and browser host,
 * the simulated bench and the export worker; packages stay outside as node_modules. Sandboxed preloads must be CommonJS.
 */
export default defineConfig({
  main: {
    build: {
      outDir: 'out/main',
      rollupOptions: {
        input: present({
          index: at('src/main/index.ts'),
          'engine-entry': at('src/main/engine-entry.ts'),
          cli: at('src/headless/cli.ts'),
          simulator: at('src/simulator/main.ts'),
          'export-worker': at('src/engine/export/export-worker.ts'),
        }),
        output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
      },
    },
  },
  preload: {
    build: {
      externalizeDeps: false,
      outDir: 'out/preload',
      rollupOptions: {
        input: { index: at('src/preload/index.ts') },
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  ...(hasRenderer
    ? {
        renderer: {
          root: 'src/renderer',
          base: './',
          plugins: [react()],
          build: {
            outDir: 'out/renderer',
            minify: true,
            assetsInlineLimit: 0,
            rollupOptions: { input: { index: at('src/renderer/index.html') } },
          },
        },
      }
    : {}),
});
