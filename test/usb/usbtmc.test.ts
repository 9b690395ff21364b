import { afterEach, describe, expect, it } from 'vitest';
import { createDeferred } from '../../src/core/deferred.ts';
import { LabError } from '../../src/core/errors.ts';
import type { Transport } from '../../src/engine/transport/transport.ts';
import { listUsb, listUsbip } from '../../src/engine/transport/usb/list-usb.ts';
import { udevAdvice, udevRule } from '../../src/engine/transport/usb/udev-rule.ts';
import { watchUsb } from '../../src/engine/transport/usb/usb-package.ts';
import { isSerialOf, resourceSerial } from '../../src/engine/transport/usb/usb-resource.ts';
import { usbtmcQuirks } from '../../src/engine/transport/usb/usbtmc-quirks.ts';
import { USBTMC_MESSAGE } from '../../src/protocol/usbtmc.ts';
import { InPipe } from '../../src/simulator/usb/in-pipe.ts';
import type { SetupPacket, UsbPeripheral } from '../../src/simulator/usb/usb-peripheral.ts';
import { UsbtmcPeripheral, type UsbtmcPeripheralOptions } from '../../src/simulator/usb/usbtmc-peripheral.ts';
import type { MessageDevice } from '../../src/simulator/wire/message-device.ts';
import { readMessage, show, text } from '../conformance/message-suite.ts';
import { createTestDevice, type TestDevice } from '../conformance/test-device.ts';
import { createPackageBus } from './package-bus.ts';
import { exportPeripheral, openUsbResource, type UsbBench } from './usb-bench.ts';

/** Requests of the class in the order they came; `halt` is CLEAR_FEATURE. Some requests can be refused, with a status. */
class WatchedPeripheral extends UsbtmcPeripheral {
  readonly log: (number | string)[] = [];
  readonly spoiled = new Map<number, number>();

  override async control(setup: SetupPacket, data: Uint8Array) {
    this.log.push(setup.request);
    const status = this.spoiled.get(setup.request);
    if (status !== undefined) return { outcome: 'ok' as const, data: Uint8Array.of(status, 0) };
    return super.control(setup, data);
  }

  /** Requests for an answer that were taken. */
  requests = 0;

  override async out(endpoint: number, bytes: Uint8Array, signal: AbortSignal) {
    const outcome = await super.out(endpoint, bytes, signal);
    if (bytes[0] === USBTMC_MESSAGE.requestIn && outcome === 'ok') this.requests++;
    return outcome;
  }

  override clearHalt(address: number): void {
    this.log.push(`halt ${address}`);
    super.clearHalt(address);
  }
}

/** Of a host that cannot take a transfer back: it ends when the device takes it, or halts. */
class HeldPeripheral extends WatchedPeripheral {
  override out(endpoint: number, bytes: Uint8Array, _signal: AbortSignal) {
    return super.out(endpoint, bytes, new AbortController().signal);
  }
}

/** An instrument that takes nothing until it is let. */
function holdOff() {
  const device = createTestDevice();
  const begun = createDeferred<void>();
  let isStuck = true;
  const stuck: MessageDevice = {
    idn: device.idn,
    connect(cut) {
      const connection = device.connect(cut);
      const write = connection.write.bind(connection);
      connection.write = (bytes, end) => {
        begun.resolve();
        return isStuck ? new Promise(() => {}) : write(bytes, end);
      };
      return connection;
    },
  };
  const free = (): void => {
    isStuck = false;
  };
  return { stuck, begun: begun.promise, free, device };
}

const opened: { [Symbol.asyncDispose](): PromiseLike<void> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

async function open(
  options: UsbtmcPeripheralOptions = {},
  device: MessageDevice & Partial<TestDevice> = createTestDevice(),
): Promise<{
  transport: Transport;
  peripheral: WatchedPeripheral;
  device: TestDevice;
  bench: Omit<UsbBench, 'peripheral'>;
}> {
  const peripheral = new WatchedPeripheral(device, options);
  const bench = await exportPeripheral(peripheral);
  opened.push(bench);
  const transport = await bench.open();
  opened.push(transport);
  peripheral.log.length = 0;
  return { transport, peripheral, device: device as TestDevice, bench };
}

/** Asks, waits until the instrument has it, and gives the read up. */
async function askAndGiveUp(
  { transport, device, peripheral }: { transport: Transport; device: TestDevice; peripheral: WatchedPeripheral },
  question: string,
): Promise<void> {
  const received = device.received.length;
  const { requests } = peripheral;
  await transport.write(text(question), { end: true });
  await device.receivedAtLeast(received + 1);
  const controller = new AbortController();
  const reading = transport.read({ signal: controller.signal });
  await expect.poll(() => peripheral.requests, { interval: 1 }).toBe(requests + 1);
  controller.abort(new LabError('transport.timeout', 'too late'));
  await expect(reading).rejects.toMatchObject({ code: 'transport.timeout' });
}

async function ask(transport: Transport, question: string): Promise<string> {
  await transport.write(text(question), { end: true });
  return show(await readMessage(transport));
}

describe('taking back', () => {
  it('a read: INITIATE_ABORT_BULK_IN, CHECK until not pending; then everything goes on', async () => {
    const { transport, peripheral, device } = await open({ pendingChecks: 2 });
    let late: ((bytes: Uint8Array) => void) | undefined;
    device.answer = () => new Promise((resolve) => (late = resolve));
    await askAndGiveUp({ transport, device, peripheral }, 'SLOW?');
    await expect.poll(() => peripheral.log).toHaveLength(4);
    late?.(text('late'));
    device.answer = (message) => message;
    expect(await ask(transport, 'ECHO? 1')).toBe('ECHO? 1');
    expect(peripheral.log).toEqual([3, 4, 4, 4]);
    expect(device.counts.clears).toBe(0);
  });

  it('a read in the middle of its transfer: what the device had queued is thrown away', async () => {
    const { transport, peripheral, device } = await open({ packetSize: 64 });
    device.answer = () => new Uint8Array(4_000_000).fill(65);
    await transport.write(text('BIG?'), { end: true });
    await device.receivedAtLeast(1);
    const controller = new AbortController();
    const reading = transport.read({ signal: controller.signal, max: 1_000_000 });
    setTimeout(() => controller.abort(new LabError('transport.timeout', 'late')), 3);
    const outcome = await reading.then(
      () => 'all',
      (error: LabError) => error.code,
    );
    expect(['all', 'transport.timeout']).toContain(outcome);
    await transport.control?.clear?.();
    device.answer = (message) => message;
    for (let round = 0; round < 5; round++) expect(await ask(transport, `ECHO? ${round}`)).toBe(`ECHO? ${round}`);
    expect(peripheral.log).toContain(5);
  });

  it('a device that refuses the abort and answers late: the answer with the old tag is nobody’s', async () => {
    const { transport, peripheral, device } = await open({ isAbortDeaf: true });
    let late: ((bytes: Uint8Array) => void) | undefined;
    device.answer = () => new Promise((resolve) => (late = resolve));
    await askAndGiveUp({ transport, device, peripheral }, 'SLOW?');
    await expect.poll(() => peripheral.log).toEqual([3]);
    late?.(text('stale'));
    device.answer = (message) => message;
    for (let round = 0; round < 3; round++) expect(await ask(transport, `ECHO? ${round}`)).toBe(`ECHO? ${round}`);
    expect(peripheral.log).toEqual([3]);
  });

  it('an abort the device gets wrong is followed by a clear; a clear it gets wrong, too, by the end', async () => {
    const { transport, peripheral, device } = await open();
    device.answer = () => new Promise(() => {});
    peripheral.spoiled.set(3, 0x81);
    await askAndGiveUp({ transport, device, peripheral }, 'NEVER?');
    device.answer = (message) => message;
    expect(await ask(transport, 'ECHO? cleared')).toBe('ECHO? cleared');
    expect(peripheral.log).toEqual([3, 5, 6, 'halt 1']);
    peripheral.spoiled.set(5, 0x80);
    device.answer = () => new Promise(() => {});
    await askAndGiveUp({ transport, device, peripheral }, 'NEVER?');
    expect(await transport.closed).toMatchObject({
      code: 'transport.failed',
      message: expect.stringMatching(/neither an abort nor a device clear/),
    });
    await expect(transport.write(text('x'))).rejects.toMatchObject({ code: 'transport.failed' });
  });

  it('a message that the device does not take: INITIATE_ABORT_BULK_OUT, CHECK, CLEAR_FEATURE', async () => {
    const { stuck, begun, free } = holdOff();
    const { transport, peripheral } = await open({ pendingChecks: 1 }, stuck);
    const controller = new AbortController();
    const writing = transport.write(new Uint8Array(200_000).fill(65), { end: true, signal: controller.signal });
    await begun;
    controller.abort(new LabError('transport.timeout', 'late'));
    await expect(writing).rejects.toMatchObject({ code: 'transport.timeout' });
    free();
    expect(await ask(transport, 'ECHO? after')).toBe('ECHO? after');
    expect(peripheral.log).toEqual([1, 2, 2, 'halt 1']);
  });

  describe('a message held off by the instrument, of the package that takes no transfer back', () => {
    async function openHeld() {
      const { stuck, begun, free, device } = holdOff();
      const peripheral = new HeldPeripheral(stuck, { serial: 'S1', pendingChecks: 1 });
      const bus = createPackageBus(peripheral);
      const [row] = await listUsb(bus.load);
      const transport = await openUsbResource(row?.resource ?? '', { load: bus.load });
      opened.push(transport);
      peripheral.log.length = 0;
      return { transport, peripheral, begun, free, device };
    }

    it('given up: the device is told, by a clear if need be, halts the endpoint, and the next message goes out', async () => {
      const { transport, peripheral, begun, free, device } = await openHeld();
      const controller = new AbortController();
      const writing = transport.write(text('HELD'), { end: true, signal: controller.signal });
      await begun;
      controller.abort(new LabError('transport.timeout', 'late'));
      await expect(writing).rejects.toMatchObject({ code: 'transport.timeout' });
      free();
      await transport.write(text('OUTP OFF'), { end: true });
      expect(device.received.map(show)).toEqual(['OUTP OFF']);
      // It has taken nothing that an abort could be of.
      expect(peripheral.log).toEqual([1, 5, 6, 6, 'halt 1']);
    });

    it('cleared: what waited behind it is not sent, and what comes after the clear is', async () => {
      const { transport, peripheral, begun, free, device } = await openHeld();
      const held = expect(transport.write(text('HELD'), { end: true })).rejects.toMatchObject({
        code: 'transport.timeout',
      });
      const behind = expect(transport.write(text('BEHIND'), { end: true })).rejects.toMatchObject({
        code: 'transport.timeout',
      });
      await begun;
      const clearing = transport.control?.clear?.();
      free();
      const urgent = transport.write(text('OUTP OFF'), { end: true });
      await Promise.all([held, behind, clearing, urgent]);
      expect(device.received.map(show)).toEqual(['OUTP OFF']);
      expect(peripheral.log).toEqual([5, 6, 6, 'halt 1']);
    });
  });

  it('a clear says pending as often as it likes; writes and reads wait for it', async () => {
    const { transport, peripheral, device } = await open({ pendingChecks: 3 });
    const clearing = transport.control?.clear?.();
    const asking = ask(transport, 'ECHO? later');
    await clearing;
    expect(await asking).toBe('ECHO? later');
    expect(peripheral.log).toEqual([5, 6, 6, 6, 6, 'halt 1']);
    expect(device.counts.clears).toBe(1);
  });

  it('a clear refused is told and changes nothing', async () => {
    const { transport, peripheral } = await open();
    peripheral.spoiled.set(5, 0x80);
    await expect(transport.control?.clear?.()).rejects.toMatchObject({ code: 'protocol.malformed' });
    peripheral.spoiled.clear();
    expect(await ask(transport, 'ECHO? still')).toBe('ECHO? still');
  });
});

it('halted endpoints: the call rejects, the halt is cleared, the next works', async () => {
  const { transport, peripheral } = await open();
  peripheral.halt('out');
  await expect(transport.write(text('x'), { end: true })).rejects.toMatchObject({ code: 'protocol.malformed' });
  expect(await ask(transport, 'ECHO? 1')).toBe('ECHO? 1');
  await transport.write(text('ECHO? lost'), { end: true });
  peripheral.halt('in');
  await expect(transport.read()).rejects.toMatchObject({ code: 'protocol.malformed' });
  await transport.control?.clear?.();
  expect(await ask(transport, 'ECHO? 2')).toBe('ECHO? 2');
  expect(peripheral.log).toContain('halt 130');
});

it.each([
  ['fails', () => Promise.reject(new Error('LIBUSB_ERROR_IO'))],
  ['is stalled', async () => ({ outcome: 'stall' as const, data: new Uint8Array(0) })],
])('an interrupt endpoint that %s for a while: status bytes and service requests come again', async (_how, fail) => {
  const device = createTestDevice();
  let failures = 12;
  class FailingPeripheral extends UsbtmcPeripheral {
    override in(endpoint: number, length: number, signal: AbortSignal) {
      if (endpoint === 3 && failures-- > 0) return fail();
      return super.in(endpoint, length, signal);
    }
  }
  const bus = createPackageBus(new FailingPeripheral(device, { serial: 'S1' }));
  const [row] = await listUsb(bus.load);
  const transport = await openUsbResource(row?.resource ?? '', { load: bus.load });
  opened.push(transport);
  device.setStatus(0x84);
  expect(await transport.control?.statusByte?.()).toBe(0x84);
  device.setStatus(0);
  device.serviceRequestEnable = 0x20;
  const requested = createDeferred<void>();
  await transport.control?.onServiceRequest?.(() => requested.resolve());
  device.setStatus(0x20);
  await requested.promise;
});

it('requests nothing before something was asked', async () => {
  const { transport, device } = await open();
  const reading = transport.read();
  await transport.write(text('half'), { end: false });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(device.errors).toEqual([]);
  await transport.write(text('?'), { end: true });
  expect(show((await reading).bytes)).toBe('half?');
});

it('split control transfers of the device: in progress, not in progress', async () => {
  const peripheral = new UsbtmcPeripheral(createTestDevice(), { pendingChecks: 1 });
  peripheral.attach(() => {});
  const status = async (request: number, value = 1, index = 0x82): Promise<number | undefined> => {
    const setup = { requestType: 0xa2, request, value, index, length: 8 };
    return (await peripheral.control(setup, new Uint8Array(0))).data[0];
  };
  expect(await status(4)).toBe(0x82);
  expect(await status(6)).toBe(0x82);
  expect(await status(3)).toBe(0x80);
  expect(await status(5)).toBe(1);
  expect(await status(3)).toBe(0x83);
  expect(await status(1, 1, 1)).toBe(0x83);
  expect(await status(6)).toBe(2);
  expect(await status(6)).toBe(1);
  expect(await status(200)).toBeUndefined();
  peripheral.detach();
});

it('remote and local, in the steps of VISA', async () => {
  const { transport, device } = await open();
  for (const mode of ['assert', 'assert-and-lockout', 'local', 'deassert-and-local', 'deassert'] as const) {
    await transport.control?.remoteLocal?.(mode);
  }
  expect(device.remote).toEqual(['remote', 'remote', 'lockout', 'local', 'local', 'local', 'local']);
  const broken = await open({ isRemoteLocalBroken: true });
  await expect(broken.transport.control?.remoteLocal?.('local')).rejects.toMatchObject({
    code: 'transport.unsupported',
  });
});

describe('Rigol', () => {
  const block = `#9000003000${'w'.repeat(3000)}\n`;
  it.each([
    ['old firmware: one header, a size that lies', { singleHeader: 'block' as const }],
    ['newer firmware keeps to the class', { transferBytes: 500 }],
  ])('DS1000Z, %s', async (_, options) => {
    const { transport, device } = await open({ vendorId: 0x1ab1, productId: 0x04ce, ...options });
    device.answer = (message) => (show(message) === 'WAV?' ? text(block) : message);
    expect(await ask(transport, 'WAV?')).toBe(block);
    expect(await ask(transport, 'ECHO? short')).toBe('ECHO? short');
  });

  it('the table: what it knows, and nothing for the others', () => {
    expect(usbtmcQuirks(0x1ab1, 0x0588)).toEqual({ singleHeader: 'size', isRemoteLocalBroken: true });
    expect(usbtmcQuirks(0x0b21, 0x1234)).toEqual({ isRemoteLocalBroken: true });
    expect(usbtmcQuirks(0xf4ec, 1)).toMatchObject({ needsResetAtOpen: true });
    expect(usbtmcQuirks(0x2a8d, 1)).toEqual({});
  });
});

describe('finding the device', () => {
  it('serial numbers with odd text: listed, opened, and told apart', async () => {
    const serial = ' MY 12#é;,\0\0 ';
    const { transport, bench } = await open({ serial });
    await transport[Symbol.asyncDispose]();
    const rows = await listUsbip(bench.server);
    expect(rows).toEqual([
      {
        resource: `USBIP0::127.0.0.1,${bench.server.port}::0x1209::0x4C57::MY 12#é;,::INSTR`,
        maker: 'Labwire',
        product: 'Test device',
        serial: 'MY 12#é;,',
        about: 'Labwire Test device, 0x1209:0x4C57',
      },
    ]);
    await using again = await openUsbResource(rows[0]?.resource ?? '');
    expect(await ask(again, 'ECHO?')).toBe('ECHO?');
    expect([resourceSerial('a::b'), resourceSerial('\0\0'), resourceSerial(undefined)]).toEqual(['a__b', '-', '-']);
    const nameless = { vendorId: 1, productId: 1, maker: undefined, product: undefined, serial: undefined };
    expect(isSerialOf('-', nameless)).toBe(true);
  });

  it('says which serial numbers are there, and who has the device', async () => {
    const { bench } = await open({ serial: 'A1' });
    await expect(openUsbResource(bench.resource.replace('::A1::', '::B2::'))).rejects.toMatchObject({
      code: 'transport.busy',
    });
    const [row] = await listUsbip(bench.server);
    expect(row?.reason).toMatch(/Another client uses it/);
    await opened.pop()?.[Symbol.asyncDispose]();
    await expect(openUsbResource(bench.resource.replace('::A1::', '::B2::'))).rejects.toMatchObject({
      code: 'transport.not-found',
      message: expect.stringMatching(/other serial numbers \(A1\)/),
    });
    await expect(openUsbResource(bench.resource.replace('0x', '').replace('::4617::', '::1::'))).rejects.toMatchObject({
      code: 'transport.not-found',
    });
    const noInterface = bench.resource.replace('::0::INSTR', '::7::INSTR');
    await expect(openUsbResource(noInterface)).rejects.toMatchObject({ code: 'transport.unsupported' });
  });

  it('an unplugged device is known at once, without anybody asking', async () => {
    const { transport, bench } = await open();
    bench.unplug();
    expect(await transport.closed).toMatchObject({ code: 'transport.closed' });
  });

  it('a computer without USB: a reason, no crash', async () => {
    const empty = {
      getDevices: () => Promise.reject(new Error('no /sys/bus/usb')),
      addEventListener() {},
      removeEventListener() {},
    };
    await expect(listUsb(async () => empty)).rejects.toMatchObject({ code: 'discovery.unavailable' });
    await expect(
      watchUsb(
        () => {},
        async () => empty,
      ),
    ).rejects.toMatchObject({ code: 'discovery.unavailable' });
    await expect(openUsbResource('USB0::1::2::3', { load: async () => empty })).rejects.toMatchObject({
      code: 'resource.unsupported',
    });
    // The package itself, wherever this runs: rows, or that reason.
    const real = await listUsb().catch((error: LabError) => error.code);
    expect(Array.isArray(real) || real === 'discovery.unavailable').toBe(true);
  });

  it('by the package: listed, reset where the quirk asks for it, the driver given back', async () => {
    const peripheral = new UsbtmcPeripheral(createTestDevice(), { vendorId: 0xf4ec, serial: 'S1', interfaceNumber: 3 });
    const bus = createPackageBus(peripheral);
    const [row] = await listUsb(bus.load);
    expect(row?.resource).toBe('USB0::0xF4EC::0x4C57::S1::INSTR');
    const transport = await openUsbResource(row?.resource ?? '', { load: bus.load });
    expect(await ask(transport, 'ECHO?')).toBe('ECHO?');
    await transport[Symbol.asyncDispose]();
    expect(bus.log).toEqual(['reset', 'claim 3', 'release 3', 'attach 3']);
  });

  it('the udev rule to paste', () => {
    expect(udevRule(0x1ab1)).toBe('SUBSYSTEM=="usb", ATTRS{idVendor}=="1ab1", MODE="0660", TAG+="uaccess"');
    expect(udevAdvice(0x1ab1, 'linux')).toMatch(/70-labwire-usb\.rules.*1ab1.*udevadm/);
    expect(udevAdvice(0x1ab1, 'win32')).toMatch(/WinUSB.*@visa/);
  });
});

it('RAW: the bulk endpoints as a stream of bytes', async () => {
  const bench = await exportPeripheral(echoPeripheral(), 'RAW');
  opened.push(bench);
  const transport = await bench.open();
  opened.push(transport);
  expect(transport.isMessageBased).toBeUndefined();
  const sent = Uint8Array.from({ length: 10_000 }, (_, index) => index & 0xff);
  await transport.write(sent);
  const got: number[] = [];
  while (got.length < sent.length) got.push(...(await transport.read({ max: 700 })).bytes);
  expect(got).toEqual([...sent]);
  const reading = transport.read();
  bench.unplug();
  await expect(reading).rejects.toMatchObject({ code: 'transport.closed' });
});

function echoPeripheral(): UsbPeripheral {
  const pipe = new InPipe(64);
  const bulk = { type: 'bulk', packetSize: 64 } as const;
  const endpoints = [
    { number: 1, direction: 'out' as const, ...bulk },
    { number: 1, direction: 'in' as const, ...bulk },
  ];
  return {
    descriptor: new UsbtmcPeripheral(createTestDevice()).descriptor,
    configuration: {
      value: 1,
      interfaces: [{ number: 0, classCode: 0xff, subclassCode: 0, protocolCode: 0, endpoints }],
    },
    strings: ['Labwire', 'Echo', 'E1'],
    attach() {},
    detach() {},
    reset() {},
    clearHalt() {},
    control: async () => ({ outcome: 'stall', data: new Uint8Array(0) }),
    async out(_endpoint, bytes) {
      pipe.push(bytes.slice());
      return 'ok';
    },
    in: async (_endpoint, length, signal) => ({ outcome: 'ok', data: await pipe.take(length, signal) }),
  };
}

it('1,000 times attached and detached leave nothing behind', async () => {
  const device = createTestDevice();
  const peripheral = new UsbtmcPeripheral(device);
  const bench = await exportPeripheral(peripheral);
  opened.push(bench);
  await (await bench.open())[Symbol.asyncDispose]();
  const before = process.getActiveResourcesInfo().filter((kind) => /TCP|Timeout/.test(kind)).length;
  for (let round = 0; round < 1000; round++) {
    const transport = await bench.open();
    if (round % 100 === 0) expect(await ask(transport, `ECHO? ${round}`)).toBe(`ECHO? ${round}`);
    await transport[Symbol.asyncDispose]();
  }
  await expect.poll(() => device.counts.open).toBe(0);
  await expect
    .poll(() => process.getActiveResourcesInfo().filter((kind) => /TCP|Timeout/.test(kind)).length)
    .toBeLessThanOrEqual(before + 1);
});
