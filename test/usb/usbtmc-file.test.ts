import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { LabError } from '../../src/core/errors.ts';
import { openTransport } from '../../src/engine/transport/open-transport.ts';
import { listUsbtmcFiles } from '../../src/engine/transport/usbtmc-file/list-usbtmc-files.ts';
import { openUsbtmcFile } from '../../src/engine/transport/usbtmc-file/open-usbtmc-file.ts';
import { kernelUsbtmc, USBTMC_IOCTL } from '../../src/engine/transport/usbtmc-file/usbtmc-driver.ts';
import { WaitGate } from '../../src/engine/transport/usbtmc-file/wait-gate.ts';
import { text } from '../conformance/message-suite.ts';
import { createTestDevice } from '../conformance/test-device.ts';
import { createKernelDriver } from './kernel-driver.ts';

const folder = mkdtempSync(join(tmpdir(), 'labwire-usbtmc-file-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const isLinux = process.platform === 'linux';

it.runIf(isLinux)('a file that is no instrument is refused by the real ioctl, and nothing stays open', async () => {
  const path = join(folder, 'plain');
  writeFileSync(path, '');
  await expect(openUsbtmcFile({ path, canonical: `USBTMC${path}::INSTR` })).rejects.toMatchObject({
    code: 'transport.failed',
    message: expect.stringMatching(/no USBTMC instrument/),
  });
});

it('a path that is not there', async () => {
  await expect(openTransport('/dev/usbtmc987')).rejects.toMatchObject({ code: 'transport.not-found' });
});

it('the system does not permit it: the udev rule to paste', async () => {
  const driver = {
    ...kernelUsbtmc,
    open: () => Promise.reject(Object.assign(new Error('EACCES'), { code: 'EACCES' })),
  };
  const opening = openUsbtmcFile({ path: '/dev/usbtmc0', canonical: 'USBTMC/dev/usbtmc0::INSTR' }, { driver });
  const advice = isLinux ? /70-labwire-usb\.rules.*uaccess/ : /permit/;
  await expect(opening).rejects.toMatchObject({ code: 'transport.denied', message: expect.stringMatching(advice) });
});

it('request numbers are those of the kernel: _IO, _IOR, _IOW of 91', () => {
  const io = (direction: number, number: number, size: number): number =>
    ((direction << 30) | (size << 16) | (91 << 8) | number) >>> 0;
  expect(USBTMC_IOCTL).toEqual({
    clear: io(0, 2, 0),
    abortBulkIn: io(0, 4, 0),
    setTimeout: io(1, 10, 4),
    eomEnable: io(1, 11, 1),
    configTermChar: io(1, 12, 2),
    getCapabilities: io(2, 17, 1),
    readStatusByte: io(2, 18, 1),
    renControl: io(1, 19, 1),
    goToLocal: io(0, 20, 0),
    localLockout: io(0, 21, 0),
    trigger: io(0, 22, 0),
    messageInAttributes: io(2, 24, 1),
    autoAbort: io(1, 25, 1),
  });
});

it('never reads before something was asked; a read given up is over after its slice, taken back by the driver', async () => {
  const device = createTestDevice();
  const { driver, path, requests, dispose } = createKernelDriver(device);
  let reads = 0;
  const counting = {
    ...driver,
    read: (file: number, into: Uint8Array) => {
      reads++;
      return driver.read(file, into);
    },
  };
  const transport = await openUsbtmcFile({ path, canonical: 'X' }, { driver: counting, sliceMs: 100 });
  expect(requests).toContain(USBTMC_IOCTL.autoAbort);
  device.answer = () => new Promise(() => {});
  const controller = new AbortController();
  const reading = transport.read({ signal: controller.signal });
  await new Promise((resolve) => setImmediate(resolve));
  expect(reads).toBe(0);
  await transport.write(text('NEVER?'), { end: true });
  await device.receivedAtLeast(1);
  controller.abort(new LabError('transport.timeout', 'late'));
  await expect(reading).rejects.toMatchObject({ code: 'transport.timeout' });
  await transport.control?.clear?.();
  const before = reads;
  device.answer = (message) => message;
  await transport.write(text('ECHO?'), { end: true });
  expect(Buffer.from((await transport.read()).bytes).toString()).toBe('ECHO?');
  expect(reads).toBe(before + 1);
  await transport[Symbol.asyncDispose]();
  dispose();
});

it('what comes for a read given up is for the next one, in order, but never for the next question', async () => {
  const device = createTestDevice();
  const { driver, path, dispose } = createKernelDriver(device);
  let begun: (() => void) | undefined;
  const telling = {
    ...driver,
    read: (file: number, into: Uint8Array) => {
      begun?.();
      return driver.read(file, into);
    },
  };
  const transport = await openUsbtmcFile({ path, canonical: 'X' }, { driver: telling, sliceMs: 60_000 });
  let answer: ((bytes: Uint8Array) => void) | undefined;
  device.answer = () => new Promise((resolve) => (answer = resolve));
  const giveUp = async (): Promise<void> => {
    const received = device.received.length;
    const reading = new Promise<void>((resolve) => (begun = resolve));
    await transport.write(text('SLOW?'), { end: true });
    await device.receivedAtLeast(received + 1);
    const controller = new AbortController();
    const given = transport.read({ max: 5, signal: controller.signal });
    await reading;
    controller.abort(new LabError('transport.timeout', 'late'));
    await expect(given).rejects.toMatchObject({ code: 'transport.timeout' });
  };
  await giveUp();
  answer?.(text('first,rest'));
  const got: string[] = [];
  for (let isEnd = false; !isEnd; ) {
    const { bytes, end } = await transport.read({ termChar: 44 });
    got.push(Buffer.from(bytes).toString());
    isEnd = end;
  }
  expect(got).toEqual(['first', ',', 'rest']);
  await giveUp();
  answer?.(text('stale'));
  device.answer = (message) => message;
  await transport.write(text('ECHO?'), { end: true });
  expect(Buffer.from((await transport.read()).bytes).toString()).toBe('ECHO?');
  await transport[Symbol.asyncDispose]();
  dispose();
});

it('lists what sysfs shows, with the resource the instrument keeps on any port', async () => {
  const device = join(folder, 'sys/devices/usb1/1-2');
  const face = join(device, '1-2:1.0');
  const entry = join(folder, 'sys/class/usbtmc/usbtmc3');
  await mkdir(face, { recursive: true });
  await mkdir(entry, { recursive: true });
  await symlink(face, join(entry, 'device'));
  const files = {
    idVendor: '1ab1\n',
    idProduct: '0e11\n',
    manufacturer: 'Rigol\n',
    product: 'DP832\n',
    serial: 'DP8A1\n',
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(device, name), content);
  await mkdir(join(folder, 'sys/class/usbtmc/usbtmc12'), { recursive: true });
  expect(await listUsbtmcFiles(join(folder, 'sys/class/usbtmc'))).toEqual([
    {
      resource: 'USBTMC/dev/usbtmc3::INSTR',
      usbResource: 'USB0::0x1AB1::0x0E11::DP8A1::INSTR',
      maker: 'Rigol',
      product: 'DP832',
      serial: 'DP8A1',
    },
    {
      resource: 'USBTMC/dev/usbtmc12::INSTR',
      usbResource: undefined,
      maker: undefined,
      product: undefined,
      serial: undefined,
    },
  ]);
  expect(await listUsbtmcFiles(join(folder, 'nowhere'))).toEqual([]);
});

it('the gate lets two wait at once, and the others in their order', async () => {
  const gate = new WaitGate(2);
  const order: number[] = [];
  let running = 0;
  await Promise.all(
    Array.from({ length: 6 }, (_, index) =>
      gate
        .run(async () => {
          running++;
          expect(running).toBeLessThanOrEqual(2);
          order.push(index);
          await new Promise((resolve) => setImmediate(resolve));
          running--;
          if (index === 1) throw new Error('one fails');
        })
        .catch(() => {}),
    ),
  );
  expect(order).toEqual([0, 1, 2, 3, 4, 5]);
});
