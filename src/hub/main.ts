/**
 * The hub as a process of its own: forked by the host of the engine (`labwire serve`, the desktop shell), which starts it again when it dies. It finds
 * the engine by what that announces in the data folder, is a screen of it like any other, and ends with it or with its host. Its log goes to `hub/hub.log`.
 */
import { randomUUID } from 'node:crypto';
import { appendFile, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Clock } from '../core/clock.ts';
import { LabError } from '../core/errors.ts';
import { redact } from '../core/redact.ts';
import { Scope } from '../core/scope.ts';
import { findRunningEngine, openEngineLink } from '../headless/running-engine.ts';
import { openAccess } from './access/hub-access.ts';
import { followWall } from './access/wall-clock.ts';
import { HubBench } from './bench/hub-bench.ts';
import { createHubLog } from './hub-log.ts';
import { HubKeeper } from './share/hub-keeper.ts';
import { readWsSettings } from './ws-settings.ts';

interface ParentPort {
  on(event: 'message', listener: (event: { data: unknown }) => void): void;
}

const MAX_LOG_BYTES = 10 * 1024 * 1024;
const parentPort = (process as { parentPort?: ParentPort }).parentPort;
const { values } = parseArgs({ options: { data: { type: 'string' } } });
const scope = new Scope('hub process');
let keeper: HubKeeper | undefined;
let isEnding = false;

function systemClock(): Clock {
  const startNs = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();
  return {
    nowNs: () => startNs + process.hrtime.bigint(),
    monotonicMs: () => performance.now(),
    after: (ms, callback) => {
      const timer = setTimeout(callback, ms);
      return { [Symbol.dispose]: () => clearTimeout(timer) };
    },
  };
}

/** Lines go to a file that is turned over once: two of 10 MB at most. */
async function openLogFile(path: string): Promise<(line: string) => void> {
  let sizeBytes = await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
  let turn: Promise<void> = Promise.resolve();
  return (line) => {
    turn = turn
      .then(async () => {
        if (sizeBytes > MAX_LOG_BYTES) {
          await rename(path, `${path}.1`);
          sizeBytes = 0;
        }
        await appendFile(path, `${line}\n`, { mode: 0o600 });
        sizeBytes += line.length + 1;
      })
      // A disk that takes nothing must not stop the hub.
      .catch(() => undefined);
  };
}

/** The same for every run of the hub of this folder. */
async function readId(path: string): Promise<string> {
  const known = await readFile(path, 'utf8').catch(() => '');
  if (/^[0-9a-f-]{36}$/.test(known.trim())) return known.trim();
  const id = randomUUID();
  await writeFile(path, id, { mode: 0o600 });
  return id;
}

async function open(): Promise<void> {
  const dataFolder = values.data ?? '';
  const folder = join(dataFolder, 'hub');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const clock = systemClock();
  const log = createHubLog(clock, redact, await openLogFile(join(folder, 'hub.log')));
  const engine = await findRunningEngine(dataFolder, 'hub');
  if (!engine) throw new LabError('engine.gone', 'No engine answers for this data folder, so nothing is shared.');
  scope.use(engine.client);
  const bench = scope.use(
    await HubBench.open({
      client: engine.client,
      clock,
      onFault: (error) => log.write('error', 'bench.fault', { why: error.message }),
    }),
  );
  const access = scope.use(
    await openAccess({
      folder,
      // One-time codes and expiries go by the time of day, also after somebody has set it.
      clock: followWall(clock),
      say: (text) => log.write('warning', 'access', { text }),
      reach: () => bench.state.settings.share,
    }),
  );
  const { problems, ignored } = readWsSettings(process.env);
  for (const text of [...problems, ...ignored]) log.write('warning', 'settings.complaint', { text });
  keeper = new HubKeeper({
    client: engine.client,
    bench,
    access,
    clock,
    log,
    id: await readId(join(folder, 'id')),
    version: engine.hello.version,
    folder,
    // Beside the bundle this runs in.
    pageFolder: join(import.meta.dirname, '..', 'renderer'),
    openEngineLink: () => openEngineLink(dataFolder),
    env: process.env,
  });
  scope.use(keeper);
  void engine.client.closed.then(() => end(1, { reason: 'The bench starts again.', retryAfterS: 2 }));
  await keeper.start();
}

async function end(code: number, notice: { reason: string; retryAfterS: number }): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  try {
    await keeper?.close(notice);
    await scope[Symbol.asyncDispose]();
  } catch (thrown) {
    process.stderr.write(`labwire: the hub did not end cleanly: ${redact(LabError.from(thrown).message)}\n`);
  }
  process.exit(code);
}

const STOPPED = { reason: 'The bench is not shared any more.', retryAfterS: 30 };
const take = (data: unknown): void => {
  if ((data as { kind?: unknown } | null)?.kind === 'close') void end(0, STOPPED);
};
process.on('message', take);
parentPort?.on('message', ({ data }) => take(data));
process.on('disconnect', () => void end(0, STOPPED));
for (const name of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) process.on(name, () => void end(0, STOPPED));
process.stderr.on('error', () => {});

open().catch(async (thrown: unknown) => {
  process.stderr.write(`labwire: the hub does not start: ${redact(LabError.from(thrown).message)}\n`);
  await end(1, STOPPED);
});
