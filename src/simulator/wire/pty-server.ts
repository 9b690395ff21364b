import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readlink, rename, rm, symlink } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Accept } from './device-wire.ts';
import { openSocketServer } from './socket-server.ts';

export interface PtyServer extends AsyncDisposable {
  /** What a client opens like a serial port. */
  readonly path: string;
}

/** Why there are no pseudo-terminals here; undefined if there are. */
export function ptyUnavailable(): string | undefined {
  if (process.platform === 'win32') return 'Windows has no pseudo-terminals';
  const folders = (process.env.PATH ?? '').split(delimiter);
  if (folders.some((folder) => folder !== '' && existsSync(join(folder, 'socat')))) return undefined;
  return 'socat is not installed, so there is no pseudo-terminal (Debian: apt install socat)';
}

/**
 * Serves an instrument on a pseudo-terminal, by socat, which joins the terminal to a Unix socket of ours:
 *
 *     client ── NAME → /dev/pts/N ── socat ── NAME.sock ── instrument
 *
 * socat ends when a client closes the terminal, and what was on its way ends with it: the next client finds a clean line, not the bytes of
 * the last one. So that it finds a line at all, a second socat stands by; when the first ends the link NAME is moved to the second.
 * `sh` ends socat when our end of its stdin closes: that happens even if we are killed.
 */
export async function openPtyServer(folder: string, name: string, accept: Accept): Promise<PtyServer> {
  const path = join(folder, name);
  const socketPath = `${path}.sock`;
  let closing = false;
  let generation = 0;
  const children = new Map<string, ChildProcess>();

  const server = await openSocketServer(socketPath, (wire) => {
    const connection = accept(wire);
    return {
      receive: (bytes) => connection.receive(bytes),
      closed: () => {
        connection.closed();
        if (!closing) void advance();
      },
    };
  });

  /** Starts a socat with a terminal of its own; gives the link it made. */
  async function start(): Promise<string> {
    const link = `${path}.${generation++}`;
    const script =
      'exec 3<&0; socat -t0 "pty,raw,echo=0,link=$1,wait-slave,pty-interval=0.02" "UNIX-CONNECT:$2" </dev/null & pid=$!; ' +
      'read _ <&3; kill $pid 2>/dev/null; wait $pid';
    const child = spawn('sh', ['-c', script, 'sh', link, socketPath], { stdio: ['pipe', 'ignore', 'ignore'] });
    child.on('error', () => {});
    child.stdin.on('error', () => {});
    children.set(link, child);
    for (let wait = 0; wait < 200 && !existsSync(link); wait++) await sleep(10);
    return link;
  }

  async function point(link: string): Promise<void> {
    const target = await readlink(link).catch(() => link);
    await symlink(target, `${path}.new`);
    await rename(`${path}.new`, path);
  }

  let active = await start();
  await point(active);
  let standby = start();
  let moving: Promise<void> = Promise.resolve();

  /** The client went: on to the terminal that stands by. */
  function advance(): Promise<void> {
    moving = moving.then(async () => {
      if (closing) return;
      const old = active;
      active = await standby;
      await point(active);
      stop(old);
      standby = start();
    });
    return moving;
  }

  function stop(link: string): void {
    children.get(link)?.stdin?.end();
    children.delete(link);
  }

  return {
    path,
    async [Symbol.asyncDispose]() {
      if (closing) return;
      closing = true;
      await moving.catch(() => {});
      await standby;
      const ended = [...children.values()].map(hasEnded);
      for (const link of [...children.keys()]) stop(link);
      await Promise.all(ended);
      await server[Symbol.asyncDispose]();
      await rm(path, { force: true });
    },
  };
}

function hasEnded(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}
