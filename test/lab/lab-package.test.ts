import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Browser, chromium, type Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { CHROMIUM_ARGUMENTS, findChromium } from '../chromium-host/chromium.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '..', '..');

let folder: string;

/** What somebody has who installed the tarball: the package, and beside it what it needs. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'labwire-package-'));
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: ROOT });
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '';
  expect(stdout).toContain('out/lab/node.js');
  mkdirSync(join(folder, 'node_modules', 'labwire'), { recursive: true });
  await run('tar', ['xzf', tarball, '-C', 'node_modules/labwire', '--strip-components=1'], { cwd: folder });
  for (const name of ['ws', 'react', 'react-dom', 'scheduler', '@types'])
    symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
  writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A server of messages that counts who is there, and serves one page. */
class MessageServer {
  readonly clients = new Set<WebSocket>();
  readonly http: Server;
  readonly received: string[] = [];
  connections = 0;
  page = '';
  readonly #sockets: WebSocketServer;

  constructor() {
    this.http = createServer((request, response) => {
      const isScript = request.url === '/page.js';
      response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
      response.end(
        isScript ? this.page : '<!doctype html><div id="root"></div><script type="module" src="/page.js"></script>',
      );
    });
    this.#sockets = new WebSocketServer({ server: this.http });
    this.#sockets.on('connection', (socket) => {
      this.connections++;
      this.clients.add(socket);
      socket.on('close', () => this.clients.delete(socket));
      socket.on('message', (data) => this.received.push(String(data)));
      socket.send(JSON.stringify({ type: 'data', ch1_power: -12.5 }));
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.http.listen(0, '127.0.0.1', resolve));
    return (this.http.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#sockets.close();
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }
}

/** Runs a module in the folder of the installed package; gives what it printed, line by line. */
async function runModule(name: string, source: string, env: Record<string, string>): Promise<unknown[]> {
  writeFileSync(join(folder, name), source);
  const child = spawn(process.execPath, [name], { cwd: folder, env: { ...process.env, ...env } });
  let out = '';
  let errors = '';
  child.stdout.on('data', (data) => {
    out += data;
  });
  child.stderr.on('data', (data) => {
    errors += data;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect(errors).toBe('');
  expect(code).toBe(0);
  return out
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
}

describe('in Node', () => {
  test('121 122 131 the options of seed 001 from an installed tarball: opens, takes messages, comes back, ends with the process free', async () => {
    const server = new MessageServer();
    const port = await server.listen();
    // The first connection is dropped without a close frame.
    server.http.once('upgrade', (_, socket) => setTimeout(() => socket.destroy(), 100));
    const lines = await runModule(
      'node.mjs',
      `import { createLabLink, LabError, LabLinkStatus } from 'labwire/lab';
       const say = (what) => console.log(JSON.stringify(what));
       let opens = 0;
       const link = createLabLink({
         url: process.env.SERVER,
         shouldConnect: true, autoReconnect: true, maxReconnectAttempts: 10, heartbeatTimeout: 60000,
         onOpen() {
           say(['open', link.status === LabLinkStatus.CONNECTED]);
           if (++opens === 2) { link.send('hello'); setTimeout(() => link.close().then(() => say(['closed', link.status])), 50); }
         },
         onMessage: (message) => say(['message', message.ch1_power, link.lastMessage === message]),
         onClose: ({ reason }) => say(['close', reason, link.status, link.reconnectAttempt]),
         onError: (error) => say(['error', error instanceof LabError, error.code]),
       });`,
      { SERVER: `ws://127.0.0.1:${port}/api/v1/ws/v2/power` },
    );
    expect(lines.filter((line) => (line as string[])[0] !== 'message')).toEqual([
      ['open', true],
      ['close', 'The connection broke off without a word.', 'reconnecting', 1],
      ['open', true],
      ['close', 'Closed.', 'disconnected', 0],
      ['closed', 'disconnected'],
    ]);
    expect(lines).toContainEqual(['message', -12.5, true]);
    expect(server.received).toEqual(['hello']);
    await server.close();
  });

  test('shouldConnect false opens nothing; a URL that is none is said, not thrown', async () => {
    const lines = await runModule(
      'wrong.mjs',
      `import { createLabLink } from 'labwire/lab';
       const quiet = createLabLink({ url: 'ws://127.0.0.1:9', shouldConnect: false });
       console.log(JSON.stringify([quiet.status, quiet.snapshot.word]));
       const wrong = createLabLink({ url: 'nonsense', onError: (error) => console.log(JSON.stringify([error.code])) });
       console.log(JSON.stringify([wrong.status, wrong.snapshot.word]));`,
      {},
    );
    expect(lines).toEqual([['disconnected', 'idle'], ['call.invalid'], ['disconnected', 'failed']]);
  });

  test('114 the types are those of the package, strictly', async () => {
    writeFileSync(
      join(folder, 'use.tsx'),
      `import { createLabLink, LabLinkStatus, type LabLinkOptions } from 'labwire/lab';
       import { useLabLink } from 'labwire/lab/react';
       interface Power { type: string; ch1_power: number }
       const options: LabLinkOptions<Power> = { url: 'ws://x', onMessage: ({ ch1_power }) => void ch1_power.toFixed(1) };
       const link = createLabLink(options);
       const power: number | undefined = link.lastMessage?.ch1_power;
       export const isLive = link.status === LabLinkStatus.CONNECTED && power !== undefined;
       // @ts-expect-error there is no such option
       createLabLink({ url: 'ws://x', heartbeat: 1 });
       export function Live() { const { status, lastMessage, reconnectAttempt } = useLabLink<Power>({ url: 'ws://x' });
         return <p>{status} {lastMessage?.ch1_power} {reconnectAttempt + 1}</p>; }`,
    );
    const config = {
      compilerOptions: {
        strict: true,
        noEmit: true,
        module: 'nodenext',
        moduleResolution: 'nodenext',
        target: 'es2023',
        lib: ['ES2023', 'ESNext.Disposable', 'DOM'],
        jsx: 'react-jsx',
        types: ['node'],
      },
      files: ['use.tsx'],
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
    await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder]);
  });
});

/** Bytes of the page's heap after that and a collection. */
async function heapAfter(page: Page, script: string): Promise<number> {
  await page.evaluate(script);
  await page.waitForFunction('window.liveTimers() === 0');
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.enable');
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  await session.detach();
  return usedSize;
}

describe('in React', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: findChromium(), args: CHROMIUM_ARGUMENTS });
  });

  afterAll(() => browser.close());

  test('113 122 the hook gives status, last message and attempt; a thousand mounts leave no socket and no timer', async () => {
    writeFileSync(
      join(folder, 'page.js'),
      `import { createElement, StrictMode } from 'react';
       import { flushSync } from 'react-dom';
       import { createRoot } from 'react-dom/client';
       import { useLabLink } from 'labwire/lab/react';
       window.timers = 0;
       const { setTimeout: set, clearTimeout: clear } = window;
       const live = new Set();
       window.liveTimers = () => live.size;
       window.setTimeout = (call, ms) => { const id = set(() => { live.delete(id); call(); }, ms); live.add(id); return id; };
       window.clearTimeout = (id) => { live.delete(id); clear(id); };
       window.opens = 0;
       function Power({ shouldConnect = true }) {
         const { status, lastMessage, reconnectAttempt } = useLabLink({
           url: 'ws://' + location.host + '/power', shouldConnect, autoReconnect: true, maxReconnectAttempts: 10, heartbeatTimeout: 60000,
           onOpen: () => { window.opens++; },
         });
         window.seen = { status, lastMessage, reconnectAttempt };
         return createElement('p', null, status, ' ', lastMessage?.ch1_power, ' ', reconnectAttempt);
       }
       const root = createRoot(document.getElementById('root'));
       // Everything that is shown, however shortly.
       window.texts = [];
       window.observer = new MutationObserver(() => window.texts.push(document.querySelector('p')?.textContent));
       window.observer.observe(document.getElementById('root'), { childList: true, subtree: true, characterData: true });
       const draw = (what) => flushSync(() => root.render(what));
       window.mount = (props) => draw(createElement(StrictMode, null, createElement(Power, props)));
       window.mountOnce = () => draw(createElement(Power));
       window.unmount = () => draw(null);
       const turn = () => new Promise((done) => set(done, 1));
       window.cycleOpen = async (times) => {
         for (let n = 0; n < times; n++) {
           const before = window.opens;
           window.mount();
           while (window.opens === before) await turn();
           window.unmount();
           while (window.liveTimers() > 0) await turn();
         }
       };
       // Left while they connect: the browser itself slows down who connects and leaves, so none of these waits to be open.
       window.cycle = async (times) => { for (let n = 0; n < times; n++) { window.mountOnce(); window.unmount(); if (n % 20 === 0) await turn(); } };
       window.isLoaded = true;`,
    );
    const built = await build({
      configFile: false,
      root: folder,
      logLevel: 'error',
      define: { 'process.env.NODE_ENV': '"development"' },
      build: { write: false, minify: false, rollupOptions: { input: join(folder, 'page.js') } },
    });
    const server = new MessageServer();
    const [output] = (Array.isArray(built) ? built : [built]).flatMap((one) => ('output' in one ? one.output : []));
    server.page = output && 'code' in output ? output.code : '';
    const port = await server.listen();
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(String(error)));
    await page.goto(`http://127.0.0.1:${port}/`);
    await page.waitForFunction('window.isLoaded');
    await page.evaluate('window.mount()');
    await page.waitForFunction("document.querySelector('p')?.textContent === 'connected -12.5 0'");
    // The connection breaks: said, then mended by itself; the value is kept.
    for (const socket of server.clients) socket.terminate();
    await page.waitForFunction("window.texts.includes('reconnecting -12.5 1')");
    await page.evaluate('window.observer.disconnect()');
    await page.waitForFunction("document.querySelector('p').textContent === 'connected -12.5 0'");
    await page.evaluate('window.mount({ shouldConnect: false })');
    await page.waitForFunction("window.seen.status === 'disconnected'");
    await expect.poll(() => server.clients.size).toBe(0);
    await page.evaluate('window.unmount()');
    const { connections } = server;
    await page.evaluate('window.cycleOpen(20)');
    expect(server.connections - connections).toBeGreaterThanOrEqual(20);
    const before = await heapAfter(page, 'window.cycle(200)');
    const after = await heapAfter(page, 'window.cycle(1000)');
    await expect.poll(() => server.clients.size).toBe(0);
    await page.waitForFunction('window.liveTimers() === 0');
    expect(await page.evaluate('document.querySelector("p")')).toBeNull();
    expect(Math.abs(after - before)).toBeLessThan(1_000_000);
    expect(problems).toEqual([]);
    await page.close();
    await server.close();
  });
});
