import { readFile } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { protocol } from 'electron';

/** The page's own address: scheme `app`, host `bundle`, nothing else. */
export const PAGE_URL = 'app://bundle/index.html';

const SECURITY_HEADERS: Record<string, string> = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "connect-src 'none'",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

const MEDIA_TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
};

/** Tells Chromium what `app:` is; once, before the app is ready. */
export function registerAppScheme(): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: 'app', privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true } },
  ]);
}

/** The file below `folder` that an `app://bundle/…` address names, or undefined if it names none of ours. */
export function bundleFile(folder: string, address: string): string | undefined {
  let path: string;
  try {
    const url = new URL(address);
    if (url.protocol !== 'app:' || url.host !== 'bundle') return undefined;
    path = decodeURIComponent(url.pathname);
  } catch {
    return undefined;
  }
  if (path.includes('\0') || path.includes('\\')) return undefined;
  const file = join(folder, path === '/' ? 'index.html' : path);
  const inside = relative(folder, file);
  if (inside === '' || inside.split(sep).includes('..') || MEDIA_TYPES[extname(file)] === undefined) return undefined;
  return file;
}

/** Answers one request for a built file; the policy goes with every answer, also with a refusal. */
export async function answerBundleRequest(folder: string, request: Request): Promise<Response> {
  if (request.method !== 'GET') return new Response('GET only', { status: 405, headers: SECURITY_HEADERS });
  const file = bundleFile(folder, request.url);
  const bytes = file === undefined ? undefined : await readFile(file).catch(() => undefined);
  if (file === undefined || bytes === undefined) {
    return new Response('not found', { status: 404, headers: SECURITY_HEADERS });
  }
  const headers = { ...SECURITY_HEADERS, 'content-type': MEDIA_TYPES[extname(file)] ?? '' };
  return new Response(new Uint8Array(bytes), { status: 200, headers });
}

/** Serves the built renderer in `folder` under `app://bundle`; after the app is ready. */
export function serveBundle(folder: string): void {
  protocol.handle('app', (request) => answerBundleRequest(folder, request));
}
