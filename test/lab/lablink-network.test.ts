import { describe, expect, test } from 'vitest';
import type { FaultProxy } from '../servers/fault-proxy.ts';
import { openFaultProxy } from '../servers/fault-proxy.ts';
import type { LabLinkServer } from '../servers/lablink/server.ts';
import type { LabLinkLab } from './lablink-harness.ts';
import { openLabLinkLab, SUPPLY, soon } from './lablink-harness.ts';

const SLOW = 45_000;

interface Proxied extends AsyncDisposable {
  bench: LabLinkLab;
  proxy: FaultProxy;
}

/** A client that sees its server only through a proxy. */
async function openProxied(): Promise<Proxied> {
  let proxy: FaultProxy | undefined;
  const through = async (server: LabLinkServer) => {
    proxy = await openFaultProxy(server.port);
    return proxy.port;
  };
  const bench = await openLabLinkLab({ mode: 'fixed', through });
  if (!proxy) throw new Error('no proxy');
  const opened = proxy;
  return {
    bench,
    proxy: opened,
    async [Symbol.asyncDispose]() {
      await bench[Symbol.asyncDispose]();
      await opened[Symbol.asyncDispose]();
    },
  };
}

describe.concurrent('a network as it is', () => {
  test('104 and 111: a silent drop is seen by the missing rows, declared, and mended by a new connection', async () => {
    await using proxied = await openProxied();
    const { bench, proxy } = proxied;
    const supply = bench.watch(SUPPLY, 'readings');
    await supply.more(10, 'live');
    const made = proxy.made;
    proxy.halfOpen();
    await supply.more(10, undefined, SLOW);
    await supply.until(() => supply.sources.at(-1) === 'live', 'live again', SLOW);
    expect(proxy.made).toBeGreaterThan(made);
    // Rows came by asking, or the hole is declared: it is never drawn over.
    expect(supply.gaps.length + supply.taken.filter(({ source }) => source === 'polled').length).toBeGreaterThan(0);
    expect(bench.lab.traffic.unaccounted).toBe(0);
  });

  test('129: a cable pulled for a while: the same stream goes on, what is missing is a gap', async () => {
    await using proxied = await openProxied();
    const { bench, proxy } = proxied;
    const supply = bench.watch(SUPPLY, 'readings');
    await supply.more(10, 'live');
    proxy.set({ isRefusing: true });
    proxy.cut();
    await bench.events.until(() => bench.lab.link.attempt > 0, 'it is seen', SLOW);
    await supply.until(() => supply.sources.at(-1) === 'silent', 'neither way gives rows', SLOW);
    proxy.set({ isRefusing: false });
    await supply.more(10, 'live', SLOW);
    expect(supply.gaps.length).toBeGreaterThan(0);
    const times = supply.taken.map(({ timeNs }) => timeNs);
    expect(times.every((time, index) => index === 0 || time > (times[index - 1] ?? 0n))).toBe(true);
  });

  test('outputs go off at once though every kept connection is dead', async () => {
    await using proxied = await openProxied();
    const { bench, proxy } = proxied;
    for (const id of ['ch1.output', 'ch2.output']) await bench.lab.setControl(SUPPLY, id, true, { signal: soon(SLOW) });
    const streams = ['readings', 'readings-ch2', 'readings-ch3'].map((name) => bench.watch(SUPPLY, name));
    await Promise.all(streams.map((stream) => stream.more(3)));
    proxy.halfOpen();
    const results = (await bench.lab.emergencyStop?.()) ?? [];
    expect(results.map(({ confirmed }) => confirmed)).toEqual([true, true, true, true]);
    const supply = bench.server.world.mainDevices.devices.get(SUPPLY)?.device;
    expect((await supply?.readings?.(2))?.output_enabled).toBe(false);
  });

  test('one byte at a time: nothing is lost, nothing is misread', async () => {
    await using proxied = await openProxied();
    const { bench, proxy } = proxied;
    proxy.set({ segmentBytes: 1 });
    const supply = bench.watch(SUPPLY, 'readings', 500);
    await supply.more(5, 'live', SLOW);
    expect(await bench.lab.setControl(SUPPLY, 'ch1.voltage.set', 3, { signal: soon(SLOW) })).toMatchObject({
      'ch1.voltage.set': 3,
    });
    expect(bench.lab.traffic.malformed).toBe(0);
  });
});

test('128: a server killed and started again five times: rows are back each time, and nothing is left over', async () => {
  await using bench = await openLabLinkLab({ mode: 'fixed' });
  const supply = bench.watch(SUPPLY, 'readings');
  for (let round = 0; round < 5; round++) {
    await supply.more(3, 'live', SLOW);
    await bench.server.kill();
    await bench.events.until(() => bench.lab.link.word !== 'connected', 'the end is seen');
    await bench.server.restart();
  }
  await supply.more(3, 'live', SLOW);
  expect(bench.server.world.openSockets.size).toBe(1);
  expect(bench.server.world.basic.tasks.size).toBe(1);
  expect(bench.lab.traffic.unaccounted).toBe(0);
});
