import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { type Browser, chromium, type Page } from 'playwright-core';
import { CHROMIUM_ARGUMENTS, findChromium } from '../chromium-host/chromium.ts';

const ROOT = resolve(import.meta.dirname, '..', '..');

/** `labwire serve` in a process of its own, with a page of a real Chromium open on it. */
export interface BrowserHost extends AsyncDisposable {
  readonly page: Page;
  readonly dataFolder: string;
  readonly url: string;
  readonly pid: number;
  /** Errors that the page threw or logged. */
  readonly complaints: string[];
}

export interface BrowserHostOptions {
  settings?: Record<string, unknown>;
  dataFolder?: string;
  viewport?: { width: number; height: number };
  colorScheme?: 'dark' | 'light';
}

export async function openBrowserHost(options: BrowserHostOptions = {}): Promise<BrowserHost> {
  const dataFolder = options.dataFolder ?? (await mkdtemp(join(tmpdir(), 'labwire-e2e-')));
  if (options.settings) await writeFile(join(dataFolder, 'settings.json'), JSON.stringify(options.settings));
  const child = spawn(
    process.execPath,
    [join(ROOT, 'out', 'main', 'cli.js'), 'serve', '--no-open', '--data', dataFolder],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let browser: Browser | undefined;
  const close = async (): Promise<void> => {
    await browser?.close();
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGINT');
      await once(child, 'exit');
    }
    if (!options.dataFolder) await rm(dataFolder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const url = await urlOf(child.stdout);
    browser = await chromium.launch({ executablePath: findChromium(), args: CHROMIUM_ARGUMENTS });
    const { viewport = { width: 1440, height: 900 }, colorScheme = 'dark' } = options;
    const page = await browser.newPage({ viewport, colorScheme });
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    await page.goto(url);
    await untilListening(page);
    return { page, dataFolder, url, pid: child.pid ?? 0, complaints, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function urlOf(stdout: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface({ input: stdout })) {
    const found = /http:\/\/127\.0\.0\.1:\d+\/\S*/.exec(line);
    if (found) return found[0];
  }
  throw new Error('labwire serve ended without an address');
}

/** The page is drawn, and what it does after drawing is done too: its shortcuts are listened for. */
async function untilListening(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Outputs off' }).waitFor();
  await page.evaluate(
    () =>
      new Promise<void>((resolve) =>
        requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => resolve(), 0))),
      ),
  );
}
