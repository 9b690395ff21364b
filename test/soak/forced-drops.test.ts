import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { openScopes } from '../../src/core/scope.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { createNodePorts } from '../../src/engine/lab/node-ports.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import type { LabOutlet, LabRows } from '../../src/lab/equipment.ts';
import { openPowerMeter } from '../../src/lab/power-meter/power-meter-server.ts';
import { Waiters } from '../lab/recorded-outlet.ts';
import { openFaultProxy } from '../servers/fault-proxy.ts';
import { PowerMeterServer } from '../servers/power-meter/server.ts';

const DROPS = Number(process.env.LABWIRE_SOAK_DROPS ?? 500);
/** Each so many drops the server itself is another process, whose clock began elsewhere. */
const RESTART_EACH = 25;
/** By the usual rules a link that drops again and again within ten seconds waits longer each time, up to 30 s: 500 drops would take four hours. */
const QUICK = { firstWaitMs: 80, maxWaitMs: 160, steadyMs: 20, listenMs: 50, renewAfterMs: 50 };
const INTERVAL_MS = 20;
/** On the wire rows have no numbers: after a drop it is a hole if they are farther apart than that. */
const HOLE_MS = 2 * INTERVAL_MS + 20;
const LATE_MS = 5;
const GATE = { openMs: 5000, closedMs: 100, leastMs: 20 };

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Counts rows and gaps, and checks that no row is older than the one before and that no hole is without its gap. */
class Tally implements LabOutlet {
  rowCount = 0;
  gaps = 0;
  gapsWithoutReason = 0;
  backwards = 0;
  undeclared = 0;
  #isDeclared = true;
  #lastNs = 0n;
  #lastMade = 0;
  readonly #waiters = new Waiters();

  opened(): void {}

  rows({ columns, rows, timesNs, source }: LabRows): void {
    for (let at = 0; at < rows; at++) {
      const timeNs = timesNs[at] ?? 0n;
      if (timeNs <= this.#lastNs) this.backwards++;
      const made = columns[3]?.[at] ?? Number.NaN;
      const isFar = Number(timeNs - this.#lastNs) / 1e6 > HOLE_MS + LATE_MS;
      if (!this.#isDeclared && isFar && made !== this.#lastMade + 1) this.undeclared++;
      this.#lastMade = made;
      // What is polled is known to leave rows out.
      this.#isDeclared = source === 'polled';
      this.#lastNs = timeNs;
    }
    this.rowCount += rows;
    this.#waiters.changed();
  }

  gap({ reason }: { reason: string }): void {
    this.gaps++;
    this.#isDeclared = true;
    if (reason === '') this.gapsWithoutReason++;
  }

  source(): void {}

  more(count: number): Promise<void> {
    const wanted = this.rowCount + count;
    return this.#waiters.until(() => this.rowCount >= wanted, `row ${wanted}`, 60_000);
  }
}

const isPower = ({ path }: { path: string }): boolean => path.endsWith('/power');

function open(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function heapMiB(): number {
  collect();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

test(`138 ${DROPS} forced drops: rows are back each time by themselves, nothing unaccounted, nothing left open`, {
  timeout: 1_200_000,
}, async () => {
  const random = seededRandom(138);
  const before = open();
  let server = await PowerMeterServer.start({ healthMs: 1000, isCounting: true });
  const proxy = await openFaultProxy(server.port);
  const ports = createNodePorts(createSystemClock());
  const client = await openPowerMeter(ports, { url: `http://${proxy.host}/?module=4,7`, gate: GATE, link: QUICK });
  const tallies = [new Tally(), new Tally()];
  const streams = tallies.map((tally, index) =>
    client.openStream(`module${[4, 7][index]}`, 'power', INTERVAL_MS, tally),
  );
  const more = (count: number): Promise<unknown> => Promise.all(tallies.map((tally) => tally.more(count)));
  let early = Number.NaN;
  await more(5);
  for (let drop = 1; drop <= DROPS; drop++) {
    const streamed = drop % RESTART_EACH === 0 ? 0 : server.sockets.filter(isPower).length;
    if (drop % RESTART_EACH === 0) {
      proxy.set({ isRefusing: true });
      await server[Symbol.asyncDispose]();
      proxy.cut();
      server = await PowerMeterServer.start({ healthMs: 1000, isCounting: true, monotonicS: random.below(100_000) });
      proxy.retarget(server.port);
      proxy.set({ isRefusing: false });
    } else if (random.next() < 0.5) proxy.cut();
    else server.cut();
    // Rows that were on their way still come: the new connections tell that the drop was seen.
    await expect.poll(() => server.sockets.filter(isPower).length, { timeout: 60_000, interval: 5 }).toBe(streamed + 2);
    await more(2 + random.below(4));
    if (drop === Math.floor(DROPS / 5)) early = heapMiB();
  }
  const late = heapMiB();
  await expect.poll(() => client.link.word, { timeout: 60_000 }).toBe('connected');
  console.log(
    `${DROPS} drops, ${tallies.map(({ rowCount, gaps }) => `${rowCount} rows and ${gaps} gaps`).join(', ')}; heap ${early.toFixed(1)} MiB after a fifth, ${late.toFixed(1)} MiB at the end; ${proxy.made} connections`,
  );
  expect(client.traffic).toMatchObject({ unaccounted: 0, malformed: 0 });
  for (const tally of tallies) {
    // Some drops are over before a row is missed.
    expect(tally.gaps).toBeGreaterThan(DROPS / 2);
    expect(tally).toMatchObject({ gapsWithoutReason: 0, backwards: 0, undeclared: 0 });
  }
  // Two streams and the health socket; what the drops left is gone.
  await expect.poll(() => server.sockets.filter(({ isOpen }) => isOpen).length, { timeout: 60_000 }).toBe(3);
  expect(late - early).toBeLessThan(8);

  await Promise.all(streams.map((stream) => stream[Symbol.asyncDispose]()));
  await client[Symbol.asyncDispose]();
  await expect.poll(() => server.sockets.filter(({ isOpen }) => isOpen).length, { timeout: 60_000 }).toBe(0);
  ports[Symbol.dispose]();
  await server[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
  expect(openScopes()).toEqual([]);
  const left = (): string[] =>
    Object.entries(open()).flatMap(([name, count]) => (count > (before[name] ?? 0) ? [`${name} ${count}`] : []));
  await expect.poll(left, { timeout: 60_000 }).toEqual([]);
});
