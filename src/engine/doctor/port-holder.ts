import { execFile } from 'node:child_process';
import { readdir, readFile, readlink, realpath, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { DoctorSystem } from './patient.ts';

/** A process that has a device open. */
export interface Holder {
  pid: number;
  /** Its program, where it can be told. */
  name: string;
}

/** Processes looked at; a system with more is looked at in part. */
const MAX_PROCESSES = 5000;

/**
 * Who has a serial port open: on Linux by the file descriptors in /proc (those of others only as root) and by lock files, elsewhere by lsof where there is
 * one. Empty: nobody that can be seen. Never rejects.
 */
export async function findHolders(path: string, system: DoctorSystem): Promise<Holder[]> {
  if (system.platform === 'win32') return [];
  const real = await realpath(path).catch(() => path);
  const seen = system.platform === 'linux' ? await byDescriptors(real, system) : await byLsof(real);
  const locked = await byLockFile(real, system);
  return [...new Map([...seen, ...locked].map((holder) => [holder.pid, holder])).values()];
}

async function byDescriptors(path: string, { proc }: DoctorSystem): Promise<Holder[]> {
  const pids = (await readdir(proc).catch(() => [])).filter((name) => /^\d+$/.test(name)).slice(0, MAX_PROCESSES);
  const holders: Holder[] = [];
  for (const pid of pids) {
    const folder = join(proc, pid, 'fd');
    const descriptors = await readdir(folder).catch(() => []);
    const links = await Promise.all(
      descriptors.map(async (fd) => ({ fd, target: await readlink(join(folder, fd)).catch(() => '') })),
    );
    if (!links.some(({ target }) => target === path)) continue;
    const masters = links
      .filter(({ target }) => target.endsWith('/ptmx'))
      .map(({ fd }) => join(proc, pid, 'fdinfo', fd));
    if (await isBehind(path, masters)) continue;
    holders.push({ pid: Number(pid), name: await nameOf(proc, pid) });
  }
  return holders;
}

/** The program that made a pseudo-terminal (socat) has both ends open: it is the device, not a user of it. */
async function isBehind(path: string, masters: readonly string[]): Promise<boolean> {
  const index = /^\/dev\/pts\/(\d+)$/.exec(path)?.[1];
  if (index === undefined) return false;
  const infos = await Promise.all(masters.map((file) => readFile(file, 'utf8').catch(() => '')));
  return infos.some((info) => new RegExp(`^tty-index:\\s*${index}$`, 'm').test(info));
}

/** FHS 5.9: LCK..ttyUSB0 with the process id in ten digits. One whose process is gone holds nothing. */
async function byLockFile(path: string, { lockFolders, proc }: DoctorSystem): Promise<Holder[]> {
  for (const folder of lockFolders) {
    const text = await readFile(join(folder, `LCK..${basename(path)}`), 'utf8').catch(() => undefined);
    const pid = Number(text?.trim().split(/\s+/)[0]);
    if (!Number.isInteger(pid) || pid <= 0) continue;
    const isAlive = await stat(join(proc, String(pid))).then(
      () => true,
      () => false,
    );
    if (isAlive) return [{ pid, name: await nameOf(proc, String(pid)) }];
  }
  return [];
}

async function nameOf(proc: string, pid: string): Promise<string> {
  return (await readFile(join(proc, pid, 'comm'), 'utf8').catch(() => '')).trim();
}

/** `lsof -F pc`: a line `p<pid>`, then `c<command>`. */
function byLsof(path: string): Promise<Holder[]> {
  return new Promise((resolve) => {
    execFile('lsof', ['-F', 'pc', path], { timeout: 3000, maxBuffer: 1024 * 1024 }, (_error, stdout) => {
      const holders: Holder[] = [];
      for (const line of String(stdout).split('\n')) {
        const last = holders.at(-1);
        if (/^p\d+$/.test(line)) holders.push({ pid: Number(line.slice(1)), name: '' });
        else if (line.startsWith('c') && last) last.name = line.slice(1);
      }
      resolve(holders);
    });
  });
}
