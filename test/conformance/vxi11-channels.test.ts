import { connect } from 'node:net';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { LabError } from '../../src/core/errors.ts';
import { openScopes } from '../../src/core/scope.ts';
import { broadcastVxi11, LOOPBACK_BROADCAST } from '../../src/engine/discovery/vxi11-broadcast.ts';
import { openTransport } from '../../src/engine/transport/open-transport.ts';
import type { Transport } from '../../src/engine/transport/transport.ts';
import { findPort } from '../../src/engine/transport/vxi11/find-port.ts';
import { openVxi11 } from '../../src/engine/transport/vxi11/open-vxi11.ts';
import { VXI11_CORE } from '../../src/protocol/vxi11.ts';
import { openPortmapper } from '../../src/simulator/wire/portmapper-server.ts';
import { openVxi11Server, type Vxi11Knobs } from '../../src/simulator/wire/vxi11-server.ts';
import { readMessage, show, text } from './message-suite.ts';
import { createTestDevice } from './test-device.ts';
import { openVxi11Case, type Vxi11Case } from './vxi11-bench.ts';

const cases: AsyncDisposable[] = [];
async function serve(knobs?: Partial<Vxi11Knobs>): Promise<Vxi11Case> {
  const opened = await openVxi11Case(knobs);
  cases.push(opened);
  return opened;
}
afterEach(async () => {
  for (const opened of cases.splice(0)) await opened[Symbol.asyncDispose]();
});
afterAll(() => expect(openScopes()).toEqual([]));

async function ask(transport: Transport, question: string): Promise<string> {
  await transport.write(text(question), { end: true });
  return show(await readMessage(transport));
}

describe('sizes and fragments', () => {
  it.each([1, 512, 16_384, 0])('an instrument that takes %i bytes at once gets messages whole', async (maxRecvSize) => {
    const { open, device } = await serve({ maxRecvSize });
    await using transport = await open();
    const long = 'x'.repeat(maxRecvSize === 1 ? 200 : 40_000);
    expect(await ask(transport, long)).toBe(long);
    expect(device.received.map((one) => one.length)).toEqual([long.length]);
  });

  it.each([1, 5, 1000])('replies in fragments of %i bytes are joined', async (fragmentBytes) => {
    const { open } = await serve({ fragmentBytes });
    await using transport = await open();
    const long = 'y'.repeat(5000);
    expect(await ask(transport, long)).toBe(long);
  });

  it('reads on when the instrument gave as much as its buffer holds, without a reason', async () => {
    const { open, device } = await serve();
    await using transport = await open();
    const big = Buffer.alloc(3 * 1024 * 1024 + 17, 'z');
    device.answer = () => big;
    await transport.write(text('BIG?'), { end: true });
    expect(Buffer.compare(await readMessage(transport), big)).toBe(0);
  });
});

describe('reads', () => {
  it('wait longer than their slices; a slow answer is whole', async () => {
    const { open, device } = await serve();
    await using transport = await open({ readSliceMs: 5 });
    let answer: ((bytes: Uint8Array) => void) | undefined;
    device.answer = () => new Promise((resolve) => (answer = resolve));
    await transport.write(text('SLOW?'), { end: true });
    const reading = readMessage(transport);
    // Other calls get their turn between two slices.
    for (let poll = 0; poll < 5; poll++) await transport.control?.statusByte?.();
    answer?.(text('late but right'));
    expect(show(await reading)).toBe('late but right');
  });

  it.each([false, true])('an aborted read leaves the link usable (abort is a stub: %s)', async (isAbortStub) => {
    const { open, device } = await serve({ isAbortStub });
    await using transport = await open({ readSliceMs: isAbortStub ? 30 : 600_000 });
    device.answer = () => new Promise(() => {});
    await transport.write(text('NEVER?'), { end: true });
    const controller = new AbortController();
    const reading = transport.read({ signal: controller.signal });
    controller.abort(new LabError('transport.timeout', 'too late'));
    await expect(reading).rejects.toMatchObject({ code: 'transport.timeout' });
    await transport.control?.clear?.();
    device.answer = (message) => message;
    for (let round = 0; round < 5; round++) expect(await ask(transport, `ECHO? ${round}`)).toBe(`ECHO? ${round}`);
  });

  it('what an aborted read had got is given to the next one, but never to the next question', async () => {
    const { open, device, server } = await serve();
    await using transport = await open();
    let answer: ((bytes: Uint8Array) => void) | undefined;
    const asked = async (): Promise<void> => {
      device.answer = () => new Promise((resolve) => (answer = resolve));
      const before = device.received.length;
      await transport.write(text('X?'), { end: true });
      await device.receivedAtLeast(before + 1);
    };
    server.knobs.isAbortStub = true;
    for (const next of ['read', 'question'] as const) {
      await asked();
      const controller = new AbortController();
      const reading = transport.read({ signal: controller.signal });
      controller.abort();
      await expect(reading).rejects.toMatchObject({ code: 'call.cancelled' });
      answer?.(text('late'));
      if (next === 'read') expect(show(await readMessage(transport))).toBe('late');
      else {
        device.answer = (message) => message;
        expect(await ask(transport, 'ECHO? mine')).toBe('ECHO? mine');
      }
    }
  });
});

describe('a device that takes nothing in', () => {
  it('a clear ends the write that hangs', async () => {
    const { open, device, server } = await serve();
    const { connect: connectDevice } = device;
    let isHung = true;
    device.connect = (cut) => {
      const connection = connectDevice(cut);
      const { write } = connection;
      connection.write = (bytes, end) => (isHung ? new Promise(() => {}) : write(bytes, end));
      return connection;
    };
    await using transport = await open();
    const writing = transport.write(text('HANGS'), { end: true });
    const refused = expect(writing).rejects.toMatchObject({ code: 'transport.timeout' });
    isHung = false;
    await transport.control?.clear?.();
    await refused;
    expect(await ask(transport, 'ECHO? after')).toBe('ECHO? after');
    expect(server.counts.links).toBe(1);
  });

  it('a write that is not taken in time is a timeout', async () => {
    const { open, device } = await serve();
    const { connect: connectDevice } = device;
    device.connect = (cut) => Object.assign(connectDevice(cut), { write: () => new Promise<void>(() => {}) });
    await using transport = await open({ ioTimeoutMs: 20 });
    await expect(transport.write(text('X'), { end: true })).rejects.toMatchObject({
      code: 'transport.timeout',
      details: { vxi11Error: 15 },
    });
  });
});

describe('service requests', () => {
  it('come to every listener, and only while there is one; the channel can be made again', async () => {
    const { open, device } = await serve();
    await using transport = await open();
    device.serviceRequestEnable = 0x20;
    for (let round = 0; round < 3; round++) {
      const seen: string[] = [];
      let both: (() => void) | undefined;
      const told = new Promise<void>((resolve) => (both = resolve));
      const listener = (name: string) => (): void => {
        seen.push(name);
        if (seen.length === 2) both?.();
      };
      const first = await transport.control?.onServiceRequest?.(listener('a'));
      const second = await transport.control?.onServiceRequest?.(listener('b'));
      device.setStatus(0x20);
      await told;
      expect(seen).toEqual(['a', 'b']);
      expect(await transport.control?.statusByte?.()).toBe(0x60);
      device.setStatus(0);
      await first?.[Symbol.asyncDispose]();
      await second?.[Symbol.asyncDispose]();
      device.setStatus(0x20);
      expect(await ask(transport, 'ECHO? quiet')).toBe('ECHO? quiet');
      device.setStatus(0);
      await transport.control?.statusByte?.();
      expect(seen).toHaveLength(2);
    }
  });

  it('go to the link whose device asks, among several clients', async () => {
    const { open, device } = await serve();
    await using one = await open();
    await using two = await open();
    device.serviceRequestEnable = 1;
    const told: Promise<void>[] = [];
    for (const { control } of [one, two]) {
      let tell: (() => void) | undefined;
      told.push(new Promise((resolve) => (tell = resolve)));
      await control?.onServiceRequest?.(() => tell?.());
    }
    device.setStatus(1);
    await Promise.all(told);
  });
});

describe('locks', () => {
  it('refuse reads, writes and clears of others, and end with the connection of their owner', async () => {
    const { open } = await serve();
    await using other = await open();
    const owner = await open();
    await owner.control?.lock?.({ timeoutMs: 0 });
    const busy = { code: 'transport.busy', details: { vxi11Error: 11 } };
    await expect(other.write(text('X'), { end: true })).rejects.toMatchObject(busy);
    await expect(other.read()).rejects.toMatchObject(busy);
    await expect(other.control?.clear?.()).rejects.toMatchObject(busy);
    await expect(owner.control?.lock?.({ timeoutMs: 0 })).rejects.toMatchObject(busy);
    const waiting = other.control?.lock?.({ timeoutMs: 60_000 });
    await owner[Symbol.asyncDispose]();
    await waiting;
    expect(await ask(other, 'ECHO? mine')).toBe('ECHO? mine');
  });

  it('a lock that waits can be called off, and does not stay', async () => {
    const { open } = await serve();
    await using owner = await open();
    await using other = await open();
    await owner.control?.lock?.({ timeoutMs: 0 });
    const controller = new AbortController();
    const waiting = other.control?.lock?.({ timeoutMs: 60_000, signal: controller.signal });
    const refused = expect(waiting).rejects.toMatchObject({ code: 'call.cancelled' });
    controller.abort();
    await refused;
    await owner.control?.unlock?.();
    await owner.control?.lock?.({ timeoutMs: 0 });
    await expect(other.control?.lock?.({ timeoutMs: 0, sharedKey: 'bench' })).rejects.toMatchObject({
      code: 'transport.unsupported',
    });
  });
});

describe('a lock called off before it is asked for', () => {
  it('is not asked for at all', async () => {
    const { open } = await serve();
    await using owner = await open();
    await using other = await open();
    await owner.control?.lock?.({ timeoutMs: 0 });
    const signal = AbortSignal.abort(new LabError('call.cancelled', 'Not wanted.'));
    await expect(other.control?.lock?.({ timeoutMs: 600_000, signal })).rejects.toMatchObject({
      code: 'call.cancelled',
    });
    await owner.control?.unlock?.();
    await owner.control?.lock?.({ timeoutMs: 0 });
  });

  it('while a read has the channel is told at once, and does not go out behind it', async () => {
    const { open, device } = await serve();
    await using transport = await open({ readSliceMs: 600_000 });
    await using other = await open();
    device.answer = () => undefined;
    await transport.write(text('SILENT?'), { end: true });
    const reading = new AbortController();
    const given = expect(transport.read({ signal: reading.signal })).rejects.toMatchObject({ code: 'call.cancelled' });
    const controller = new AbortController();
    const locking = transport.control?.lock?.({ timeoutMs: 600_000, signal: controller.signal });
    const refused = expect(locking).rejects.toMatchObject({ code: 'call.cancelled' });
    controller.abort();
    await refused;
    reading.abort();
    await given;
    await transport.control?.statusByte?.();
    await other.control?.lock?.({ timeoutMs: 0 });
  });
});

describe('opening', () => {
  it('reaches devices behind a gateway by name, says which are not there, and when no link is left', async () => {
    const devices = { inst0: createTestDevice(), 'gpib0,5': createTestDevice() };
    const server = await openVxi11Server({ devices, portmapperPort: null, knobs: { maxLinks: 2 } });
    cases.push(server);
    await using behind = await openTransport(server.resource('gpib0,5'));
    expect(behind.resource).toBe(`TCPIP0::127.0.0.1,${server.corePort}::gpib0,5::INSTR`);
    expect(await ask(behind, 'ECHO? gpib')).toBe('ECHO? gpib');
    expect(devices['gpib0,5'].received).toHaveLength(1);
    await expect(openTransport(server.resource('gpib0,6'))).rejects.toMatchObject({
      code: 'transport.not-found',
      details: { vxi11Error: 3 },
    });
    await using _ = await openTransport(server.resource('inst0'));
    await expect(openTransport(server.resource('inst0'))).rejects.toMatchObject({
      code: 'transport.busy',
      message: expect.stringMatching(/gateway/),
    });
  });

  it('asks the portmapper, and says when VXI-11 is not there', async () => {
    const server = await openVxi11Server({ devices: { inst0: createTestDevice() } });
    cases.push(server);
    const { portmapperPort = 0 } = server;
    await using transport = await openTransport('TCPIP0::127.0.0.1::INSTR', { vxi11: { portmapperPort } });
    expect(await ask(transport, 'ECHO? found')).toBe('ECHO? found');
    const empty = await openPortmapper({ port: 0, mappings: [] });
    cases.push(empty);
    await expect(
      openTransport('TCPIP0::127.0.0.1::INSTR', { vxi11: { portmapperPort: empty.port } }),
    ).rejects.toMatchObject({ code: 'transport.refused', message: expect.stringMatching(/HiSLIP/) });
  });

  it('keeps nothing when the other side is no RPC server, or is called off', async () => {
    const { createServer } = await import('node:net');
    const web = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'));
    });
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', () => resolve()));
    const { port } = web.address() as { port: number };
    const target = { host: '127.0.0.1', corePort: port, device: 'inst0', resource: 'test' };
    await expect(openVxi11(target)).rejects.toMatchObject({ code: 'protocol.too-long' });
    await expect(openVxi11(target, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'call.cancelled' });
    await new Promise((resolve) => web.close(resolve));
  });

  it('finds the port when the portmapper serves UDP only', async () => {
    const dgram = await import('node:dgram');
    const { decodeCall, encodeReply } = await import('../../src/protocol/onc-rpc.ts');
    const { PORTMAPPER_PROCEDURES } = await import('../../src/protocol/portmapper.ts');
    const socket = dgram.createSocket('udp4');
    socket.on('message', (message, from) => {
      const { xid } = decodeCall(new Uint8Array(message));
      // Something else arrives first, and the answer to another call.
      for (const answer of [text('?'), encodeReply(xid ^ 1, PORTMAPPER_PROCEDURES.getPort.result, 1)])
        socket.send(answer, from.port, from.address);
      socket.send(encodeReply(xid, PORTMAPPER_PROCEDURES.getPort.result, 4711), from.port, from.address);
    });
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', () => resolve()));
    const options = { portmapperPort: socket.address().port };
    expect(await findPort({ host: '127.0.0.1', resource: 'test', ...VXI11_CORE }, options)).toBe(4711);
    socket.close();
  });
});

describe('broadcast', () => {
  it('collects every instrument of the network, each once', async () => {
    const portmapper = await openPortmapper({ host: '127.0.0.2', port: 0, mappings: [mapping(4001)] });
    cases.push(portmapper);
    cases.push(await openPortmapper({ host: '127.0.0.3', port: portmapper.port, mappings: [mapping(4002)] }));
    cases.push(await openPortmapper({ host: '127.0.0.4', port: portmapper.port, mappings: [] }));
    const controller = new AbortController();
    const seen: string[] = [];
    const found = await broadcastVxi11({
      port: portmapper.port,
      interfaces: [LOOPBACK_BROADCAST],
      withinMs: 60_000,
      signal: controller.signal,
      onFound: ({ host }) => {
        seen.push(host);
        if (seen.length === 2) controller.abort();
      },
    });
    expect(found.sort((a, b) => a.corePort - b.corePort)).toEqual([
      { host: '127.0.0.2', corePort: 4001 },
      { host: '127.0.0.3', corePort: 4002 },
    ]);
  });

  it('says when there is no network to ask', async () => {
    await expect(broadcastVxi11({ interfaces: [], onFound: () => {} })).rejects.toMatchObject({
      code: 'discovery.unavailable',
    });
  });

  const mapping = (port: number) => ({ ...VXI11_CORE, protocol: 6, port });
});

describe('a server under strangers', () => {
  it('survives garbage on its core port, and drops who sends it', async () => {
    const { server, open } = await serve();
    const socket = connect(server.corePort, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    await new Promise<void>((resolve) => socket.on('close', () => resolve()));
    await using transport = await open();
    expect(await ask(transport, 'ECHO? alive')).toBe('ECHO? alive');
  });
});

it('1,000 links come and go, and nothing is left', async () => {
  const { server, open, device } = await serve();
  const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
  const before = sockets();
  for (let round = 0; round < 100; round++) {
    const transports = await Promise.all(Array.from({ length: 10 }, () => open()));
    if (round % 10 === 0) expect(await ask(transports[0] as Transport, 'ECHO? here')).toBe('ECHO? here');
    await Promise.all(transports.map((transport) => transport[Symbol.asyncDispose]()));
  }
  expect(device.counts.connections).toBe(1000);
  expect(device.counts.open).toBe(0);
  expect(server.counts.links).toBe(0);
  while (server.counts.connections > 0) await new Promise((resolve) => setImmediate(resolve));
  expect(sockets()).toBeLessThanOrEqual(before);
  expect(openScopes()).toEqual(['simulated VXI-11']);
});
