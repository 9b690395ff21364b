import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type * as Electron from 'electron';
import type { Page } from 'playwright-core';
import { _electron, chromium } from 'playwright-core';
import type { Deferred } from '../chromium-host/deferred.ts';
import { createDeferred } from '../chromium-host/deferred.ts';
import { bundleHost, HOST_FOLDER } from '../chromium-host/host-bundle.ts';
import type { FromHost, ToHost } from '../chromium-host/launch-messages.ts';

const ROOT = resolve(import.meta.dirname, '..', '..');
const START_LIMIT_MS = 30_000;
const CLOSE_LIMIT_MS = 15_000;

/** What a test gets of the running app, in either host. */
export interface App {
  readonly page: Page;
  /** The data folder; removed when the app is closed, unless it was handed in. */
  readonly dataFolder: string;
  /** Runs a function in main; it sees what `electron` exports and a cloned argument, nothing of the test around it. */
  main<T, A = undefined>(run: (electron: typeof Electron, argument: A) => T | Promise<T>, argument?: A): Promise<T>;
  /** Asks the app to quit and waits; gives its exit code. */
  close(): Promise<number | null>;
}

export interface LaunchOptions {
  dataFolder?: string;
}

/** Whether the suites run on real Electron. */
export const isElectron = process.env.E2E_HOST === 'electron';

/** Starts the built app: on the Chromium test host, or with E2E_HOST=electron on Electron. */
export async function launch(options: LaunchOptions = {}): Promise<App> {
  const dataFolder = options.dataFolder ?? mkdtempSync(join(tmpdir(), 'labwire-e2e-'));
  const app = isElectron ? await launchElectron(dataFolder) : await launchTestHost(dataFolder);
  return {
    ...app,
    dataFolder,
    async close() {
      const code = await app.close();
      if (!options.dataFolder) rmSync(dataFolder, { recursive: true, force: true, maxRetries: 5 });
      return code;
    },
  };
}

async function launchElectron(dataFolder: string): Promise<Omit<App, 'dataFolder'>> {
  const app = await _electron.launch({ args: [ROOT, '--data', dataFolder] });
  const child = app.process();
  return {
    page: await app.firstWindow(),
    main: (run, argument) => app.evaluate(run as never, argument as never),
    async close() {
      await app.close();
      return child.exitCode;
    },
  };
}

/** Calls into the host over Node's IPC. */
class HostChannel {
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, Deferred<unknown>>();
  private lastId = 0;
  readonly endpoint = createDeferred<string>();

  constructor(child: ChildProcess) {
    this.child = child;
    child.on('message', (message) => this.take(message as FromHost));
    child.once('exit', (code) => {
      const error = new Error(`The app ended with code ${code}.`);
      this.endpoint.reject(error);
      for (const waiting of this.waiting.values()) waiting.reject(error);
    });
    this.endpoint.promise.catch(() => undefined);
  }

  evaluate(source: string, argument: unknown): Promise<unknown> {
    const id = ++this.lastId;
    const waiting = createDeferred<unknown>();
    this.waiting.set(id, waiting);
    this.child.send({ kind: 'evaluate', id, source, argument } satisfies ToHost);
    return waiting.promise;
  }

  private take(message: FromHost): void {
    if (message.kind === 'browser') {
      this.endpoint.resolve(message.endpoint);
      return;
    }
    const waiting = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (message.error === undefined) waiting?.resolve(message.value);
    else waiting?.reject(new Error(message.error));
  }
}

let bundled: Promise<void> | undefined;

async function launchTestHost(dataFolder: string): Promise<Omit<App, 'dataFolder'>> {
  bundled ??= bundleHost();
  await bundled;
  const child = spawn(process.execPath, [join(HOST_FOLDER, 'electron.mjs'), ROOT, '--data', dataFolder], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  });
  const ended = new Promise<number | null>((done) => child.once('exit', (code) => done(code)));
  const channel = new HostChannel(child);
  const browser = await chromium.connectOverCDP(await channel.endpoint.promise);
  const context = browser.contexts()[0];
  if (!context) throw new Error('Chromium has no context.');
  const isOurs = (page: Page): boolean => page.url().startsWith('https://bundle.app.invalid/');
  const page = context.pages().find(isOurs) ?? (await waitForPage(() => context.pages().find(isOurs)));
  await page.waitForLoadState();
  return {
    page,
    main: (run, argument) => channel.evaluate(run.toString(), argument) as Promise<never>,
    async close() {
      const timer = setTimeout(() => child.kill('SIGKILL'), CLOSE_LIMIT_MS);
      if (child.exitCode === null) child.kill('SIGTERM');
      const code = await ended;
      clearTimeout(timer);
      await browser.close();
      return code;
    },
  };
}

async function waitForPage(find: () => Page | undefined): Promise<Page> {
  const end = performance.now() + START_LIMIT_MS;
  while (performance.now() < end) {
    const page = find();
    if (page) return page;
    await new Promise((done) => setTimeout(done, 20));
  }
  throw new Error(`No window within ${START_LIMIT_MS / 1000} s.`);
}
