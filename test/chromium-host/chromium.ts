import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { CdpPipe } from './cdp-pipe.ts';

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome'];
/** As root in a container Chromium has no sandbox; the others keep it from looking for a network and for its vendor. */
export const CHROMIUM_ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const ARGUMENTS = [
  ...CHROMIUM_ARGUMENTS,
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  '--block-new-web-contents',
  '--remote-debugging-pipe',
  '--remote-debugging-port=0',
];

/** The browser of this system: `LABWIRE_CHROMIUM`, or the first on PATH; undefined if there is none. */
export function findChromium(): string | undefined {
  const named = process.env.LABWIRE_CHROMIUM;
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const found = folders.flatMap((folder) => PROGRAMS.map((name) => join(folder, name)));
  return [...(named ? [named] : []), ...found].find((path) => existsSync(path));
}

/** A running Chromium: the pipe is ours, the endpoint is for Playwright. */
export interface Chromium {
  readonly cdp: CdpPipe;
  /** Address for `connectOverCDP`. */
  readonly endpoint: string;
  close(): Promise<void>;
}

async function readEndpoint(profile: string, child: ChildProcess): Promise<string> {
  const file = join(profile, 'DevToolsActivePort');
  for (let tries = 0; tries < 3000; tries++) {
    if (child.exitCode !== null) throw new Error(`Chromium ended with code ${child.exitCode} before it listened.`);
    const port = existsSync(file) ? readFileSync(file, 'utf8').split('\n')[0] : '';
    if (port) return `http://127.0.0.1:${port}`;
    await sleep(20);
  }
  throw new Error('Chromium did not listen within a minute.');
}

/** Starts Chromium with a profile of its own, removed when it is closed. */
export async function openChromium(): Promise<Chromium> {
  const program = findChromium();
  if (!program)
    throw new Error('There is no Chromium here: sudo apt-get install -y chromium, or set LABWIRE_CHROMIUM.');
  const profile = mkdtempSync(join(tmpdir(), 'labwire-chromium-'));
  const child = spawn(program, [...ARGUMENTS, `--user-data-dir=${profile}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const cdp = new CdpPipe(child.stdio[3] as Writable, child.stdio[4] as Readable);
  const endKilled = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', endKilled);
  const endpoint = await readEndpoint(profile, child);
  return {
    cdp,
    endpoint,
    async close() {
      process.off('exit', endKilled);
      await Promise.race([cdp.send('Browser.close').catch(() => undefined), sleep(2000)]);
      const timer = setTimeout(endKilled, 2000);
      await ended;
      clearTimeout(timer);
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
