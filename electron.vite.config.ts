import { resolve } from 'node:path';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'electron-vite';

const at = (path: string): string => resolve(import.meta.dirname, path);

/**
 * Three bundles. `out/main` holds every Node entry: the Electron shell, the engine processes, the command line and browser host,
 * the simulated bench and the export worker; packages stay outside as node_modules. Plain Node 20 runs them too, so `using` is
 * lowered. Sandboxed preloads must be CommonJS.
 */
export default defineConfig({
  main: {
    build: {
      outDir: 'out/main',
      target: 'node20',
      rollupOptions: {
        input: {
          index: at('src/main/index.ts'),
          'engine-entry': at('src/main/engine-entry.ts'),
          cli: at('src/headless/cli.ts'),
          'engine-child': at('src/headless/engine-child.ts'),
          hub: at('src/hub/main.ts'),
          simulator: at('src/simulator/main.ts'),
          'export-worker': at('src/engine/export/export-worker.ts'),
          'vendor-visa': at('src/engine/transport/vendor-visa/visa-child.ts'),
        },
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
  renderer: {
    root: 'src/renderer',
    base: './',
    plugins: [react()],
    build: {
      target: 'es2023',
      outDir: 'out/renderer',
      minify: true,
      assetsInlineLimit: 0,
      // Two pages: the program, loaded from the disk beside it, and the login at a hub.
      chunkSizeWarningLimit: 2000,
      rollupOptions: { input: { index: at('src/renderer/index.html'), login: at('src/renderer/login.html') } },
    },
  },
});
