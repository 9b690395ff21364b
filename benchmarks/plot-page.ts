import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { CHROMIUM_ARGUMENTS, findChromium } from '../test/chromium-host/chromium.ts';

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.woff2': 'font/woff2',
};
/** A page of `benchmarks/page`, built on the fly, in a Chromium of its own. */
export interface BenchPage extends AsyncDisposable {
  page: Page;
}

/** Builds `NAME.html`, serves it on loopback and opens it. Throws if Chromium is missing or the page throws while it loads. */
export async function openBenchPage(root: string, name: string): Promise<BenchPage> {
  const { build } = await import('vite');
  const { default: react } = await import('@vitejs/plugin-react');
  const out = await mkdtemp(join(tmpdir(), 'labwire-plot-'));
  await build({
    configFile: false,
    root: join(root, 'benchmarks', 'page'),
    base: './',
    logLevel: 'error',
    plugins: [react()],
    build: {
      outDir: out,
      emptyOutDir: true,
      target: 'esnext',
      rollupOptions: { input: join(root, 'benchmarks', 'page', `${name}.html`) },
    },
  });
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname);
    try {
      response.setHeader('content-type', TYPES[extname(path)] ?? 'application/octet-stream');
      // Isolated pages get a clock of 5 µs instead of 100 µs.
      response.setHeader('cross-origin-opener-policy', 'same-origin');
      response.setHeader('cross-origin-embedder-policy', 'require-corp');
      response.end(readFileSync(join(out, path)));
    } catch {
      response.statusCode = 404;
      response.end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  let browser: Browser | undefined;
  const close = async (): Promise<void> => {
    await browser?.close();
    server.close();
    await rm(out, { recursive: true, force: true });
  };
  try {
    browser = await chromium.launch({
      executablePath: findChromium(),
      args: CHROMIUM_ARGUMENTS,
    });
    const page = await browser.newPage({ viewport: { width: 1320, height: 900 } });
    const failed = new Promise<never>((_, reject) => page.once('pageerror', reject));
    failed.catch(() => {});
    const { port } = server.address() as AddressInfo;
    await Promise.race([page.goto(`http://127.0.0.1:${port}/${name}.html`), failed]);
    return { page, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}
