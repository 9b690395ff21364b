import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Clock } from '../../src/core/clock.ts';
import { ManualClock } from '../../src/core/clock.ts';
import { createNodePorts } from '../../src/engine/lab/node-ports.ts';
import type { LabStream } from '../../src/lab/equipment.ts';
import type { LabServerEvent, LabServerOptions } from '../../src/lab/lab-server.ts';
import { type LabwireServer, openLabwire } from '../../src/lab/labwire/labwire-server.ts';
import type { LabPorts } from '../../src/lab/ports.ts';
import { type FaultProxy, openFaultProxy } from '../servers/fault-proxy.ts';
import {
  type LabwireServerOptions,
  type LabwireTestServer,
  openLabwireServer,
} from '../servers/labwire/labwire-server.ts';
import type { ProducedStream } from '../servers/labwire/produced-stream.ts';
import { RowLog } from './row-log.ts';

export interface Harness extends AsyncDisposable {
  server: LabwireTestServer;
  proxy: FaultProxy;
  client: LabwireServer;
  events: LabServerEvent[];
  /** Opens a stream with a log on it. */
  want(key: string, intervalMs: number): { log: RowLog; stream: LabStream };
  /** Waits until it holds; a manual clock goes on meanwhile by `stepMs` a turn. */
  until(what: string, holds: () => unknown, stepMs?: number): Promise<void>;
  /** So much time passes on the manual clock, with turns for the sockets in between. */
  pass(ms: number, stepMs?: number): Promise<void>;
}

export interface HarnessOptions extends LabwireServerOptions {
  client?: Partial<LabServerOptions>;
  ports?: (ports: LabPorts) => LabPorts;
  /** The real clock instead of a manual one. */
  isReal?: boolean;
  /** Called before the client is opened. */
  prepare?: (server: LabwireTestServer) => void;
}

const REAL_MS = 60_000;

/** Server, proxy and client, on one manual clock: sockets are real, time is not. */
export async function openHarness(options: HarnessOptions): Promise<Harness> {
  const manual = options.isReal ? undefined : new ManualClock();
  const server = await openLabwireServer({ ...options, ...(manual ? { clock: manual } : {}) });
  options.prepare?.(server);
  const proxy = await openFaultProxy(server.port);
  const clock: Clock = server.world.clock;
  const node = createNodePorts(clock);
  // Without the probe of the port: it would end waits whenever the proxy listens.
  const { isListening: _, ...bare } = node;
  const ports = options.ports?.(bare) ?? bare;
  const client = openLabwire(ports, { url: `http://${proxy.host}`, ...options.client });
  const events: LabServerEvent[] = [];
  client.onEvent((event) => events.push(event));
  const turn = async (stepMs: number): Promise<void> => {
    if (manual && stepMs > 0) await manual.advance(stepMs);
    await sleep(1);
  };
  return {
    server,
    proxy,
    client,
    events,
    want(key, intervalMs) {
      const log = new RowLog();
      const [equipment = '', name = ''] = key.split('/');
      return { log, stream: client.openStream(equipment, name, intervalMs, log) };
    },
    async until(what, holds, stepMs = 20) {
      const end = performance.now() + REAL_MS;
      while (!holds()) {
        if (performance.now() > end) throw new Error(`never: ${what}; link ${JSON.stringify(client.link)}`);
        await turn(stepMs);
      }
    },
    async pass(ms, stepMs = 100) {
      for (let passed = 0; passed < ms; passed += stepMs) await turn(Math.min(stepMs, ms - passed));
    },
    async [Symbol.asyncDispose]() {
      const closed = client[Symbol.asyncDispose]();
      let isClosed = false;
      void closed.then(() => {
        isClosed = true;
      });
      while (!isClosed) await turn(100);
      await proxy[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      node[Symbol.dispose]();
    },
  };
}

export interface Checked {
  rows: number;
  first: number;
  last: number;
  lost: number;
}

/**
 * Compares what was logged with what the server made, row by row: each row is there once, in order, with its values and its time, or its place is named by a
 * loss. Streams whose first column counts the rows; `step`: each so many rows one was asked for. `hasOneClock`: false for a server in another process, whose
 * clock was read at another moment.
 */
export function checkRows(log: RowLog, stream: ProducedStream, step = 1, hasOneClock = true): Checked {
  let next: number | undefined;
  let lost = 0;
  let named = 0;
  const checked: Checked = { rows: 0, first: Number.NaN, last: Number.NaN, lost: 0 };
  for (const entry of log.entries) {
    if (entry.kind !== 'row') {
      named += entry.lost;
      lost += entry.lost;
      continue;
    }
    const [seq = Number.NaN, wave = Number.NaN] = entry.row.values;
    const [, expected] = stream.values(seq);
    if (next === undefined) checked.first = seq;
    else if (seq !== next + named && !(step > 1 && seq <= next + named + step - 1 && seq >= next + named))
      expect.fail(`row ${seq} after row ${next - 1} with ${named} named as lost`);
    if (!Object.is(wave, expected)) expect.fail(`row ${seq}: ${wave} instead of ${expected}`);
    const { timeNs, uncertaintyS } = entry.row;
    const offS = Math.abs(Number(timeNs - stream.timeNs(seq))) / 1e9;
    if (hasOneClock && offS > uncertaintyS + 1e-3)
      expect.fail(`row ${seq}: time off by ${offS} s, said to be sure to ${uncertaintyS} s`);
    next = seq + 1;
    named = 0;
    checked.rows++;
    checked.last = seq;
  }
  checked.lost = lost;
  return checked;
}
