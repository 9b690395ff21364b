import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type * as Electron from 'electron';
import type { Browser, Page } from 'playwright-core';
import { _electron, chromium } from 'playwright-core';
import type { Deferred } from '../chromium-host/deferred.ts';
import { createDeferred } from '../chromium-host/deferred.ts';
import { HOST_FOLDER } from '../chromium-host/host-bundle.ts';
import type { FromHost, ToHost } from '../chromium-host/launch-messages.ts';

const ROOT = resolve(import.meta.dirname, '..', '..');
const START_LIMIT_MS = 120_000;
const CLOSE_LIMIT_MS = 60_000;

/** What a test gets of the running app, in either host. */
export interface App {
  readonly page: Page;
  /** The data folder; removed when the app is closed, unless it was handed in. */
  readonly dataFolder: string;
  /** Runs a function in main; it sees what `electron` exports and a cloned argument, nothing of the test around it. */
  main<T, A = undefined>(run: (electron: typeof Electron, argument: A) => T | Promise<T>, argument?: A): Promise<T>;
  /** Asks the app to quit and waits; gives its exit code. Twice is fine. */
  close(): Promise<number | null>;
}

export interface LaunchOptions {
  /** Kept when the app is closed; default a new one. */
  dataFolder?: string;
  /** The app's folder; default this repository. */
  root?: string;
}

/** Whether the suites run on real Electron. */
export const isElectron = process.env.E2E_HOST === 'electron';

/** Starts the built app: on the Chromium test host, or with E2E_HOST=electron on Electron. */
export async function launch(options: LaunchOptions = {}): Promise<App> {
  const dataFolder = options.dataFolder ?? mkdtempSync(join(tmpdir(), 'labwire-e2e-'));
  const app = await (isElectron ? launchElectron : launchTestHost)(options.root ?? ROOT, dataFolder);
  let closed: Promise<number | null> | undefined;
  const close = async (): Promise<number | null> => {
    const code = await app.close();
    if (!options.dataFolder) rmSync(dataFolder, { recursive: true, force: true, maxRetries: 5 });
    return code;
  };
  return {
    ...app,
    dataFolder,
    close() {
      closed ??= close();
      return closed;
    },
  };
}

async function launchElectron(root: string, dataFolder: string): Promise<Omit<App, 'dataFolder'>> {
  const app = await _electron.launch({ args: [root, '--data', dataFolder] });
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
  /** Rejects when the app ends. */
  readonly gone: Promise<never>;

  constructor(child: ChildProcess) {
    this.child = child;
    child.on('message', (message) => this.take(message as FromHost));
    this.gone = new Promise((_, reject) => {
      child.once('exit', (code) => {
        const error = new Error(`The app ended with code ${code}.`);
        for (const waiting of this.waiting.values()) waiting.reject(error);
        reject(error);
      });
    });
    this.gone.catch(() => undefined);
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

/** The host is bundled: host-setup.ts. */
async function launchTestHost(root: string, dataFolder: string): Promise<Omit<App, 'dataFolder'>> {
  const child = spawn(process.execPath, [join(HOST_FOLDER, 'electron.mjs'), root, '--data', dataFolder], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  });
  const ended = new Promise<number | null>((done) => child.once('exit', (code) => done(code)));
  const channel = new HostChannel(child);
  const found = findWindow(channel.endpoint.promise).catch(async (error) => {
    // An app that ends takes its browser along: say that it ended.
    await Promise.race([channel.gone, sleep(2000)]);
    throw error;
  });
  const { browser, page } = await Promise.race([channel.gone, found]);
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

/** Joins the host's Chromium and waits for the first page of ours. */
async function findWindow(endpoint: Promise<string>): Promise<{ browser: Browser; page: Page }> {
  const browser = await chromium.connectOverCDP(await endpoint);
  const end = performance.now() + START_LIMIT_MS;
  while (performance.now() < end) {
    const pages = browser.contexts().flatMap((context) => context.pages());
    const page = pages.find((candidate) => candidate.url().startsWith('https://bundle.app.invalid/'));
    if (page) {
      await page.waitForLoadState();
      return { browser, page };
    }
    await sleep(20);
  }
  throw new Error(`No window within ${START_LIMIT_MS / 1000} s.`);
}
