import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { openScopes } from '../../src/core/scope.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { createNodePorts } from '../../src/engine/lab/node-ports.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import type { LabOutlet, LabRows } from '../../src/lab/equipment.ts';
import { openLabwire } from '../../src/lab/labwire/labwire-server.ts';
import { bundleProgram } from '../fixtures/node-bundle.ts';
import { openFaultProxy } from '../servers/fault-proxy.ts';
import { ProducedStream } from '../servers/labwire/produced-stream.ts';
import type { ServerHello } from '../servers/labwire/server-process.ts';

const STREAMS = 20;
const INTERVAL_MS = 10;
const SECONDS = Number(process.env.LABWIRE_SOAK_SECONDS ?? 600);
/** Share of the time in which nothing passes. */
const STALLED = 0.01;

let child: ChildProcess | undefined;

afterAll(() => {
  child?.kill('SIGKILL');
  expect(openScopes()).toEqual([]);
});

/** Checks each row as it comes and keeps only how late it was. */
class RowCheck implements LabOutlet {
  count = 0;
  faults: string[] = [];
  next: number | undefined;
  gaps = 0;
  readonly late: number[] = [];
  readonly #made: ProducedStream;
  readonly #nowNs: () => bigint;

  constructor(made: ProducedStream, nowNs: () => bigint) {
    this.#made = made;
    this.#nowNs = nowNs;
  }

  opened(): void {}

  rows({ columns, rows, lost }: LabRows): void {
    if (lost > 0) this.#fault(`${lost} rows named as lost`);
    for (let i = 0; i < rows; i++) {
      const seq = columns[0]?.[i] ?? Number.NaN;
      if (this.next !== undefined && seq !== this.next) this.#fault(`row ${seq} instead of ${this.next}`);
      if (!Object.is(columns[1]?.[i], this.#made.values(seq)[1])) this.#fault(`row ${seq}: ${columns[1]?.[i]}`);
      this.next = seq + 1;
    }
    this.count += rows;
    // By the true time of the row: both processes are on one machine.
    this.late.push(Number(this.#nowNs() - this.#made.timeNs((this.next ?? 1) - 1)) / 1e6);
  }

  gap(): void {
    this.gaps++;
  }

  source(): void {}

  #fault(text: string): void {
    if (this.faults.length < 10) this.faults.push(text);
  }
}

test(
  `340 ${STREAMS} streams each ${INTERVAL_MS} ms for ${SECONDS} s, nothing passes ${STALLED * 100} % of the time: every row, none unaccounted`,
  async () => {
    const plans = Array.from({ length: STREAMS }, (_, index) => ({
      equipment: `e${index}`,
      name: 'readings',
      intervalMs: INTERVAL_MS,
      form: 'f64' as const,
    }));
    const program = await bundleProgram('test/servers/labwire/server-process.ts', 'labwire-soak-server');
    child = fork(program, [], { env: { ...process.env, LABWIRE_TEST_SERVER: JSON.stringify({ streams: plans }) } });
    const [hello] = (await once(child, 'message')) as [ServerHello];
    await using proxy = await openFaultProxy(hello.port);
    const clock = createSystemClock();
    const ports = createNodePorts(clock);
    await using client = openLabwire(ports, { url: proxy.host });
    const streams = plans.map((plan) => {
      const { epoch, startNs } = hello.streams[`${plan.equipment}/readings`]!;
      const made = new ProducedStream(plan, { ...clock, nowNs: () => BigInt(startNs) }, epoch, () => 0);
      const check = new RowCheck(made, () => clock.nowNs());
      return { check, stream: client.openStream(plan.equipment, 'readings', INTERVAL_MS, check) };
    });

    const random = seededRandom(20);
    let stalls = 0;
    const endMs = performance.now() + SECONDS * 1000;
    while (performance.now() < endMs) {
      const stallMs = 10 + random.below(200);
      await sleep(Math.min(stallMs / STALLED, Math.max(0, endMs - performance.now())));
      proxy.set({ isStalled: true });
      await sleep(stallMs);
      proxy.set({ isStalled: false });
      stalls++;
    }
    await sleep(1000);

    const late = Float64Array.from(streams.flatMap(({ check }) => check.late)).sort();
    const at = (share: number): string => (late[Math.floor(late.length * share)] ?? Number.NaN).toFixed(1);
    const rows = streams.reduce((sum, { check }) => sum + check.count, 0);
    console.log(
      `${rows} rows, ${stalls} stalls, latency p50 ${at(0.5)} p99 ${at(0.99)} max ${at(0.999999)} ms, ${client.traffic.wireBytes} B on the wire for ${client.traffic.bytes}, heap ${(process.memoryUsage().heapUsed / 2 ** 20).toFixed(0)} MiB`,
    );
    for (const { check, stream } of streams) {
      expect(check.faults).toEqual([]);
      expect(check.gaps).toBe(0);
      expect(stream.stats).toMatchObject({ unaccounted: 0, lost: 0 });
      // Wanted a moment after the server began; the rest of the time is all there.
      expect(check.count).toBeGreaterThan(SECONDS * (1000 / INTERVAL_MS) - 500);
    }
    expect(client.traffic).toMatchObject({ unaccounted: 0, malformed: 0 });
    ports[Symbol.dispose]();
  },
  (SECONDS + 120) * 1000,
);
