import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { answerBundleRequest, bundleFile } from './app-protocol.ts';

// Outside Electron the package named electron downloads its binary when it is loaded; only its name is needed here.
vi.mock('electron', () => ({ protocol: {} }));

const folder = mkdtempSync(join(tmpdir(), 'labwire-bundle-'));
mkdirSync(join(folder, 'page', 'assets'), { recursive: true });
writeFileSync(join(folder, 'secret.js'), 'outside');
writeFileSync(join(folder, 'page', 'index.html'), '<!doctype html>');
writeFileSync(join(folder, 'page', 'assets', 'index.js'), 'inside');
afterAll(() => rmSync(folder, { recursive: true }));

const ask = (url: string, method = 'GET') =>
  answerBundleRequest(join(folder, 'page'), { url, method } as unknown as Request);

test('serves a built file with its type and the policy', async () => {
  const answer = await ask('app://bundle/assets/index.js?v=1');
  expect(answer.status).toBe(200);
  expect(await answer.text()).toBe('inside');
  expect(answer.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
  expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'");
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  expect((await ask('app://bundle/')).headers.get('content-type')).toContain('text/html');
});

test.each([
  'app://bundle/../secret.js',
  'app://bundle/%2e%2e/secret.js',
  'app://bundle/..%2fsecret.js',
  'app://bundle/assets/..%2f..%2fsecret.js',
  'app://bundle/..%5csecret.js',
  'app://bundle/index.html%00.js',
  'app://bundle/%E0%A4%A.js',
  'app://bundle/none.js',
  'app://bundle/assets',
  'app://other/index.html',
  'file:///index.html',
  'nonsense',
])('%s is not found, and says so under the policy', async (url) => {
  const answer = await ask(url);
  expect(answer.status).toBe(404);
  expect(answer.headers.get('content-security-policy')).toContain("connect-src 'none'");
});

test('reads only', async () => {
  expect((await ask('app://bundle/index.html', 'POST')).status).toBe(405);
  expect(bundleFile('/page', 'app://bundle/index.html')).toBe(join('/page', 'index.html'));
});
