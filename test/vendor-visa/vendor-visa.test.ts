import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LabError } from '../../src/core/errors.ts';
import { openTransport } from '../../src/engine/transport/open-transport.ts';
import { listVendorVisa } from '../../src/engine/transport/vendor-visa/list-vendor-visa.ts';
import { openVendor } from '../../src/engine/transport/vendor-visa/open-vendor.ts';
import { visaCandidates } from '../../src/engine/transport/vendor-visa/visa-candidates.ts';
import { VisaProcess } from '../../src/engine/transport/vendor-visa/visa-process.ts';
import { visaError } from '../../src/engine/transport/vendor-visa/visa-status.ts';
import { readMessage, show, text } from '../conformance/message-suite.ts';
import { createTestDevice } from '../conformance/test-device.ts';
import { buildTestLibrary, type TestLibrary, whyNoLibrary } from './test-library.ts';
import { openVisaBridge, type VisaBridge } from './visa-bridge.ts';

describe.skipIf(whyNoLibrary)(`the maker's VISA${whyNoLibrary ? ` (skipped: ${whyNoLibrary})` : ''}`, () => {
  let built: TestLibrary;
  let bridge: VisaBridge;
  const device = createTestDevice();
  beforeAll(async () => {
    built = await buildTestLibrary('vendor-visa');
    bridge = await openVisaBridge(device);
  });
  afterAll(async () => {
    await bridge?.[Symbol.asyncDispose]();
    built?.dispose();
  });
  const open = () => openVendor(bridge, built);

  it('lists what the library finds, without opening anything', async () => {
    expect(await listVendorVisa(built)).toEqual([
      'USB0::0x1AB1::0x0E11::VISA1::INSTR',
      'GPIB0::7::INSTR',
      'ASRL1::INSTR',
    ]);
    expect(await listVendorVisa({ ...built, expression: 'VXI?*' })).toEqual([]);
    expect(device.counts.connections).toBe(0);
  });

  it('a crash of the library takes its instruments along and nothing else; the next opening starts anew', async () => {
    const one = await open();
    const other = await open();
    const started = built.children.length;
    device.answer = () => new Promise(() => {});
    await other.write(text('NEVER?'), { end: true });
    const reading = other.read();
    const rejected = expect(reading).rejects.toMatchObject({ code: 'transport.failed' });
    await expect(one.write(text('CRASH'), { end: true })).rejects.toMatchObject({ code: 'transport.failed' });
    await rejected;
    for (const transport of [one, other]) {
      expect(await transport.closed).toMatchObject({
        code: 'transport.failed',
        message: expect.stringMatching(/crashed \(signal SIGSEGV\)/),
      });
      await transport[Symbol.asyncDispose]();
    }
    device.answer = (message) => message;
    await using again = await open();
    expect(built.children.length).toBe(started + 1);
    await again.write(text('ECHO? again'), { end: true });
    expect(show(await readMessage(again))).toBe('ECHO? again');
  });

  it('a library that hangs is ended with its process when it does not let go, and says who goes along', async () => {
    const resource = { resource: bridge.resource };
    const one = await openVendor({ ...resource, canonical: 'ONE' }, { ...built, sliceMs: 20, closeMs: 50 });
    const other = await openVendor({ ...resource, canonical: 'OTHER' }, built);
    const started = built.children.length;
    await one.write(text('HANG'), { end: true });
    await one[Symbol.asyncDispose]();
    expect(await other.closed).toMatchObject({
      code: 'transport.failed',
      message: expect.stringMatching(/does not come back from a call for ONE .*closed along with it: OTHER\./),
    });
    await other[Symbol.asyncDispose]();
    await using again = await open();
    expect(built.children.length).toBe(started + 1);
    await again.write(text('ECHO? again'), { end: true });
    expect(show(await readMessage(again))).toBe('ECHO? again');
  });

  it('a lock given up while it was waited for is given back as soon as the library has it', async () => {
    await using owner = await open();
    await using other = await open();
    await owner.control?.lock?.({ timeoutMs: 0 });
    const controller = new AbortController();
    const waiting = other.control?.lock?.({ timeoutMs: Number.POSITIVE_INFINITY, signal: controller.signal });
    // Whatever was asked before is under way in the library by then.
    await owner.control?.statusByte?.();
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'call.cancelled' });
    await owner.control?.unlock?.();
    await owner.control?.lock?.({ timeoutMs: 5000 });
    await owner.control?.unlock?.();
  });

  it('a read given up leaves its late answer to the next read, whole; a new message drops it', async () => {
    await using transport = await open();
    let late: ((bytes: Uint8Array) => void) | undefined;
    device.answer = () => new Promise((resolve) => (late = resolve));
    const giveUp = async (): Promise<void> => {
      const received = device.received.length;
      await transport.write(text('SLOW?'), { end: true });
      await device.receivedAtLeast(received + 1);
      const controller = new AbortController();
      const reading = transport.read({ signal: controller.signal });
      controller.abort(new LabError('transport.timeout', 'late'));
      await expect(reading).rejects.toMatchObject({ code: 'transport.timeout' });
    };
    await giveUp();
    late?.(text('slow\nrest'));
    expect(show((await transport.read({ termChar: 10 })).bytes)).toBe('slow\n');
    expect(show(await readMessage(transport))).toBe('rest');
    await giveUp();
    late?.(text('stale'));
    device.answer = (message) => message;
    await transport.write(text('ECHO? new'), { end: true });
    const answer = show(await readMessage(transport));
    // The instrument drops an unread answer (488.2 6.3.2.3); the library may have taken it before.
    expect(answer).toBe('ECHO? new');
  });

  it('refuses what the library refuses, in our words', async () => {
    const refused = expect.objectContaining({
      code: 'resource.malformed',
      message: expect.stringMatching(/0xBFFF0012/),
    });
    await expect(openVendor({ resource: 'PXI0::1::INSTR' }, built)).rejects.toEqual(refused);
    const nowhere = { resource: 'TCPIP0::127.0.0.1,1::inst0::INSTR', canonical: 'X@visa' };
    await expect(openVendor(nowhere, built)).rejects.toMatchObject({ code: 'transport.not-found' });
  });

  it('says what to install where there is no library', async () => {
    const options = { library: '/nowhere/libvisa.so', spawn: built.spawn };
    await expect(openVendor(bridge, options)).rejects.toMatchObject({
      code: 'resource.unsupported',
      message: expect.stringMatching(/\/nowhere\/libvisa\.so.*NI-VISA/s),
    });
    await expect(listVendorVisa(options)).rejects.toMatchObject({ code: 'resource.unsupported' });
  });

  it('an instrument on a GPIB board without an adapter is opened by it, under its own name', async () => {
    process.env.LABWIRE_TEST_VISA_GPIB = /,(\d+)::/.exec(bridge.resource)?.[1];
    const own = await buildTestLibrary('vendor-visa-gpib');
    try {
      device.answer = (message) => message;
      await using transport = await openTransport('GPIB1::22::INSTR', { vendor: own });
      expect(transport.resource).toBe('GPIB1::22::INSTR');
      expect(own.children).toHaveLength(1);
      await transport.write(text('ECHO? board'), { end: true });
      expect(show(await readMessage(transport))).toBe('ECHO? board');
      expect(transport.control?.clear, 'a device clear of the bus').toBeDefined();
    } finally {
      delete process.env.LABWIRE_TEST_VISA_GPIB;
      own.dispose();
    }
  });

  it('neither an adapter nor a VISA: both are named, with an example to type', async () => {
    const vendor = { library: '/nowhere/libvisa.so', spawn: built.spawn };
    await expect(openTransport('GPIB1::22::INSTR', { vendor })).rejects.toMatchObject({
      code: 'resource.unsupported',
      message: expect.stringMatching(/PRLGX-TCPIP1::.*::22::INSTR.*install its VISA/s),
    });
  });

  it('a file that is no VISA is refused, with the function it lacks', async () => {
    const options = { library: 'libc.so.6', spawn: built.spawn };
    await expect(openVendor(bridge, options)).rejects.toMatchObject({
      message: expect.stringMatching(/viOpenDefaultRM/),
    });
  });
});

it('a child of another version is not trusted', async () => {
  let say: (message: unknown) => void = () => {};
  const running = new VisaProcess({
    send: () => say({ kind: 'nonsense' }),
    onMessage: (listener) => (say = listener),
    onExit: () => {},
    kill: () => {},
  });
  await expect(running.ask({ call: 'load', libraries: [] }, 'x', 'y')).rejects.toMatchObject({
    code: 'transport.failed',
  });
});

it('the library named comes first and alone', () => {
  expect(visaCandidates('/x', {})).toEqual(['/x']);
  expect(visaCandidates(undefined, { LABWIRE_VISA: '/y' })).toEqual(['/y']);
  expect(visaCandidates(undefined, {}, 'win32')[0]).toBe('visa64.dll');
  expect(visaCandidates(undefined, {}, 'aix')).toEqual([]);
});

it('every status of the table has a code; others are a failure', () => {
  expect(visaError(0xbfff0015 | 0, 'Timeout.', 'Cannot read', 'X')).toMatchObject({ code: 'transport.timeout' });
  expect(visaError(0xbfff0999 | 0, '', 'Cannot read', 'X')).toMatchObject({ code: 'transport.failed' });
});
