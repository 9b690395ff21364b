import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { refuseRequest } from '../../src/hub/server/fence.ts';
import { openPort } from '../../src/hub/server/ports.ts';
import type { SocketGate } from '../../src/hub/server/socket-gate.ts';
import { shareUrls } from '../../src/hub/share/share-urls.ts';
import { overdueText, readTls } from '../../src/hub/share/tls-files.ts';

/** Where a bench is shared: its certificate, its addresses, its names, and what a person reads when one of them does not fit. */

/** Good for a hundred years; `bench.pem` has names, `locked.key` a passphrase. */
const at = (name: string): string => join(import.meta.dirname, '../fixtures/tls', name);

describe('the certificate', () => {
  it('is read with its names and its end', async () => {
    const { names, endsMs } = await readTls({ cert: at('bench.pem'), key: at('bench.key') });
    expect(names).toEqual(['bench.lab.example', '*.lab.example', 'localhost']);
    expect(endsMs).toBeGreaterThan(Date.now());
  });

  it('that has run out is said, with the day', () => {
    const endsMs = Date.UTC(2031, 4, 3, 12);
    expect(overdueText({ endsMs }, endsMs - 1)).toBeUndefined();
    expect(overdueText({ endsMs }, endsMs)).toMatch(/ran out on 2031-05-03/);
    expect(overdueText(undefined, endsMs)).toBeUndefined();
  });

  it.each([
    ['a file that is not there', 'gone.pem', 'bench.key', /certificate .*gone\.pem cannot be read: there is no such/],
    ['a folder', '', 'bench.key', /that is a folder/],
    ['a file that holds none', 'bench.key', 'bench.key', /bench\.key holds no certificate in PEM/],
    ['a key that holds none', 'bench.pem', 'bench.pem', /bench\.pem holds no private key in PEM/],
    ['a key with a passphrase', 'bench.pem', 'locked.key', /locked with a passphrase/],
    ['the key of another', 'bench.pem', 'other.key', /is not the one of the certificate/],
  ])('%s is named', async (_what, cert, key, text) => {
    const reading = readTls({ cert: at(cert), key: at(key) });
    await expect(reading).rejects.toMatchObject({ code: 'hub.insecure' });
    await expect(reading).rejects.toThrow(text);
  });
});

describe('the names', () => {
  it('of the certificate are this bench, and one label for the star', () => {
    const options = { hostNames: ['bench.lab.example', '*.lab.example'], origins: [] };
    const verdict = (host: string): number | undefined => refuseRequest({ host }, options)?.status;
    for (const host of ['bench.lab.example:8000', 'BENCH.lab.example', 'two.lab.example'])
      expect(verdict(host)).toBeUndefined();
    for (const host of ['a.two.lab.example', 'lab.example', 'evil-lab.example', '.lab.example', 'lab.example.evil'])
      expect(verdict(host) ?? 200, host).toBeGreaterThanOrEqual(400);
  });
});

describe('who is slow on purpose', () => {
  // A request that is not slow is answered sooner, also on a busy machine.
  const patience = { headersTimeout: 3000, requestTimeout: 4000, connectionsCheckingInterval: 50, maxConnections: 3 };
  const open = (changed: Partial<typeof patience> = {}) =>
    openPort(
      { host: '127.0.0.1', port: 0, profile: 'native', patience: { ...patience, ...changed } },
      undefined,
      (request, response) => void request.resume().on('end', () => response.end('here')),
      {} as SocketGate,
    );

  /** Sends `first`, then a byte now and then; gives what came until the connection was ended. */
  async function trickle(port: number, first: string): Promise<string> {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.write(first);
    const drip = setInterval(() => socket.write('x'), 20);
    await once(socket, 'close');
    clearInterval(drip);
    return Buffer.concat(chunks).toString();
  }

  it.each([
    ['a header without an end', 'GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: '],
    ['a body without an end', 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n'],
  ])('%s is cut, and the others are served meanwhile', async (_what, first) => {
    await using server = await open();
    let isOver = false;
    const slow = trickle(server.port, first).finally(() => {
      isOver = true;
    });
    expect(await (await fetch(server.url)).text()).toBe('here');
    expect(isOver).toBe(false);
    expect(await slow).toMatch(/^(HTTP\/1\.1 (408|400)|$)/);
  });

  it('and in great numbers is not let in', async () => {
    await using server = await open({ headersTimeout: 50_000, requestTimeout: 50_000 });
    const sockets = Array.from({ length: 3 }, () => connect(server.port, '127.0.0.1'));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    for (const socket of sockets) socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n');
    const ended: string[] = [];
    for (const socket of sockets) socket.on('error', () => {}).once('close', () => ended.push('one let in'));
    const fourth = connect(server.port, '127.0.0.1');
    fourth.on('error', () => {});
    await once(fourth, 'close');
    expect(ended, 'cut when they had been slow for too long, not before').toEqual([]);
    for (const socket of sockets) socket.destroy();
  });

  it.each([
    ['a handshake without an end', Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00])],
    ['plain HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
  ])('over TLS: %s is cut', async (_what, first) => {
    const tls = await readTls({ cert: at('bench.pem'), key: at('bench.key') });
    await using server = await openPort(
      { host: '127.0.0.1', port: 0, profile: 'native', patience },
      tls,
      () => {},
      {} as SocketGate,
    );
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.resume().write(first);
    await once(socket, 'close');
  });
});

describe('the addresses', () => {
  const net = (address: string, family: 'IPv4' | 'IPv6' = 'IPv4', internal = false) => ({
    ...{ address, family, internal, netmask: '', mac: '', cidr: null },
    ...(family === 'IPv6' ? { scopeid: 0 } : {}),
  });
  const networks = {
    lo: [net('127.0.0.1', 'IPv4', true), net('::1', 'IPv6', true)],
    docker0: [net('172.17.0.1')],
    wlan0: [net('169.254.3.4'), net('192.168.1.20'), net('fe80::1', 'IPv6'), net('fd00::2', 'IPv6')],
    eth0: [net('10.0.0.7')],
  } as never;

  it('of a port on every network are those of the machine, the likeliest first', () => {
    expect(shareUrls(['https://0.0.0.0:8000'], [], networks)).toEqual([
      'https://192.168.1.20:8000',
      'https://10.0.0.7:8000',
      'https://169.254.3.4:8000',
      'https://172.17.0.1:8000',
    ]);
    expect(shareUrls(['https://[::]'], ['localhost', '*.lab', 'bench.lab'], networks).slice(0, 4)).toEqual([
      'https://bench.lab',
      'https://192.168.1.20',
      'https://10.0.0.7',
      'https://[fd00::2]',
    ]);
  });

  it('of another port stay; without a network loopback is left; they are bounded, and each port has some', () => {
    expect(shareUrls(['http://127.0.0.1:8000'], ['bench.lab'], networks)).toEqual(['http://127.0.0.1:8000']);
    expect(shareUrls(['https://0.0.0.0:8000'], [], {})).toEqual(['https://127.0.0.1:8000']);
    const many = { eth0: Array.from({ length: 50 }, (_, index) => net(`10.0.0.${index}`)) } as never;
    const ports = Array.from({ length: 9 }, (_, index) => `https://0.0.0.0:${8000 + index}`);
    const urls = shareUrls(ports, [], many);
    expect(urls.length).toBeLessThanOrEqual(32);
    expect(new Set(urls.map((url) => new URL(url).port)).size).toBe(9);
  });
});

describe('a port', () => {
  const open = (host: string, port: number) =>
    openPort({ host, port, profile: 'native' }, undefined, () => {}, {} as SocketGate);

  it('that is taken, and an address of nobody here, are told apart', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((done) => taken.once('listening', done));
    const { port } = taken.address() as { port: number };
    await expect(open('127.0.0.1', port)).rejects.toMatchObject({
      code: 'hub.port-in-use',
      message: expect.stringContaining('used by another program'),
    });
    taken.close();
    const tls = await readTls({ cert: at('bench.pem'), key: at('bench.key') });
    // Of the block for documents: nobody has it.
    const elsewhere = openPort({ host: '203.0.113.9', port: 0, profile: 'native' }, tls, () => {}, {} as SocketGate);
    await expect(elsewhere).rejects.toMatchObject({
      code: 'hub.no-address',
      message: expect.stringContaining('no address of this machine'),
    });
  });
});
