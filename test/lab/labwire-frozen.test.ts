import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { openScopes } from '../../src/core/scope.ts';
import { createNodePorts } from '../../src/engine/lab/node-ports.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { openLabwire } from '../../src/lab/labwire/labwire-server.ts';
import { bundleProgram } from '../fixtures/node-bundle.ts';
import { ProducedStream } from '../servers/labwire/produced-stream.ts';
import type { ServerHello, ServerState } from '../servers/labwire/server-process.ts';
import { checkRows, openHarness } from './labwire-harness.ts';
import { RowLog } from './row-log.ts';

const PLAN = { equipment: 'daq', name: 'fast', intervalMs: 1, form: 'f64' as const };
const WINDOW = { min: 8192, max: 16_384 };
const FROZEN_MS = 1500;

let program: string;
let child: ChildProcess | undefined;

beforeAll(async () => {
  program = await bundleProgram('test/servers/labwire/server-process.ts', 'labwire-test-server');
});

afterEach(async () => {
  if (child) {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    child = undefined;
  }
  expect(openScopes()).toEqual([]);
});

async function state(): Promise<ServerState> {
  const answer = once(child!, 'message');
  child!.send('state');
  return ((await answer) as [ServerState])[0];
}

test('107 a consumer that stands still: the server runs no further than its window, and no row is lost', async () => {
  const options = { streams: [PLAN], rules: { windowBytes: WINDOW } };
  child = fork(program, [], { env: { ...process.env, LABWIRE_TEST_SERVER: JSON.stringify(options) } });
  const [hello] = (await once(child, 'message')) as [ServerHello];
  const clock = createSystemClock();
  const ports = createNodePorts(clock);
  await using client = openLabwire(ports, { url: `127.0.0.1:${hello.port}` });
  const log = new RowLog();
  const stood = new Promise<void>((resolve) => {
    log.onRows = () => {
      if (log.count < 200) return;
      log.onRows = undefined;
      // The whole thread, as a debugger or a long garbage collection would.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FROZEN_MS);
      resolve();
    };
  });
  const stream = client.openStream('daq', 'fast', 1, log);
  await stood;
  const atThaw = log.count;
  while (log.count < atThaw + FROZEN_MS + 500) await new Promise((resolve) => setTimeout(resolve, 5));
  const { peak, backlog, acked, sent } = await state();
  // A frame is sent whole: up to 256 rows of two doubles.
  expect(peak).toBeLessThanOrEqual(WINDOW.max + 256 * 16 + 40);
  expect(backlog).toBeGreaterThan(FROZEN_MS / 2);
  expect(sent - acked).toBeLessThanOrEqual(WINDOW.max + 256 * 16 + 40);
  const { epoch, startNs } = hello.streams['daq/fast']!;
  const made = new ProducedStream(PLAN, { ...clock, nowNs: () => BigInt(startNs) }, epoch, () => 0);
  expect(checkRows(log, made, 1, false).lost).toBe(0);
  expect(stream.stats).toMatchObject({ lost: 0, unaccounted: 0 });
  await client[Symbol.asyncDispose]();
  ports[Symbol.dispose]();
});

test('rows that wait for a hole to be filled are not acknowledged before the outlet has them', async () => {
  await using harness = await openHarness({
    streams: [{ ...PLAN, intervalMs: 10 }],
    rules: { pumpMs: 20, windowBytes: WINDOW },
  });
  const { server, until, want } = harness;
  const { log, stream } = want('daq/fast', 10);
  await until('rows', () => log.count > 200);
  Object.assign(server.world.knobs, { isWithoutHistory: true, isRestHanging: true });
  const [connection] = server.world.connections;
  const { outbox } = connection!;
  server.world.loseSilently('daq/fast', 5);
  const since = server.world.clock.monotonicMs();
  await until(
    'the server waits',
    () => outbox.unacked >= outbox.window && server.world.clock.monotonicMs() - since > 5000,
  );
  const held = log.count;
  await until('the hole is given up', () => log.gaps.length > 0);
  expect(server.world.clock.monotonicMs() - since).toBeGreaterThanOrEqual(9000);
  expect(log.gaps).toMatchObject([{ lost: 5 }]);
  await until('all of it', () => log.count > held + 1200);
  expect(outbox.peak).toBeLessThanOrEqual(WINDOW.max + 256 * 16 + 40);
  expect(checkRows(log, server.world.streams.get('daq/fast')!).lost).toBe(5);
  expect(stream.stats).toMatchObject({ unaccounted: 5, lost: 5 });
});
