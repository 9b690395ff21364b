import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Transport } from '../../src/engine/transport/transport.ts';
import { openVendor } from '../../src/engine/transport/vendor-visa/open-vendor.ts';
import type { VisaChild } from '../../src/engine/transport/vendor-visa/visa-process.ts';
import { VisaProcess } from '../../src/engine/transport/vendor-visa/visa-process.ts';
import type { MessageDevice } from '../../src/simulator/wire/message-device.ts';
import { readMessage, show, text } from '../conformance/message-suite.ts';
import { createTestDevice } from '../conformance/test-device.ts';
import { createStoppedDevice } from './stopped-device.ts';
import { buildTestLibrary, type TestLibrary, whyNoLibrary } from './test-library.ts';
import { openVisaBridge, type VisaBridge } from './visa-bridge.ts';

describe.skipIf(whyNoLibrary)(
  `what follows what in the maker's VISA${whyNoLibrary ? ` (skipped: ${whyNoLibrary})` : ''}`,
  () => {
    const SLICE_MS = 20;
    let built: TestLibrary;
    const bridges: VisaBridge[] = [];
    beforeAll(async () => {
      built = await buildTestLibrary('vendor-visa-turns');
    });
    afterEach(async () => {
      for (const bridge of bridges.splice(0)) await bridge[Symbol.asyncDispose]();
    });
    afterAll(() => built?.dispose());
    const serve = async (device: MessageDevice): Promise<VisaBridge> => {
      const bridge = await openVisaBridge(device);
      bridges.push(bridge);
      return bridge;
    };
    const open = ({ resource }: { resource: string }): Promise<Transport> =>
      openVendor({ resource }, { ...built, sliceMs: SLICE_MS });

    it('a clear comes behind the write it overtook, and what that asked is not waited for', async () => {
      const { device, stopper } = createStoppedDevice();
      const { resource } = await serve(device);
      await using transport = await open({ resource });
      const begun = stopper.stop();
      const writing = transport.write(text('SLOW?'), { end: true });
      await begun;
      const clearing = transport.control?.clear?.();
      stopper.goOn();
      await Promise.all([writing, clearing]);
      const reading = readMessage(transport);
      await transport.control?.statusByte?.();
      await transport.write(text('ECHO? after'), { end: true });
      expect(show(await reading)).toBe('ECHO? after');
      expect(stopper.order[0]).toBe('SLOW?');
      expect(stopper.order.slice(-2)).toEqual(['clear', 'ECHO? after']);
      expect(device.errors, 'a read with nothing asked is -420').toEqual([]);
    });

    it('a message that waits for its turn is not sent when a clear comes first', async () => {
      const { device, stopper } = createStoppedDevice();
      const { resource } = await serve(device);
      await using transport = await open({ resource });
      const begun = stopper.stop();
      const first = transport.write(text('ONE'), { end: true });
      await begun;
      const second = expect(transport.write(text('TWO?'), { end: true })).rejects.toMatchObject({
        code: 'transport.timeout',
        message: expect.stringMatching(/Nothing of this message was sent/),
      });
      const clearing = transport.control?.clear?.();
      stopper.goOn();
      await Promise.all([first, second, clearing]);
      expect(stopper.order).not.toContain('TWO?');
    });

    it('a session that waits for a lock another holds is closed at once', async () => {
      const bridge = await serve(createTestDevice());
      await using owner = await open(bridge);
      const other = await open(bridge);
      await owner.control?.lock?.({ timeoutMs: 0 });
      const waiting = other.control?.lock?.({ timeoutMs: Number.POSITIVE_INFINITY });
      await owner.control?.statusByte?.();
      const refused = expect(waiting).rejects.toMatchObject({ code: 'transport.closed' });
      await other[Symbol.asyncDispose]();
      await refused;
      await expect.poll(() => bridge.connections).toBe(1);
    });

    it('a write between two slices of a read leaves them as short as they were', async () => {
      const device = createTestDevice();
      device.answer = (message) => (show(message) === 'LAST' ? message : undefined);
      const bridge = await serve(device);
      await using transport = await open({ resource: bridge.resource.replace('inst0::INSTR', 'SOCKET') });
      expect(transport.isMessageBased).toBe(false);
      const reading = transport.read();
      for (let round = 0; round < 20; round++) await transport.write(text('SET'), { end: true });
      await transport.write(text('LAST'), { end: true });
      expect(show((await reading).bytes)).toBe('LAST');
      expect(bridge.longestReadMs).toBe(SLICE_MS);
    });

    it('what a stream takes in pieces is sent on, each byte once; a message that is cut short is not', async () => {
      const device = createTestDevice();
      const bridge = await openVisaBridge(device, { writeBytes: 3 });
      bridges.push(bridge);
      await using stream = await open({ resource: bridge.resource.replace('inst0::INSTR', 'SOCKET') });
      await stream.write(text('ABCDEFGHIJ'), { end: true });
      expect(device.received.map(show)).toEqual(['ABCDEFGHIJ']);
      await using messages = await open(bridge);
      await expect(messages.write(text('KLMNO'), { end: true })).rejects.toMatchObject({ code: 'transport.timeout' });
      expect(device.received).toHaveLength(1);
    });
  },
);

it('a process that refuses a call is no missing library', async () => {
  let hear: (message: unknown) => void = () => {};
  const child: VisaChild = {
    send: ({ id }) => hear({ kind: 'failed', id, text: 'Too many asynchronous calls are running' }),
    onMessage: (listener) => (hear = listener),
    onExit: () => {},
    kill: () => {},
  };
  const running = new VisaProcess(child);
  const opening = running.ask({ call: 'open', resource: 'X', timeoutMs: 0 }, 'Cannot open', 'X');
  await expect(opening).rejects.toMatchObject({ code: 'transport.failed', message: /Too many asynchronous calls/ });
  const loading = running.ask({ call: 'load', libraries: [] }, 'Cannot load', 'X');
  await expect(loading).rejects.toMatchObject({ code: 'resource.unsupported' });
});
