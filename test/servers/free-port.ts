import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports that the system gives away by itself (32768 and up on Linux, 49152 elsewhere): nobody gets one of these by chance. */
const FIRST_PORT = 20_000;
const COUNT = 12_000;
const MAX_TRIES = 100;

const given = new Set<number>();

/** A port of loopback that nobody has now, and nobody is given by the system before it is used. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const port = FIRST_PORT + Math.floor(Math.random() * COUNT);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`No free port from ${FIRST_PORT} to ${FIRST_PORT + COUNT - 1} in ${MAX_TRIES} tries.`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
