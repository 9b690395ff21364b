import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HubLab, openHubLab } from './hub-harness.ts';

let lab: HubLab;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-page-'));
  const page = join(folder, 'page');
  await mkdir(join(page, 'assets', 'inner'), { recursive: true });
  await writeFile(join(folder, 'secret.js'), 'secret');
  await writeFile(join(page, 'index.html'), '<!doctype html><title>Page</title>');
  await writeFile(join(page, 'login.html'), '<!doctype html><title>Log in</title>');
  await writeFile(join(page, 'assets', 'index-1.js'), 'const page = 1;');
  await writeFile(join(page, 'assets', 'notes.txt'), 'secret');
  await writeFile(join(page, 'assets', '.env.js'), 'secret');
  await symlink(join(folder, 'secret.js'), join(page, 'assets', 'out.js'));
  await symlink(folder, join(page, 'assets', 'up'));
  await symlink('index-1.js', join(page, 'assets', 'in.js'));
  lab = await openHubLab({ attach: [], profiles: ['native', 'lablink'], hub: { pageFolder: page } });
});
afterAll(async () => {
  await lab[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** The path goes out as it is: `fetch` would tidy it. */
function get(path: string, { method = 'GET', port = 0, headers = {} as Record<string, string> } = {}): Promise<Answer> {
  const { hostname, port: number } = new URL(lab.url(port));
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port: number, path, method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

describe('the page for remote people', () => {
  it('is served with its login and its files, to anybody, under a strict policy', async () => {
    for (const [path, text, type] of [
      ['/', 'Page', 'text/html'],
      ['/login', 'Log in', 'text/html'],
      ['/assets/index-1.js', 'const page', 'text/javascript'],
      ['/assets/in.js', 'const page', 'text/javascript'],
    ] as const) {
      const { status, headers, text: body } = await get(path);
      expect({ path, status }).toEqual({ path, status: 200 });
      expect(body).toContain(text);
      expect(headers['content-type']).toContain(type);
      const policy = headers['content-security-policy'] as string;
      for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'none'"])
        expect(policy).toContain(part);
      expect(policy).not.toContain('unsafe');
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
    }
    expect((await get('/')).headers['cache-control']).toBe('no-store');
    const head = await get('/', { method: 'HEAD' });
    expect(head).toMatchObject({ status: 200, text: '' });
  });

  it('leads nowhere else', async () => {
    for (const path of [
      '/assets/../../secret.js',
      '/assets/%2e%2e/%2e%2e/secret.js',
      '/assets/..%2f..%2fsecret.js',
      '/assets/%252e%252e/secret.js',
      '/assets/..\\..\\secret.js',
      '/assets/..%5c..%5csecret.js',
      '/assets/index-1.js%00',
      '/assets/index-1.js%00.html',
      '/assets/C:%5csecret.js',
      '/assets/index-1.js::$DATA',
      '/assets/out.js',
      '/assets/up/secret.js',
      '/assets/.env.js',
      '/assets/notes.txt',
      '/assets/inner',
      '/assets/',
      '/assets/%e0%a4%a',
      '//etc/passwd',
      '/index.html/../../secret.js',
    ]) {
      const { status, text } = await get(path);
      expect({ path, isRefused: status >= 400 && status < 500 }).toEqual({ path, isRefused: true });
      expect(text).not.toContain('secret.js:');
      expect(text).not.toBe('secret');
    }
  });

  it('is not on ports of one protocol, and not under a foreign name or for pages of another origin', async () => {
    expect((await get('/', { port: 1 })).status).toBe(404);
    expect((await get('/', { headers: { Host: 'evil.example' } })).status).toBe(421);
    expect((await get('/login', { headers: { Origin: 'https://evil.example' } })).status).toBe(403);
  });
});
