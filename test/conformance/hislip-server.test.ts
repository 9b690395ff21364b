import { afterEach, describe, expect, it } from 'vitest';
import type { HislipServerOptions } from '../../src/simulator/wire/hislip-options.ts';
import { type HislipServer, openHislipServer } from '../../src/simulator/wire/hislip-server.ts';
import { openRawClient, RawChannel, type RawClient, size, T } from './raw-hislip.ts';
import { createTestDevice, type TestDevice } from './test-device.ts';

/** The simulated instrument against conversations written out by hand from IVI-6.1. */
describe('HiSLIP server', () => {
  let server: HislipServer;
  let device: TestDevice;
  const clients: { close(): void }[] = [];
  const serve = async (options: Partial<HislipServerOptions> = {}): Promise<void> => {
    device = createTestDevice();
    server = await openHislipServer({ port: 0, devices: { hislip0: device }, ...options });
  };
  const open = async (version?: number): Promise<RawClient> => {
    const client = await openRawClient(server.port, 'hislip0', version);
    clients.push(client);
    return client;
  };
  const connect = async (): Promise<RawChannel> => {
    const channel = await RawChannel.connect(server.port);
    clients.push(channel);
    return channel;
  };
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await server[Symbol.asyncDispose]();
    expect(device.counts.open).toBe(0);
  });
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  const ask = async ({ sync }: RawClient, id: number, question: string, isDelivered = 0) => {
    sync.send(T.DataEnd, isDelivered, id, question);
    return await sync.next();
  };
  const status = async ({ async }: RawClient, id: number, isDelivered = 0): Promise<number | undefined> => {
    async.send(T.AsyncStatusQuery, isDelivered, id);
    return (await async.next())?.control;
  };
  /** Answers a device would give only when told to. */
  const hold = (): { release(text: string): void } => {
    const held: ((answer: Uint8Array) => void)[] = [];
    device.answer = () => new Promise((resolve) => held.push(resolve));
    return { release: (text) => held.shift()?.(bytes(text)) };
  };

  describe('initialisation (6.1)', () => {
    it('agrees on the lower version, and gives session numbers of their own', async () => {
      await serve();
      for (const [asked, agreed] of [
        [0x0100, 0x0100],
        [0x0101, 0x0101],
        [0x0200, 0x0200],
        [0x0300, 0x0200],
      ] as const) {
        const sync = await connect();
        sync.send(T.Initialize, 0, asked * 0x10000 + 0x5858, 'hislip0');
        const answer = await sync.next();
        expect(answer).toMatchObject({ type: T.InitializeResponse, control: 0, payload: '' });
        expect((answer?.parameter ?? 0) >>> 16).toBe(agreed);
      }
      const [one, two] = [await open(), await open()];
      expect(one.session).not.toBe(two.session);
    });

    it('a server of 1.0 answers 1.0 to 2.0', async () => {
      await serve({ version: '1.0' });
      const sync = await connect();
      sync.send(T.Initialize, 0, 0x02005858, '');
      expect(((await sync.next())?.parameter ?? 0) >>> 16).toBe(0x0100);
    });

    it('says which mode it prefers, its vendor, and no secure connection (pyvisa-py insists on control code 0)', async () => {
      await serve({ prefersOverlap: true });
      const sync = await connect();
      sync.send(T.Initialize, 0, 0x02005858, 'HiSLIP0');
      const answer = await sync.next();
      expect(answer?.control).toBe(1);
      const async = await connect();
      async.send(T.AsyncInitialize, 0, (answer?.parameter ?? 0) & 0xffff);
      expect(await async.next()).toEqual({
        type: T.AsyncInitializeResponse,
        control: 0,
        parameter: 0x4c57,
        payload: '',
      });
      async.send(T.AsyncMaximumMessageSize, 0, 0, size(1000));
      expect(await async.next()).toMatchObject({
        type: T.AsyncMaximumMessageSizeResponse,
        payload: size(1 << 20).toString('latin1'),
      });
    });

    it.each([
      ['a message that opens nothing', 3, (channel: RawChannel) => channel.send(T.DataEnd, 0, 0xffffff00, '*IDN?')],
      ['no HiSLIP at all', 1, (channel: RawChannel) => channel.socket.write('GET / HTTP/1.1\r\n\r\n')],
      ['a sub-address that is none', 0, (channel: RawChannel) => channel.send(T.Initialize, 0, 0x01005858, 'hislip7')],
      ['a version below 1.0', 3, (channel: RawChannel) => channel.send(T.Initialize, 0, 0x00095858, 'hislip0')],
      ['a session that is none', 3, (channel: RawChannel) => channel.send(T.AsyncInitialize, 0, 0x4242)],
      [
        'data before the asynchronous channel',
        2,
        (channel: RawChannel) => {
          channel.send(T.Initialize, 0, 0x01005858, 'hislip0');
          channel.send(T.DataEnd, 0, 0xffffff00, '*IDN?');
        },
      ],
    ])('%s: FatalError %i, closed', async (_, code, send) => {
      await serve();
      const channel = await connect();
      send(channel);
      let message = await channel.next();
      if (message?.type === T.InitializeResponse) message = await channel.next();
      expect(message).toMatchObject({ type: T.FatalError, control: code });
      expect(await channel.next()).toBeUndefined();
      expect(device.received).toEqual([]);
    });

    it('one client too many is told (fatal error 4); a place becomes free again', async () => {
      await serve({ maxClients: 1 });
      const first = await open();
      const second = await connect();
      second.send(T.Initialize, 0, 0x01005858, 'hislip0');
      expect(await second.next()).toMatchObject({ type: T.FatalError, control: 4 });
      first.close();
      while (server.clients > 0) await new Promise((resolve) => setTimeout(resolve, 1));
      await open();
    });

    it('a second asynchronous channel of a session is refused', async () => {
      await serve();
      const client = await open();
      const third = await connect();
      third.send(T.AsyncInitialize, 0, client.session);
      expect(await third.next()).toMatchObject({ type: T.FatalError, control: 3 });
      expect(await ask(client, 0xffffff00, 'still there?')).toMatchObject({ payload: 'still there?' });
    });
  });

  describe('synchronized mode (3.1.1)', () => {
    it('answers with the MessageID of the message that ended the question', async () => {
      await serve();
      const client = await open();
      client.sync.send(T.Data, 0, 0xffffff00, 'ab');
      client.sync.send(T.Data, 0, 0xffffff02, 'cd');
      expect(await ask(client, 0xffffff04, 'ef')).toEqual({
        type: T.DataEnd,
        control: 0,
        parameter: 0xffffff04,
        payload: 'abcdef',
      });
      // Some clients count in their own way: it echoes, it does not check.
      expect(await ask(client, 7, 'x', 1)).toMatchObject({ parameter: 7, payload: 'x' });
      expect(device.errors).toEqual([]);
    });

    it('sends no more at once than the client takes', async () => {
      await serve();
      const client = await open();
      client.async.send(T.AsyncMaximumMessageSize, 0, 0, size(18));
      await client.async.next();
      client.sync.send(T.DataEnd, 0, 0xffffff00, 'abcde');
      const pieces = [await client.sync.next(), await client.sync.next(), await client.sync.next()];
      expect(pieces.map((piece) => [piece?.type, piece?.payload])).toEqual([
        [T.Data, 'ab'],
        [T.Data, 'cd'],
        [T.DataEnd, 'e'],
      ]);
    });

    it('a message too large is refused with Error 4, the next one is taken', async () => {
      await serve({ maxMessageBytes: 32 });
      const client = await open();
      expect(await ask(client, 0xffffff00, 'x'.repeat(17))).toMatchObject({ type: T.Error, control: 4 });
      expect(await ask(client, 0xffffff02, 'y'.repeat(16))).toMatchObject({ type: T.DataEnd, payload: 'y'.repeat(16) });
    });

    it('an answer ready while another message waits: both Interrupted, the later one is answered, -410', async () => {
      await serve();
      const client = await open();
      const { release } = hold();
      client.sync.send(T.DataEnd, 0, 0xffffff00, 'A?');
      client.sync.send(T.DataEnd, 0, 0xffffff02, 'B?');
      await device.receivedAtLeast(1);
      // Answered when B? has been taken in (6.7).
      client.async.send(T.AsyncRemoteLocalControl, 1, 0xffffff02);
      await client.async.next();
      release('a');
      await device.receivedAtLeast(2);
      release('b');
      expect(await client.async.next()).toEqual({
        type: T.AsyncInterrupted,
        control: 0,
        parameter: 0xffffff02,
        payload: '',
      });
      expect(await client.sync.next()).toEqual({ type: T.Interrupted, control: 0, parameter: 0xffffff02, payload: '' });
      expect(await client.sync.next()).toMatchObject({ type: T.DataEnd, parameter: 0xffffff02, payload: 'b' });
      expect(device.errors).toEqual([-410]);
    });

    it('an answer sent but not delivered: -410 in the instrument, the client is told nothing', async () => {
      await serve();
      const client = await open();
      await ask(client, 0xffffff00, 'A?');
      expect(await ask(client, 0xffffff02, 'B?')).toMatchObject({
        type: T.DataEnd,
        parameter: 0xffffff02,
        payload: 'B?',
      });
      expect(device.errors).toEqual([-410]);
      // Said to be delivered: no error. And a claim without an answer is one.
      await ask(client, 0xffffff04, 'C?', 1);
      expect(device.errors).toEqual([-410]);
      device.answer = () => undefined;
      client.sync.send(T.DataEnd, 1, 0xffffff06, 'command');
      client.sync.send(T.DataEnd, 1, 0xffffff08, 'command');
      await device.receivedAtLeast(5);
      expect(device.errors).toEqual([-410, -410]);
    });

    it('a command that takes long does not interrupt the question behind it', async () => {
      await serve();
      const client = await open();
      let finish: (() => void) | undefined;
      device.answer = (message) =>
        message[0] === 42 ? new Promise((resolve) => (finish = () => resolve(undefined))) : message;
      client.sync.send(T.DataEnd, 0, 0xffffff00, '*RST');
      client.sync.send(T.DataEnd, 0, 0xffffff02, 'B?');
      await device.receivedAtLeast(1);
      finish?.();
      expect(await client.sync.next()).toMatchObject({ type: T.DataEnd, parameter: 0xffffff02, payload: 'B?' });
      expect(device.errors).toEqual([]);
    });

    it('MAV: an answer sent, not delivered, and the MessageID is that of the last message (6.14.1)', async () => {
      await serve();
      const client = await open();
      expect(await status(client, 0xfffffefe)).toBe(0);
      await ask(client, 0xffffff00, 'A?');
      expect(await status(client, 0xfffffefe)).toBe(0);
      expect(await status(client, 0xffffff00)).toBe(16);
      expect(await status(client, 0xffffff00, 1)).toBe(0);
      await ask(client, 0xffffff02, 'B?', 0);
      expect(device.errors).toEqual([]);
    });
  });

  it('overlap mode: answers in order, numbered by the server, nothing interrupts (3.2.1)', async () => {
    await serve({ prefersOverlap: true });
    const client = await open();
    for (let question = 0; question < 20; question++)
      client.sync.send(T.DataEnd, 0, 0xffffff00 + 2 * question, `Q${question}?`);
    for (let question = 0; question < 20; question++) {
      expect(await client.sync.next()).toMatchObject({
        type: T.DataEnd,
        parameter: 0xffffff00 + 2 * question,
        payload: `Q${question}?`,
      });
    }
    expect(device.errors).toEqual([]);
    expect(await status(client, 0xffffff00)).toBe(16);
    expect(await status(client, 0xffffff26)).toBe(0);
  });

  describe('device clear (6.12)', () => {
    it('forgets what was sent and asked; ignores the channel up to DeviceClearComplete', async () => {
      await serve();
      const client = await open();
      const { release } = hold();
      client.sync.send(T.DataEnd, 0, 0xffffff00, 'A?');
      await device.receivedAtLeast(1);
      client.async.send(T.AsyncDeviceClear);
      expect(await client.async.next()).toEqual({
        type: T.AsyncDeviceClearAcknowledge,
        control: 0,
        parameter: 0,
        payload: '',
      });
      release('stale');
      client.sync.send(T.DataEnd, 0, 0xffffff02, 'ignored?');
      client.sync.send(T.Trigger, 0, 0xffffff04);
      client.sync.send(T.DeviceClearComplete, 0);
      expect(await client.sync.next()).toEqual({
        type: T.DeviceClearAcknowledge,
        control: 0,
        parameter: 0,
        payload: '',
      });
      device.answer = (message) => message;
      expect(await ask(client, 0xffffff00, 'B?')).toMatchObject({ parameter: 0xffffff00, payload: 'B?' });
      expect(device.received.map((message) => Buffer.from(message).toString())).toEqual(['A?', 'B?']);
      expect(device.counts).toMatchObject({ clears: 1, triggers: 0 });
    });

    it('grants the mode asked for, or not', async () => {
      for (const [grantsMode, granted] of [
        [true, 1],
        [false, 0],
      ] as const) {
        await serve({ grantsMode });
        const client = await open();
        client.async.send(T.AsyncDeviceClear);
        await client.async.next();
        client.sync.send(T.DeviceClearComplete, 1);
        expect(await client.sync.next()).toMatchObject({ type: T.DeviceClearAcknowledge, control: granted });
        if (grantsMode) await server[Symbol.asyncDispose]();
      }
    });

    it('gets through while a long answer is stuck in the network', async () => {
      await serve();
      const client = await open();
      client.sync.socket.pause();
      device.answer = () => new Uint8Array(64 << 20);
      client.sync.send(T.DataEnd, 0, 0xffffff00, 'BIG?');
      await device.receivedAtLeast(1);
      client.async.send(T.AsyncDeviceClear);
      expect(await client.async.next()).toMatchObject({ type: T.AsyncDeviceClearAcknowledge });
      client.sync.send(T.DeviceClearComplete);
      client.sync.socket.resume();
      let got = 0;
      let message = await client.sync.next();
      for (; message?.type === T.Data; message = await client.sync.next()) got += message.payload.length;
      expect(message?.type).toBe(T.DeviceClearAcknowledge);
      expect(got).toBeLessThan(64 << 20);
    });

    it('gets through while the client waits for a lock', async () => {
      await serve();
      const [holder, other] = [await open(), await open()];
      holder.async.send(T.AsyncLock, 1, 0);
      await holder.async.next();
      other.async.send(T.AsyncLock, 1, 60_000);
      other.sync.send(T.DataEnd, 0, 0xffffff00, 'A?');
      other.async.send(T.AsyncDeviceClear);
      expect(await other.async.next()).toMatchObject({ type: T.AsyncDeviceClearAcknowledge });
      other.sync.send(T.DeviceClearComplete);
      expect(await other.sync.next()).toMatchObject({ type: T.DeviceClearAcknowledge });
      holder.async.send(T.AsyncLock, 0, 0xfffffefe);
      expect(await other.async.next()).toMatchObject({ type: T.AsyncLockResponse, control: 1 });
      expect(device.received).toEqual([]);
    });
  });

  it('service requests: the status in the control code; not again before a status query (6.13)', async () => {
    await serve();
    const client = await open();
    device.serviceRequestEnable = 0x20;
    device.setStatus(0x20);
    expect(await client.async.next()).toEqual({
      type: T.AsyncServiceRequest,
      control: 0x60,
      parameter: 0,
      payload: '',
    });
    device.setStatus(0);
    device.setStatus(0x20);
    expect(await status(client, 0xfffffefe)).toBe(0x60);
    expect(await status(client, 0xfffffefe)).toBe(0x20);
    device.setStatus(0);
    device.setStatus(0x20);
    expect(await client.async.next()).toMatchObject({ type: T.AsyncServiceRequest, control: 0x60 });
  });

  it('service request on MAV comes with the answer', async () => {
    await serve();
    const client = await open();
    device.serviceRequestEnable = 16;
    client.sync.send(T.DataEnd, 0, 0xffffff00, 'A?');
    expect(await client.async.next()).toMatchObject({ type: T.AsyncServiceRequest, control: 0x50 });
    expect(await client.sync.next()).toMatchObject({ payload: 'A?' });
  });

  describe('locks (2.6, 6.5)', () => {
    const lock = async ({ async }: RawClient, timeoutMs: number, key = ''): Promise<number | undefined> => {
      async.send(T.AsyncLock, 1, timeoutMs, key);
      return (await async.next())?.control;
    };
    const release = async ({ async }: RawClient, id = 0xfffffefe): Promise<number | undefined> => {
      async.send(T.AsyncLock, 0, id);
      return (await async.next())?.control;
    };
    const info = async ({ async }: RawClient) => {
      async.send(T.AsyncLockInfo);
      const answer = await async.next();
      return [answer?.type, answer?.control, answer?.parameter];
    };

    it('exclusive: granted, refused after the timeout, granted in turn; errors 3', async () => {
      await serve();
      const [one, two] = [await open(), await open()];
      expect(await info(one)).toEqual([T.AsyncLockInfoResponse, 0, 0]);
      expect(await lock(one, 0)).toBe(1);
      expect(await lock(one, 0)).toBe(3);
      expect(await info(two)).toEqual([T.AsyncLockInfoResponse, 1, 1]);
      expect(await lock(two, 0)).toBe(0);
      expect(await lock(two, 5)).toBe(0);
      const waiting = lock(two, 60_000);
      expect(await release(one)).toBe(1);
      expect(await waiting).toBe(1);
      expect(await release(one)).toBe(3);
    });

    it('shared by a key; a sharer may go on to the exclusive one, and releases that first', async () => {
      await serve();
      const [one, two, three] = [await open(), await open(), await open()];
      expect(await lock(one, 0, 'bench')).toBe(1);
      expect(await lock(two, 0, 'bench')).toBe(1);
      expect(await lock(three, 0, 'other')).toBe(0);
      expect(await lock(three, 0)).toBe(0);
      expect(await info(three)).toEqual([T.AsyncLockInfoResponse, 0, 2]);
      expect(await lock(one, 0)).toBe(1);
      expect(await info(three)).toEqual([T.AsyncLockInfoResponse, 1, 2]);
      expect(await release(one)).toBe(1);
      expect(await release(one)).toBe(2);
      expect(await release(two)).toBe(2);
      expect(await lock(three, 0, 'other')).toBe(1);
      expect(await lock(three, 0, 'x'.repeat(257))).toBe(3);
    });

    it('messages of others wait until it is free (2.6)', async () => {
      await serve();
      const [one, two] = [await open(), await open()];
      await lock(one, 0);
      two.sync.send(T.DataEnd, 0, 0xffffff00, 'two?');
      two.sync.send(T.Trigger, 0, 0xffffff02);
      expect(await ask(one, 0xffffff00, 'one?')).toMatchObject({ payload: 'one?' });
      expect(device.received).toHaveLength(1);
      await release(one, 0xffffff00);
      expect(await two.sync.next()).toMatchObject({ payload: 'two?' });
    });

    it('is released only when the message named was worked off', async () => {
      await serve();
      const [one, two, three] = [await open(), await open(), await open()];
      await lock(one, 0);
      const waiting = lock(two, 60_000);
      one.async.send(T.AsyncLock, 0, 0xffffff00);
      expect((await info(three))[1]).toBe(1);
      one.sync.send(T.DataEnd, 0, 0xffffff00, 'last?');
      expect(await one.async.next()).toMatchObject({ type: T.AsyncLockResponse, control: 1 });
      expect(await waiting).toBe(1);
      expect(device.received).toHaveLength(1);
    });

    it('a client that vanishes leaves its lock; one that vanishes waiting gets none', async () => {
      await serve();
      const [one, two, three] = [await open(), await open(), await open()];
      await lock(one, 0);
      two.async.send(T.AsyncLock, 1, 60_000);
      const waiting = lock(three, 60_000);
      two.close();
      while (server.clients > 2) await new Promise((resolve) => setTimeout(resolve, 1));
      one.async.close();
      expect(await waiting).toBe(1);
    });
  });

  it('remote and local by their codes, in order with the messages (6.7)', async () => {
    await serve();
    const { async, sync } = await open();
    async.send(T.AsyncRemoteLocalControl, 6, 0xffffff00);
    sync.send(T.DataEnd, 0, 0xffffff00, 'first');
    expect(await async.next()).toEqual({ type: T.AsyncRemoteLocalResponse, control: 0, parameter: 0, payload: '' });
    expect(device.received).toHaveLength(1);
    for (const code of [0, 1, 2, 3, 4, 5]) {
      async.send(T.AsyncRemoteLocalControl, code, 0xffffff00);
      await async.next();
    }
    expect(device.remote).toEqual(['local', 'local', 'local', 'remote', 'lockout', 'lockout']);
    async.send(T.AsyncRemoteLocalControl, 7, 0xffffff00);
    expect(await async.next()).toMatchObject({ type: T.Error, control: 2 });
  });

  describe('errors (6.2, 6.3)', () => {
    it.each([
      ['sync', 99, 1],
      ['sync', 130, 3],
      ['async', 99, 1],
      ['async', 130, 3],
      ['async', T.Data, 1],
    ] as const)('on the %s channel type %i: Error %i, and it goes on', async (which, type, code) => {
      await serve();
      const client = await open();
      client[which].send(type, 0, 0, 'x');
      expect(await client[which].next()).toMatchObject({ type: T.Error, control: code });
      expect(await ask(client, 0xffffff00, 'A?')).toMatchObject({ payload: 'A?' });
    });

    it.each(['sync', 'async'] as const)(
      'bytes that are no message on the %s channel: FatalError 1 on both, closed',
      async (which) => {
        await serve();
        const client = await open();
        client[which].socket.write('not HiSLIP');
        expect(await client.sync.next()).toMatchObject({ type: T.FatalError, control: 1 });
        expect(await client.async.next()).toMatchObject({ type: T.FatalError, control: 1 });
        expect(await client.sync.next()).toBeUndefined();
      },
    );

    it.each(['sync', 'async'] as const)('the client cuts its %s channel: the other one ends too', async (which) => {
      await serve();
      const client = await open();
      client[which].close();
      expect(await client[which === 'sync' ? 'async' : 'sync'].next()).toBeUndefined();
      expect(device.counts.open).toBe(0);
    });

    it('version 2.0: no descriptors, no secure connection; 1.0 does not know the messages', async () => {
      await serve();
      const [two, one] = [await open(0x0200), await open(0x0100)];
      two.async.send(T.GetDescriptors);
      expect(await two.async.next()).toMatchObject({ type: T.GetDescriptorsResponse, payload: '' });
      two.async.send(T.AsyncStartTLS, 0, 0xfffffefe, '\xff\xff\xfe\xfe');
      expect(await two.async.next()).toMatchObject({ type: T.AsyncStartTLSResponse, control: 3 });
      two.async.send(T.AsyncLockInfo);
      expect(await two.async.next()).toMatchObject({ type: T.AsyncLockInfoResponse });
      one.async.send(T.GetDescriptors);
      expect(await one.async.next()).toMatchObject({ type: T.Error, control: 1 });
    });
  });

  it('serves several instruments by sub-address, each with its own locks', async () => {
    const other = createTestDevice();
    device = createTestDevice();
    server = await openHislipServer({ port: 0, devices: { hislip0: device, hislip1: other }, host: '127.0.0.1' });
    const [one, two] = [await open(), await openRawClient(server.port, 'hislip1')];
    clients.push(two);
    for (const { async } of [one, two]) {
      async.send(T.AsyncLock, 1, 0);
      expect(await async.next()).toMatchObject({ control: 1 });
    }
    await ask(two, 0xffffff00, 'two?');
    expect([device.received.length, other.received.length]).toEqual([0, 1]);
  });
});
