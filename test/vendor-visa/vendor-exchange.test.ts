import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openSession } from '../../src/engine/session/open-session.ts';
import { createSystemClock } from '../../src/engine/system-clock.ts';
import type { Transport } from '../../src/engine/transport/transport.ts';
import { openVendor } from '../../src/engine/transport/vendor-visa/open-vendor.ts';
import { type VisaChild, VisaProcess } from '../../src/engine/transport/vendor-visa/visa-process.ts';
import type { MessageDevice } from '../../src/simulator/wire/message-device.ts';
import { readMessage, show, text } from '../conformance/message-suite.ts';
import { createTestDevice } from '../conformance/test-device.ts';
import { createStoppedDevice } from './stopped-device.ts';
import { buildTestLibrary, type TestLibrary, whyNoLibrary } from './test-library.ts';
import { openVisaBridge, type VisaBridge, type VisaBridgeOptions } from './visa-bridge.ts';

describe.skipIf(whyNoLibrary)(
  `a message that takes the read of its answer along${whyNoLibrary ? ` (skipped: ${whyNoLibrary})` : ''}`,
  () => {
    let built: TestLibrary;
    const bridges: VisaBridge[] = [];
    /** What was said to the process. */
    let calls: string[] = [];
    const spawn = (): VisaChild => {
      const child = built.spawn();
      return {
        ...child,
        send(message) {
          const { request } = message;
          calls.push(request.call === 'write' && request.answer ? 'write and read' : request.call);
          child.send(message);
        },
      };
    };
    beforeAll(async () => {
      built = await buildTestLibrary('vendor-visa-exchange');
    });
    beforeEach(() => {
      calls = [];
    });
    afterEach(async () => {
      for (const bridge of bridges.splice(0)) await bridge[Symbol.asyncDispose]();
    });
    afterAll(() => built?.dispose());
    const open = async (device: MessageDevice, options?: VisaBridgeOptions): Promise<Transport> => {
      const bridge = await openVisaBridge(device, options);
      bridges.push(bridge);
      return openVendor(bridge, { library: built.library, spawn, sliceMs: 20 });
    };

    it('a query of a session is one message to the process', async () => {
      const device = createTestDevice();
      await using session = await openSession({ clock: createSystemClock(), open: () => open(device) });
      calls = [];
      for (let count = 0; count < 3; count++) expect(await session.query(`ECHO? ${count}`)).toBe(`ECHO? ${count}`);
      await session.write('SET');
      expect(calls).toEqual(['write and read', 'write and read', 'write and read', 'write']);
      expect(device.errors, 'a read with nothing asked is -420').toEqual([]);
    });

    it('it is taken before the answer is there', async () => {
      const device = createTestDevice();
      let answer: (bytes: Uint8Array) => void = () => {};
      device.answer = () =>
        new Promise((resolve) => {
          answer = resolve;
        });
      await using transport = await open(device);
      const reading = readMessage(transport);
      await transport.write(text('SLOW?'), { end: true });
      await device.receivedAtLeast(1);
      answer(text('slow'));
      expect(show(await reading)).toBe('slow');
      expect(calls).toContain('write and read');
    });

    it('a read given up while the message is under way ends at once; the next one has the answer', async () => {
      const { device, stopper } = createStoppedDevice();
      await using transport = await open(device);
      const begun = stopper.stop();
      const controller = new AbortController();
      const given = transport.read({ signal: controller.signal });
      const writing = transport.write(text('SLOW?'), { end: true });
      await begun;
      controller.abort();
      await expect(given).rejects.toMatchObject({ code: 'call.cancelled' });
      const next = readMessage(transport);
      stopper.goOn();
      await writing;
      expect(show(await next)).toBe('SLOW?');
      // Whether the answer came with the read that was given up or with one of its own is a matter of moments.
      expect(calls).toContain('write and read');
      expect(device.errors).toEqual([]);
    });

    it('a clear comes at once while the message is under way, and again behind it', async () => {
      const { device, stopper } = createStoppedDevice();
      await using transport = await open(device);
      const begun = stopper.stop();
      const given = expect(transport.read()).rejects.toMatchObject({ code: 'transport.timeout' });
      const writing = transport.write(text('SLOW?'), { end: true });
      await begun;
      const clearing = transport.control?.clear?.();
      await given;
      await expect.poll(() => calls).toContain('clear');
      stopper.goOn();
      await Promise.all([writing, clearing]);
      const reading = readMessage(transport);
      await transport.write(text('ECHO? after'), { end: true });
      expect(show(await reading)).toBe('ECHO? after');
      expect(stopper.order[0]).toBe('SLOW?');
      expect(stopper.order.slice(-2)).toEqual(['clear', 'ECHO? after']);
      expect(calls.filter((call) => call === 'clear')).toHaveLength(2);
      expect(device.errors).toEqual([]);
    });

    it('the read of a message that is not taken waits on for the next one', async () => {
      const device = createTestDevice();
      await using transport = await open(device, { writeBytes: 3 });
      const reading = readMessage(transport);
      await expect(transport.write(text('KLMNO'), { end: true })).rejects.toMatchObject({ code: 'transport.timeout' });
      await transport.write(text('P?'), { end: true });
      expect(show(await reading)).toBe('KLMP?');
      expect(calls.filter((call) => call.startsWith('write'))).toEqual(['write and read', 'write and read']);
    });

    it('what the process does not understand holds nobody: neither the read nor the closing', async () => {
      const bridge = await openVisaBridge(createTestDevice());
      bridges.push(bridge);
      const transport = await openVendor(bridge, { library: built.library, spawn, sliceMs: 1e12 });
      const reading = expect(transport.read()).rejects.toMatchObject({ code: 'transport.closed' });
      await expect(transport.write(text('A?'), { end: true })).rejects.toMatchObject({ code: 'transport.failed' });
      await transport[Symbol.asyncDispose]();
      await reading;
    });
  },
);

it('the end of the process ends both; the news that a message was taken may come with the answer', async () => {
  let hear: (message: unknown) => void = () => {};
  let end: (how: string) => void = () => {};
  const running = new VisaProcess({
    send: () => {},
    onMessage: (listener) => (hear = listener),
    onExit: (listener) => (end = listener),
    kill: () => {},
  });
  const message = { call: 'write', session: 16, bytes: text('A?'), end: true, timeoutMs: 1, tries: 1 } as const;
  const ask = () => running.exchange(message, { max: 1, sliceMs: 1 }, 'X');
  const first = ask();
  hear({ kind: 'done', id: 2, value: { bytes: text('a'), ended: 'end' }, written: 1 });
  expect(await first.writing).toEqual({});
  expect(await first.reading).toEqual({ bytes: text('a'), ended: 'end' });
  const second = ask();
  hear({ kind: 'failed', id: 3, status: -1073807339, text: 'Timeout' });
  await expect(second.writing).rejects.toMatchObject({ code: 'transport.timeout' });
  expect(await second.reading).toEqual({ ended: 'stopped' });
  const third = ask();
  end('signal SIGSEGV');
  await expect(third.writing).rejects.toMatchObject({ code: 'transport.failed' });
  await expect(third.reading).rejects.toMatchObject({ code: 'transport.failed' });
  const fourth = ask();
  await expect(fourth.reading).rejects.toMatchObject({ code: 'transport.failed' });
  await expect(fourth.writing).rejects.toMatchObject({ code: 'transport.failed' });
});
