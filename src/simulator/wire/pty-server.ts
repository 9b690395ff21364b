import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readlink, rename, rm, symlink } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDeferred } from '../../core/deferred.ts';
import type { Accept, DeviceConnection, DeviceWire } from './device-wire.ts';
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
 *     client ── NAME → /dev/pts/N ── socat ── NAME.n.sock ── instrument
 *
 * socat ends when the client closes the terminal, and what was on its way ends with it: the next client finds a clean line, not the bytes of
 * the last one. So that it finds a line at all, others stand by, and the link NAME moves to the next as soon as one is in use.
 * A serial line has one client: one more is cut off as long as the first is there.
 */
export async function openPtyServer(folder: string, name: string, accept: Accept): Promise<PtyServer> {
  const path = join(folder, name);
  const terminals = new Set<Terminal>();
  let generation = 0;
  let closing = false;
  /** Resolves when the client on the line has gone. */
  let inUse: Promise<void> = Promise.resolve();
  let moving: Promise<void> = Promise.resolve();

  const start = async (): Promise<Terminal> => {
    const terminal = await openTerminal(`${path}.${generation++}`, (wire) => take(wire, terminal));
    terminals.add(terminal);
    return terminal;
  };

  /** A client opened the terminal. */
  function take(wire: DeviceWire, terminal: Terminal): DeviceConnection {
    const connection = accept(wire);
    const gone = createDeferred<void>();
    const before = inUse;
    inUse = Promise.all([before, gone.promise]).then(() => {});
    // The end of the client before may still be on its way to us.
    const isFree = Promise.race([before.then(() => true), sleep(HAND_OVER_MS, false, { ref: false })]);
    const moved = moving.then(() => (closing ? undefined : advance()));
    moving = moved;
    return {
      async receive(bytes) {
        // Whoever got an answer may close and open again at once: by then the link has moved on.
        await moved;
        if (await isFree) await connection.receive(bytes);
        else wire.cut();
      },
      closed() {
        connection.closed();
        gone.resolve();
        terminals.delete(terminal);
        void terminal[Symbol.asyncDispose]();
      },
    };
  }

  /** On to the terminal that stands by, and another one is made. */
  async function advance(): Promise<void> {
    standby.push(start());
    const next = await standby.shift();
    if (next) await point(path, next.link);
  }

  const standby = Array.from({ length: STANDBY }, start);
  await Promise.all(standby);
  await advance();

  return {
    path,
    async [Symbol.asyncDispose]() {
      if (closing) return;
      closing = true;
      await moving.catch(() => {});
      await Promise.allSettled(standby);
      await Promise.all([...terminals].map((terminal) => terminal[Symbol.asyncDispose]()));
      await rm(path, { force: true });
    },
  };
}

/** Terminals ready beside the one that is open: making one takes some 50 ms, and a client may come back sooner, twice. */
const STANDBY = 2;

/** How long a second client waits for the first to go before it is cut off. */
const HAND_OVER_MS = 300;

/** One pseudo-terminal with its socat, good for one client. */
interface Terminal extends AsyncDisposable {
  readonly link: string;
}

/** `sh` ends socat when our end of its stdin closes: that happens even if we are killed. */
const SCRIPT =
  'exec 3<&0; socat -t0 "pty,raw,echo=0,link=$1,wait-slave,pty-interval=0.02" "UNIX-CONNECT:$1.sock" </dev/null & pid=$!; ' +
  'read _ <&3; kill $pid 2>/dev/null; wait $pid';

async function openTerminal(link: string, accept: Accept): Promise<Terminal> {
  const server = await openSocketServer(`${link}.sock`, accept);
  const child = spawn('sh', ['-c', SCRIPT, 'sh', link], { stdio: ['pipe', 'ignore', 'ignore'] });
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  for (let wait = 0; wait < 500 && !existsSync(link); wait++) await sleep(10);
  return {
    link,
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await hasEnded(child);
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Moves the link in one step: there is no moment without it. */
async function point(path: string, link: string): Promise<void> {
  await symlink(await readlink(link), `${path}.new`);
  await rename(`${path}.new`, path);
}

function hasEnded(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}
