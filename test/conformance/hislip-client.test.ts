import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LabError } from '../../src/core/errors.ts';
import type { HislipOptions } from '../../src/engine/transport/hislip/hislip-options.ts';
import { openHislip } from '../../src/engine/transport/hislip/open-hislip.ts';
import type { Transport } from '../../src/engine/transport/transport.ts';
import { readMessage, show, text } from './message-suite.ts';
import { openRawServer, type RawChannel, type RawServer, size, T } from './raw-hislip.ts';

/** Our client against conversations written out by hand from IVI-6.1. */
describe('HiSLIP client', () => {
  let server: RawServer;
  let transport: Transport;
  let sync: RawChannel;
  let async: RawChannel;
  const opened: Transport[] = [];
  const target = () => ({
    host: '127.0.0.1',
    port: server.port,
    device: 'hislip0',
    resource: 'TCPIP0::x::hislip0::INSTR',
  });
  const open = async (options: HislipOptions = {}, serving: Parameters<RawServer['serve']>[0] = {}): Promise<void> => {
    const opening = openHislip(target(), { answerTimeoutMs: 2000, ...options });
    [{ sync, async }, transport] = await Promise.all([server.serve(serving), opening]);
    opened.push(transport);
  };
  beforeEach(async () => {
    server = await openRawServer();
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((one) => one[Symbol.asyncDispose]()));
    await server[Symbol.asyncDispose]();
  });
  const write = (question: string, end = true): Promise<void> => transport.write(text(question), { end });
  const timeout = (): LabError => new LabError('transport.timeout', 'too late');

  it('opens both channels and says sizes (6.1, 6.10)', async () => {
    const opening = openHislip(target());
    const first = await server.accept();
    expect(await first.next()).toEqual({ type: T.Initialize, control: 0, parameter: 0x02004c57, payload: 'hislip0' });
    first.send(T.InitializeResponse, 0, 0x01000042);
    const second = await server.accept();
    expect(await second.next()).toEqual({ type: T.AsyncInitialize, control: 0, parameter: 0x42, payload: '' });
    second.send(T.AsyncInitializeResponse, 0, 0x5858);
    expect(await second.next()).toMatchObject({ type: T.AsyncMaximumMessageSize, payload: '\0\0\0\0\x10\0\0\0' });
    second.send(T.AsyncMaximumMessageSizeResponse, 0, 0, size(18));
    opened.push(await opening);
    // 18 bytes are a header and two: a message of five needs three, each with a MessageID of its own.
    await opened[0]?.write(text('abcde'), { end: true });
    expect([await first.next(), await first.next(), await first.next()]).toEqual([
      { type: T.Data, control: 0, parameter: 0xffffff00, payload: 'ab' },
      { type: T.Data, control: 0, parameter: 0xffffff02, payload: 'cd' },
      { type: T.DataEnd, control: 0, parameter: 0xffffff04, payload: 'e' },
    ]);
  });

  it('counts MessageIDs by two and around; triggers are counted too (3.1.2)', async () => {
    await open();
    for (let count = 0; count < 130; count++) {
      if (count % 3 === 0) await transport.control?.trigger?.();
      else await write('X');
      const message = await sync.next();
      expect(message).toMatchObject({
        type: count % 3 === 0 ? T.Trigger : T.DataEnd,
        parameter: (0xffffff00 + 2 * count) >>> 0,
      });
    }
  });

  it('says RMT-delivered once, after the end of an answer was given on, on whichever message is first (3.1.2)', async () => {
    await open();
    await write('A?');
    expect(await sync.next()).toMatchObject({ control: 0, parameter: 0xffffff00 });
    sync.send(T.DataEnd, 0, 0xffffff00, 'a');
    expect(show(await readMessage(transport))).toBe('a');
    await write('B?');
    expect(await sync.next()).toMatchObject({ control: 1 });
    // Come, but not read: not delivered.
    sync.send(T.DataEnd, 0, 0xffffff02, 'b');
    const status = transport.control?.statusByte?.();
    expect(await async.next()).toEqual({ type: T.AsyncStatusQuery, control: 0, parameter: 0xffffff02, payload: '' });
    async.send(T.AsyncStatusResponse, 0x10);
    expect(await status).toBe(0x10);
    expect(show(await readMessage(transport))).toBe('b');
    const again = transport.control?.statusByte?.();
    expect(await async.next()).toMatchObject({ type: T.AsyncStatusQuery, control: 1 });
    // Sent only when the instrument has heard that: on the other channel it could be overtaken.
    const next = write('C');
    await expect(Promise.race([sync.next(), new Promise((resolve) => setImmediate(resolve, 'nothing'))])).resolves.toBe(
      'nothing',
    );
    async.send(T.AsyncStatusResponse, 0);
    await again;
    await next;
  });

  it('before anything was sent, asks the status with 0xfffffefe (6.14)', async () => {
    await open();
    transport.control?.statusByte?.().catch(() => {});
    expect(await async.next()).toEqual({ type: T.AsyncStatusQuery, control: 0, parameter: 0xfffffefe, payload: '' });
  });

  it('drops answers to earlier questions, without a clear (3.1.2 rules 1 and 2)', async () => {
    await open();
    await write('SLOW?');
    const reading = transport.read({ signal: AbortSignal.abort(timeout()) });
    await expect(reading).rejects.toMatchObject({ code: 'transport.timeout' });
    await write('FAST?');
    sync.send(T.Data, 0, 0xffffff00, 'sl');
    sync.send(T.DataEnd, 0, 0xffffff00, 'ow');
    sync.send(T.DataEnd, 0, 0xffffff02, 'fast');
    expect(show(await readMessage(transport))).toBe('fast');
  });

  it('keeps Data of unknown question until the end says whose it is (3.1.2 rule 2)', async () => {
    await open();
    await write('SLOW?');
    await expect(transport.read({ signal: AbortSignal.abort(timeout()) })).rejects.toThrow();
    await write('FAST?');
    sync.send(T.Data, 0, 0xffffffff, 'sl');
    sync.send(T.DataEnd, 0, 0xffffff00, 'ow');
    sync.send(T.Data, 0, 0xffffffff, 'fa');
    sync.send(T.DataEnd, 0, 0xffffff02, 'st');
    expect(show(await readMessage(transport))).toBe('fast');
    // With nothing owed it is given on as it comes.
    await write('MORE?');
    sync.send(T.Data, 0, 0xffffffff, 'mo');
    expect(show((await transport.read()).bytes)).toBe('mo');
    sync.send(T.DataEnd, 0, 0xffffff04, 're');
    expect(show(await readMessage(transport))).toBe('re');
  });

  it('reads nothing of an answer that had come when the next message was sent (3.1.2 rule 3)', async () => {
    await open();
    await write('A?');
    sync.send(T.DataEnd, 0, 0xffffff00, 'old');
    await sync.next();
    const status = transport.control?.statusByte?.();
    await async.next();
    async.send(T.AsyncStatusResponse, 0x10);
    await status;
    await write('B?');
    expect(await sync.next()).toMatchObject({ control: 0 });
    sync.send(T.DataEnd, 0, 0xffffff02, 'new');
    expect(show(await readMessage(transport))).toBe('new');
  });

  describe('interrupted (3.1.2 rule 4)', () => {
    it('Interrupted first: sends nothing before AsyncInterrupted', async () => {
      await open();
      await write('A?');
      await write('B?');
      await sync.next();
      await sync.next();
      sync.send(T.Data, 0, 0xffffff00, 'part of a');
      sync.send(T.Interrupted, 0, 0xffffff02);
      sync.send(T.DataEnd, 0, 0xffffff02, 'b');
      expect(show(await readMessage(transport))).toBe('b');
      const blocked = write('C');
      await expect(
        Promise.race([sync.next(), new Promise((resolve) => setTimeout(resolve, 20, 'nothing'))]),
      ).resolves.toBe('nothing');
      async.send(T.AsyncInterrupted, 0, 0xffffff02);
      await blocked;
    });

    it('AsyncInterrupted first: throws answers away before Interrupted', async () => {
      await open();
      await write('A?');
      await write('B?');
      async.send(T.AsyncInterrupted, 0, 0xffffff02);
      // The status answer comes behind it on the same channel: it has been seen.
      const status = transport.control?.statusByte?.();
      await async.next();
      async.send(T.AsyncStatusResponse, 0);
      await status;
      sync.send(T.DataEnd, 0, 0xffffff02, 'not this one, whatever it says');
      sync.send(T.Interrupted, 0, 0xffffff02);
      sync.send(T.DataEnd, 0, 0xffffff02, 'b');
      expect(show(await readMessage(transport))).toBe('b');
    });

    it('gives up an instrument that sends only one of the two', async () => {
      await open({ answerTimeoutMs: 3000 });
      await write('A?');
      sync.send(T.Interrupted, 0, 0xffffff00);
      sync.send(T.DataEnd, 0, 0xffffff00, 'a');
      expect(show(await readMessage(transport))).toBe('a');
      await expect(write('B?')).rejects.toMatchObject({ code: 'transport.timeout' });
      expect((await transport.closed).code).toBe('transport.timeout');
    });
  });

  describe('device clear (6.12)', () => {
    it('four messages; what comes meanwhile is thrown away; MessageIDs begin anew', async () => {
      await open();
      await write('A?');
      await sync.next();
      const reading = expect(transport.read()).rejects.toMatchObject({ code: 'transport.timeout' });
      const clearing = transport.control?.clear?.();
      await reading;
      expect(await async.next()).toEqual({ type: T.AsyncDeviceClear, control: 0, parameter: 0, payload: '' });
      const held = write('B?');
      sync.send(T.DataEnd, 0, 0xffffff00, 'a');
      sync.send(T.Interrupted, 0, 0xffffff00);
      async.send(T.AsyncDeviceClearAcknowledge, 0);
      expect(await sync.next()).toEqual({ type: T.DeviceClearComplete, control: 0, parameter: 0, payload: '' });
      sync.send(T.DataEnd, 0, 0xffffff00, 'a, very late');
      sync.send(T.DeviceClearAcknowledge, 0);
      await clearing;
      await held;
      expect(await sync.next()).toEqual({ type: T.DataEnd, control: 0, parameter: 0xffffff00, payload: 'B?' });
      sync.send(T.DataEnd, 0, 0xffffff00, 'b');
      expect(show(await readMessage(transport))).toBe('b');
    });

    it('while a block is under way: the message of the moment is finished, the rest is not sent', async () => {
      await open({}, { maxBytes: 1 << 20 });
      const block = new Uint8Array(64 << 20).fill(65);
      const writing = expect(transport.write(block, { end: true })).rejects.toMatchObject({
        code: 'transport.timeout',
      });
      await sync.next();
      // The instrument does not take more than the system holds for it.
      sync.socket.pause();
      const clearing = transport.control?.clear?.();
      await async.next();
      async.send(T.AsyncDeviceClearAcknowledge, 0);
      sync.socket.resume();
      let pieces = 0;
      for (let message = await sync.next(); message?.type !== T.DeviceClearComplete; message = await sync.next()) {
        expect(message?.type).toBe(T.Data);
        pieces++;
      }
      expect(pieces).toBeLessThan(200);
      sync.send(T.DeviceClearAcknowledge, 0);
      await Promise.all([clearing, writing]);
    });

    it('takes on the mode the instrument grants', async () => {
      const opening = openHislip(target(), { mode: 'overlap' });
      ({ sync, async } = await server.serve());
      await async.next();
      async.send(T.AsyncDeviceClearAcknowledge, 0);
      expect(await sync.next()).toMatchObject({ type: T.DeviceClearComplete, control: 1 });
      sync.send(T.DeviceClearAcknowledge, 1);
      transport = await opening;
      opened.push(transport);
      await write('A?');
      await write('B?');
      // Overlap mode: the instrument numbers its answers, and both are wanted (3.2).
      sync.send(T.DataEnd, 0, 0xffffff00, 'a');
      sync.send(T.DataEnd, 0, 0xffffff02, 'b');
      expect(show(await readMessage(transport))).toBe('a');
      transport.control?.statusByte?.().catch(() => {});
      expect(await async.next()).toMatchObject({ type: T.AsyncStatusQuery, parameter: 0xffffff00 });
      expect(show(await readMessage(transport))).toBe('b');
    });

    it('closes a connection whose clear is never acknowledged', async () => {
      await open({ clearTimeoutMs: 40 });
      const clearing = transport.control?.clear?.();
      await expect(clearing).rejects.toMatchObject({
        code: 'transport.failed',
        message: expect.stringMatching(/device clear/),
      });
      await transport.closed;
      expect(await sync.next()).toBeUndefined();
    });

    it('goes on when its caller gives up; nothing is sent before it is done', async () => {
      await open();
      const controller = new AbortController();
      const clearing = transport.control?.clear?.(controller.signal);
      controller.abort();
      await expect(clearing).rejects.toMatchObject({ code: 'call.cancelled' });
      const writing = write('A?');
      await async.next();
      async.send(T.AsyncDeviceClearAcknowledge, 0);
      expect(await sync.next()).toMatchObject({ type: T.DeviceClearComplete });
      sync.send(T.DeviceClearAcknowledge, 0);
      await writing;
      expect(await sync.next()).toMatchObject({ type: T.DataEnd, parameter: 0xffffff00 });
    });
  });

  describe('errors (6.2, 6.3)', () => {
    it.each([
      [0, 'transport.failed', /does not explain/],
      [1, 'transport.failed', /header/],
      [2, 'transport.failed', /both channels/],
      [3, 'transport.failed', /initialisation/],
      [4, 'transport.busy', /more clients/],
      [5, 'transport.failed', /secure connection/],
      [200, 'transport.failed', /its own \(200\)/],
    ])('FatalError %i ends both connections in plain words', async (code, expected, words) => {
      await open();
      await write('A?');
      const reading = expect(transport.read()).rejects.toMatchObject({
        code: expected,
        message: expect.stringMatching(words),
      });
      sync.send(T.FatalError, code, 0, 'in its own words');
      await reading;
      const { message } = await transport.closed;
      expect(message).toContain('in its own words');
      await expect(write('B?')).rejects.toMatchObject({ code: expected });
      while (await sync.next());
      while (await async.next());
    });

    it('FatalError during the opening', async () => {
      const opening = expect(openHislip(target())).rejects.toMatchObject({ code: 'transport.busy' });
      const first = await server.accept();
      await first.next();
      first.send(T.FatalError, 4, 0, 'full');
      await opening;
      expect(await first.next()).toBeUndefined();
    });

    it('a server that ends over version 2.0 is asked again, for 1.0', async () => {
      const opening = openHislip(target());
      const first = await server.accept();
      await first.next();
      first.send(T.FatalError, 3, 0, '');
      const second = await server.accept();
      expect(await second.next()).toMatchObject({ type: T.Initialize, parameter: 0x01004c57 });
      second.send(T.InitializeResponse, 0, 0x01000001);
      const third = await server.accept();
      await third.next();
      third.send(T.AsyncInitializeResponse);
      await third.next();
      third.send(T.AsyncMaximumMessageSizeResponse, 0, 0, size(1000));
      opened.push(await opening);
    });

    it('Error: the read that waits is told, the connection goes on', async () => {
      await open();
      await write('A?');
      const reading = expect(transport.read()).rejects.toMatchObject({ message: expect.stringMatching(/too large/) });
      sync.send(T.Error, 4, 0, 'no');
      await reading;
      await write('B?');
      sync.send(T.DataEnd, 0, 0xffffff02, 'b');
      expect(show(await readMessage(transport))).toBe('b');
    });

    it('Error on the asynchronous channel refuses one call', async () => {
      await open();
      const refused = expect(transport.control?.remoteLocal?.('local')).rejects.toMatchObject({
        code: 'transport.unsupported',
      });
      expect(await async.next()).toEqual({
        type: T.AsyncRemoteLocalControl,
        control: 6,
        parameter: 0xfffffefe,
        payload: '',
      });
      async.send(T.Error, 1, 0, 'no such thing');
      await refused;
    });

    it('answers what it does not know with Error, and goes on', async () => {
      await open();
      sync.send(77, 0, 0, 'x');
      expect(await sync.next()).toMatchObject({ type: T.Error, control: 1 });
      async.send(200, 0, 0, 'x');
      expect(await async.next()).toMatchObject({ type: T.Error, control: 3 });
    });

    it('bytes that are no HiSLIP: says so, closes both', async () => {
      await open();
      const reading = expect(transport.read()).rejects.toMatchObject({ code: 'protocol.malformed' });
      sync.socket.write('HTTP/1.1 400 Bad Request');
      await reading;
      expect(await sync.next()).toMatchObject({ type: T.FatalError, control: 1 });
      while (await async.next());
    });

    it.each(['sync', 'async'] as const)('the instrument cuts its %s channel: both end', async (which) => {
      await open();
      const channel = { sync, async };
      const reading = expect(transport.read()).rejects.toMatchObject({ code: 'transport.closed' });
      channel[which].close();
      await reading;
      expect((await transport.closed).code).toBe('transport.closed');
      while (await channel[which === 'sync' ? 'async' : 'sync'].next());
    });

    it('gives up an instrument that says nothing to the opening', async () => {
      const opening = expect(openHislip(target(), { answerTimeoutMs: 30 })).rejects.toMatchObject({
        code: 'transport.timeout',
      });
      const first = await server.accept();
      await first.next();
      await opening;
      expect(await first.next()).toBeUndefined();
    });

    it.each([
      ['a version it was not offered', 0x03000001, 1000],
      ['a message size without room for a byte', 0x01000001, 16],
    ])('refuses %s', async (_, parameter, bytes) => {
      const opening = expect(openHislip(target())).rejects.toMatchObject({ code: 'transport.failed' });
      const first = await server.accept();
      await first.next();
      first.send(T.InitializeResponse, 0, parameter);
      if (bytes < 17) {
        const second = await server.accept();
        await second.next();
        second.send(T.AsyncInitializeResponse);
        await second.next();
        second.send(T.AsyncMaximumMessageSizeResponse, 0, 0, size(bytes));
      }
      await opening;
    });
  });

  describe('the asynchronous channel', () => {
    it('locks: timeout and key, answers 0 to 3, release with the last MessageID (6.5)', async () => {
      await open();
      await write('X');
      const { lock, unlock } = transport.control ?? {};
      const locking = lock?.({ timeoutMs: 1500, sharedKey: 'bench' });
      expect(await async.next()).toEqual({ type: T.AsyncLock, control: 1, parameter: 1500, payload: 'bench' });
      async.send(T.AsyncLockResponse, 1);
      await locking;
      const releasing = unlock?.();
      expect(await async.next()).toEqual({ type: T.AsyncLock, control: 0, parameter: 0xffffff00, payload: '' });
      async.send(T.AsyncLockResponse, 2);
      await releasing;
      const refused = expect(unlock?.()).rejects.toMatchObject({ code: 'call.invalid' });
      await async.next();
      async.send(T.AsyncLockResponse, 3);
      await refused;
      const failed = expect(lock?.({ timeoutMs: 0 })).rejects.toMatchObject({
        code: 'transport.busy',
        message: expect.stringMatching(/2 clients hold it/),
      });
      expect(await async.next()).toEqual({ type: T.AsyncLock, control: 1, parameter: 0, payload: '' });
      async.send(T.AsyncLockResponse, 0);
      expect(await async.next()).toMatchObject({ type: T.AsyncLockInfo });
      async.send(T.AsyncLockInfoResponse, 0, 2);
      await failed;
    });

    it('a lock granted to somebody who no longer waits is given back', async () => {
      await open();
      const controller = new AbortController();
      const locking = expect(
        transport.control?.lock?.({ timeoutMs: 5000, signal: controller.signal }),
      ).rejects.toThrow();
      await async.next();
      controller.abort();
      await locking;
      async.send(T.AsyncLockResponse, 1);
      expect(await async.next()).toMatchObject({ type: T.AsyncLock, control: 0 });
    });

    it('one lock transaction at a time: the answers carry no name', async () => {
      await open();
      const controller = new AbortController();
      const given = expect(transport.control?.lock?.({ timeoutMs: 9000, signal: controller.signal })).rejects.toThrow();
      expect(await async.next()).toMatchObject({ type: T.AsyncLock, control: 1 });
      controller.abort();
      await given;
      const next = transport.control?.lock?.({ timeoutMs: 0, sharedKey: 'next' });
      const status = transport.control?.statusByte?.();
      expect(await async.next()).toMatchObject({ type: T.AsyncStatusQuery });
      async.send(T.AsyncStatusResponse, 0);
      await status;
      async.send(T.AsyncLockResponse, 0);
      expect(await async.next()).toMatchObject({ type: T.AsyncLock, control: 1, payload: 'next' });
      async.send(T.AsyncLockResponse, 1);
      await next;
    });

    it('a late answer is not taken for the next one', async () => {
      await open({ answerTimeoutMs: 3000 });
      await expect(transport.control?.statusByte?.()).rejects.toMatchObject({ code: 'transport.timeout' });
      const answer = async (): Promise<void> => {
        await async.next();
        await async.next();
        async.send(T.AsyncStatusResponse, 1);
        async.send(T.AsyncStatusResponse, 2);
      };
      const [second] = await Promise.all([transport.control?.statusByte?.(), answer()]);
      expect(second).toBe(2);
    });

    it('tells service requests with the status in the control code (6.13)', async () => {
      await open();
      const seen = new Promise((resolve) => void transport.control?.onServiceRequest?.(resolve));
      async.send(T.AsyncServiceRequest, 0x60);
      expect(await seen).toBe(0x60);
    });
  });

  it('takes no more off the wire than its buffer holds', async () => {
    await open({ bufferBytes: 64 * 1024 });
    await write('BIG?');
    await sync.next();
    const chunk = 'x'.repeat(64 * 1024);
    let sent = 0;
    // Until the system of this machine takes no more.
    while (sync.socket.writableLength < 1 << 20 && sent < 1 << 28) {
      sync.send(T.Data, 0, 0xffffff00, chunk);
      sent += chunk.length;
      if (sync.socket.writableLength > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(sync.socket.writableLength).toBeGreaterThan(0);
    sync.send(T.DataEnd, 0, 0xffffff00, 'end');
    expect((await readMessage(transport)).length).toBe(sent + 3);
  });
});
