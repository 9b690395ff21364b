// A lock between processes: a file made with `wx`, holding the pid of its owner. No dependencies.
import { closeSync, linkSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readText } from './stamps.mjs';

const RETRY_MS = 200;

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** The start time of a process where the system tells it: a pid used again is another process. */
function startOf(pid) {
  const stat = readText(`/proc/${pid}/stat`);
  return stat === undefined ? '' : (stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '');
}

function tryMake(path) {
  let file;
  try {
    file = openSync(path, 'wx');
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
  writeSync(file, `${process.pid} ${startOf(process.pid)}`);
  closeSync(file);
  return true;
}

/** Takes away the lock of a dead owner. Two waiters may try at once: what was not the stale lock is put back. */
function breakStale(path, stale) {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
    if (readText(aside) !== stale) linkSync(aside, path);
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
  }
  rmSync(aside, { force: true });
}

/**
 * Runs `work` while holding the lock file `path`; waits, saying for whom, while another process holds it.
 * The lock of a process that died is taken over, and the lock is given back at exit, also by Ctrl+C.
 */
export async function withLock(path, { say, limitMs = 600_000 }, work) {
  mkdirSync(dirname(path), { recursive: true });
  const end = performance.now() + limitMs;
  let told = false;
  while (!tryMake(path)) {
    const held = readText(path);
    if (held === undefined) continue;
    const [pid, start] = held.split(' ');
    // Empty for an instant between making and writing.
    if (held !== '' && (!isAlive(Number(pid)) || startOf(Number(pid)) !== start)) {
      breakStale(path, held);
      continue;
    }
    if (!told) say(`labwire: waiting for process ${pid || '?'}, which is installing or building here …`);
    told = true;
    if (performance.now() > end) {
      throw new Error(`Process ${pid} has held ${path} for ${limitMs / 60_000} minutes. End it, or delete the file.`);
    }
    await sleep(RETRY_MS);
  }
  const release = () => rmSync(path, { force: true });
  const releaseAndEnd = () => {
    release();
    process.exit(130);
  };
  process.once('exit', release);
  process.once('SIGINT', releaseAndEnd);
  process.once('SIGTERM', releaseAndEnd);
  try {
    return await work();
  } finally {
    release();
    process.off('exit', release);
    process.off('SIGINT', releaseAndEnd);
    process.off('SIGTERM', releaseAndEnd);
  }
}
