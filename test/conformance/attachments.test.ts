import dgram from 'node:dgram';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openScopes } from '../../src/core/scope.ts';
import { openSession } from '../../src/engine/session/open-session.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import { openTransport } from '../../src/engine/transport/open-transport.ts';
import type { Transport } from '../../src/engine/transport/transport.ts';
import { openUsbtmcFile } from '../../src/engine/transport/usbtmc-file/open-usbtmc-file.ts';
import { openVendor } from '../../src/engine/transport/vendor-visa/open-vendor.ts';
import { createKernelDriver } from '../usb/kernel-driver.ts';
import { buildTestLibrary, type TestLibrary, whyNoLibrary } from '../vendor-visa/test-library.ts';
import { openVisaBridge } from '../vendor-visa/visa-bridge.ts';
import { show } from './message-suite.ts';
import { leftSince, openFiles, openHandles, quietHandles, stillHeld } from './open-handles.ts';
import { createTestDevice } from './test-device.ts';

/** Attached and detached 1,000 times, a way leaves nothing: no file handle, socket, timer, child process, scope or object. */
const TIMES = 1000;
/** Of these each starts a process; the soak asks for 1,000. */
const PROCESSES = Number(process.env.LABWIRE_VISA_PROCESSES ?? 20);
const clock = createSystemClock();

afterAll(() => expect(openScopes()).toEqual([]));

/** One session more: every tenth asks something. */
async function attach(open: () => Promise<Transport>, round: number): Promise<WeakRef<Transport>> {
  const transport = await open();
  await using session = await openSession({ clock, open: async () => transport });
  if (round % 10 === 0) expect(await session.query(`ECHO? ${round}`)).toBe(`ECHO? ${round}`);
  return new WeakRef(transport);
}

describe.skipIf(whyNoLibrary)(`the maker's VISA${whyNoLibrary ? ` (skipped: ${whyNoLibrary})` : ''}`, () => {
  let built: TestLibrary;
  beforeAll(async () => {
    built = await buildTestLibrary('vendor-visa-attachments');
  });
  afterAll(() => built?.dispose());

  it(`${TIMES} times in one process of the library`, async () => {
    const device = createTestDevice();
    await using bridge = await openVisaBridge(device);
    const childrenBefore = openHandles().children;
    // Keeps the process, as another instrument would.
    await using kept = await openVendor(bridge, { ...built, idleMs: 0 });
    expect(kept.isMessageBased).toBe(true);
    const [pid = 0] = openHandles().children.filter((child) => !childrenBefore.includes(child));
    await attach(() => openVendor(bridge, built), 0);
    await expect.poll(() => bridge.connections).toBe(1);
    const before = await quietHandles();
    const filesOfChild = openFiles(pid);
    const seen: WeakRef<Transport>[] = [];
    for (let round = 0; round < TIMES; round += 10) {
      const some = Array.from({ length: 10 }, (_, index) => attach(() => openVendor(bridge, built), round + index));
      seen.push(...(await Promise.all(some)));
    }
    await expect.poll(() => device.counts.connections).toBe(TIMES + 2);
    await expect.poll(() => device.counts.open).toBe(1);
    await expect.poll(() => leftSince(before)).toEqual([]);
    await expect.poll(() => openFiles(pid)).toBe(filesOfChild);
    await expect.poll(() => stillHeld(seen)).toBeLessThanOrEqual(1);
    expect(built.children).toHaveLength(1);
  });

  it(`${PROCESSES} times with a process each, which ends with its instrument`, {
    timeout: 60_000 + PROCESSES * 2000,
  }, async () => {
    await Promise.all(built.children.map((child) => new Promise<void>((resolve) => child.onExit(() => resolve()))));
    const own = { library: built.library, spawn: () => built.spawn(), idleMs: 0 };
    await using bridge = await openVisaBridge(createTestDevice());
    await attach(() => openVendor(bridge, own), 0);
    await ended(built);
    const before = await quietHandles();
    for (let round = 0; round < PROCESSES; round++) {
      const started = built.children.length;
      await attach(() => openVendor(bridge, own), round);
      expect(built.children).toHaveLength(started + 1);
      await ended(built);
    }
    await expect.poll(() => leftSince(before)).toEqual([]);
    expect(bridge.connections).toBe(0);
  });
});

/** The newest process of the library has ended. */
async function ended(built: TestLibrary): Promise<void> {
  await new Promise<void>((resolve) => built.children.at(-1)?.onExit(() => resolve()));
}

it(`/dev/usbtmcN, the driver's calls injected, ${TIMES} times; every tenth is unplugged`, async () => {
  const device = createTestDevice();
  const kernel = createKernelDriver(device);
  const { driver, path } = kernel;
  const open = async (round: number): Promise<Transport> => {
    kernel.plugIn();
    const transport = await openUsbtmcFile({ path, canonical: `USBTMC${path}::INSTR` }, { driver });
    if (round % 10 === 7) kernel.unplug();
    return transport;
  };
  await attach(() => open(0), 0);
  const before = await quietHandles();
  const seen: WeakRef<Transport>[] = [];
  for (let round = 0; round < TIMES; round++) seen.push(await attach(() => open(round), round));
  expect(device.counts.connections).toBe(TIMES + 1);
  expect(device.counts.open).toBe(0);
  await expect.poll(() => leftSince(before)).toEqual([]);
  await expect.poll(() => stillHeld(seen)).toBeLessThanOrEqual(1);
  kernel.dispose();
});

it(`datagrams, ${TIMES} times at the same port`, async () => {
  const sender = dgram.createSocket('udp4');
  const free = dgram.createSocket('udp4');
  await new Promise<void>((resolve) => free.bind(0, '127.0.0.1', resolve));
  const { port } = free.address();
  await new Promise<void>((resolve) => free.close(resolve));
  const resource = `UDP0::127.0.0.1::${port}::SOCKET`;
  await new Promise<void>((resolve) => sender.bind(0, '127.0.0.1', resolve));
  const listen = async (round: number): Promise<WeakRef<Transport>> => {
    await using transport = await openTransport(resource);
    if (round % 10 === 0) {
      const reading = transport.read();
      sender.send(`round ${round}`, port, '127.0.0.1');
      expect(show((await reading).bytes)).toBe(`round ${round}\n`);
    }
    return new WeakRef(transport);
  };
  await listen(0);
  const before = await quietHandles();
  const seen: WeakRef<Transport>[] = [];
  for (let round = 0; round < TIMES; round++) seen.push(await listen(round));
  await expect.poll(() => leftSince(before)).toEqual([]);
  await expect.poll(() => stillHeld(seen)).toBeLessThanOrEqual(1);
  sender.close();
});
