import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import type { HislipTlsOptions } from '../../src/engine/transport/hislip/hislip-options.ts';
import { openHislip } from '../../src/engine/transport/hislip/open-hislip.ts';
import type { Transport } from '../../src/engine/transport/transport.ts';
import type { HislipSecurity } from '../../src/simulator/wire/hislip-options.ts';
import { openHislipServer } from '../../src/simulator/wire/hislip-server.ts';
import { readMessage, show, text } from './message-suite.ts';
import { openRawClient, openRawServer, RawChannel, size, T } from './raw-hislip.ts';
import { createTestDevice } from './test-device.ts';

const pem = (name: string): string => readFileSync(new URL(`../fixtures/tls/${name}.pem`, import.meta.url), 'utf8');
const KEY = pem('instrument-key');
const CERT = pem('instrument-cert');
const FINGERPRINT = new X509Certificate(CERT).fingerprint256;

/** HiSLIP 2.0: TLS and SASL (IVI-6.1 6.15, 2.4). */
describe('HiSLIP secure connection', () => {
  const owned: AsyncDisposable[] = [];
  afterEach(async () => {
    for (const one of owned.splice(0).reverse()) await one[Symbol.asyncDispose]();
  });
  const own = <T extends AsyncDisposable>(one: T): T => {
    owned.push(one);
    return one;
  };
  const target = (port: number) => ({
    host: '127.0.0.1',
    port,
    device: 'hislip0',
    resource: 'TCPIP0::x::hislip0::INSTR',
  });
  const serve = async (security: Partial<HislipSecurity> = {}) =>
    own(
      await openHislipServer({
        port: 0,
        devices: { hislip0: createTestDevice() },
        security: { key: KEY, cert: CERT, encryption: 'mandatory', ...security },
      }),
    );
  const open = async (port: number, tls?: HislipTlsOptions): Promise<Transport> =>
    own(await openHislip(target(port), { tls }));
  const works = async (transport: Transport): Promise<void> => {
    await transport.write(text('ECHO? secure'), { end: true });
    expect(show(await readMessage(transport))).toBe('ECHO? secure');
    expect(await transport.control?.statusByte?.()).toBe(0);
  };

  it.each<[string, HislipTlsOptions]>([
    ['its certificate is trusted', { ca: CERT }],
    ['its certificate is pinned', { pinSha256: FINGERPRINT }],
    ['its certificate is pinned, written plainly', { pinSha256: FINGERPRINT.replaceAll(':', '').toLowerCase() }],
    ['nobody checks it', { rejectUnauthorized: false }],
  ])('is made where %s', async (_, tls) => {
    const { port } = await serve();
    await works(await open(port, tls));
  });

  it.each<[string, HislipTlsOptions | undefined, RegExp]>([
    ['a certificate nobody signed', undefined, /self-signed certificate/],
    ['another certificate than the pinned one', { pinSha256: FINGERPRINT.replace(/^../, '00') }, /pinned/],
    ['a certificate for another name', { ca: CERT, serverName: 'psu.example' }, /altnames/],
  ])('is not made with %s; nothing stays open', async (_, tls, words) => {
    const server = await serve();
    await expect(open(server.port, tls)).rejects.toMatchObject({
      code: 'transport.denied',
      message: expect.stringMatching(words),
    });
    while (server.clients > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  });

  it('is made when asked for, where it is optional; else it goes plain', async () => {
    const { port } = await serve({ encryption: 'optional' });
    await works(await open(port));
    await works(await open(port, { isRequired: true, ca: CERT }));
  });

  it('is refused from here where the instrument cannot, and one is required', async () => {
    const server = own(await openHislipServer({ port: 0, devices: { hislip0: createTestDevice() } }));
    await expect(open(server.port, { isRequired: true })).rejects.toMatchObject({ code: 'transport.unsupported' });
  });

  describe('authentication', () => {
    const credentials = { user: 'lab', password: 'päss word' };
    it('PLAIN with the right password', async () => {
      const { port } = await serve({ mechanisms: ['SCRAM-SHA-256', 'PLAIN'], credentials });
      await works(await open(port, { ca: CERT, credentials }));
    });

    it.each<[string, Partial<HislipSecurity>, HislipTlsOptions, RegExp]>([
      [
        'a wrong password',
        { mechanisms: ['PLAIN'], credentials },
        { credentials: { user: 'lab', password: 'x' } },
        /user or password/,
      ],
      ['no credentials', { mechanisms: ['PLAIN'], credentials }, {}, /Give user and password/],
      ['a mechanism we do not have', { mechanisms: ['SCRAM-SHA-256'] }, { credentials }, /by SCRAM-SHA-256/],
    ])('refused: %s', async (_, security, tls, words) => {
      const { port } = await serve(security);
      await expect(open(port, { ca: CERT, ...tls })).rejects.toMatchObject({
        code: 'transport.denied',
        message: expect.stringMatching(words),
      });
    });

    it('an instrument without mechanisms needs none', async () => {
      const { port } = await serve({ mechanisms: [] });
      await works(await open(port, { ca: CERT }));
    });
  });

  describe('our instrument against a client written by hand', () => {
    const secure = async (port: number) => {
      const plain = await RawChannel.connect(port);
      plain.send(T.Initialize, 0, 0x02005858, 'hislip0');
      const answer = await plain.next();
      const plainAsync = await RawChannel.connect(port);
      plainAsync.send(T.AsyncInitialize, 0, (answer?.parameter ?? 0) & 0xffff);
      const joined = await plainAsync.next();
      plainAsync.send(T.AsyncStartTLS, 0, 0xfffffefe, '\xff\xff\xfe\xfe');
      expect(await plainAsync.next()).toMatchObject({ type: T.AsyncStartTLSResponse, control: 1 });
      const async = await plainAsync.startTls({ ca: CERT, host: '127.0.0.1' });
      plain.send(T.StartTLS);
      // No answer to StartTLS: the handshake may follow in the same segment.
      const sync = await plain.startTls({ ca: CERT, host: '127.0.0.1' });
      return { sync, async, features: answer?.control, capability: joined?.control };
    };

    it('says what it wants, goes secure on both channels, authenticates', async () => {
      const { port } = await serve({ mechanisms: ['PLAIN', 'ANONYMOUS'], credentials: { user: 'a', password: 'b' } });
      const { sync, async, features, capability } = await secure(port);
      expect([features, capability]).toEqual([6, 1]);
      sync.send(T.GetSaslMechanismList);
      expect(await sync.next()).toMatchObject({ type: T.GetSaslMechanismListResponse, payload: 'PLAIN ANONYMOUS' });
      sync.send(T.AuthenticationStart, 0, 0, 'PLAIN');
      sync.send(T.AuthenticationExchange, 0, 0, '\0a\0wrong');
      expect(await sync.next()).toMatchObject({ type: T.AuthenticationResult, control: 1 });
      sync.send(T.AuthenticationStart, 0, 0, 'PLAIN');
      sync.send(T.AuthenticationExchange, 0, 0, '\0a\0b');
      expect(await sync.next()).toMatchObject({ type: T.AuthenticationResult, control: 2 });
      async.send(T.AsyncMaximumMessageSize, 0, 0, size(1000));
      await async.next();
      sync.send(T.DataEnd, 0, 0xffffff00, 'hello?');
      expect(await sync.next()).toMatchObject({ type: T.DataEnd, payload: 'hello?' });
      async.send(T.AsyncEndTLS, 0, 0xffffff00, '\xff\xff\xff\0');
      expect(await async.next()).toMatchObject({ type: T.AsyncEndTLSResponse, control: 3 });
      sync.close();
      async.close();
    });

    it('serves nothing without it where it is mandatory: FatalError 5', async () => {
      const { port } = await serve();
      const client = await openRawClient(port, 'hislip0', 0x0200);
      client.sync.send(T.DataEnd, 0, 0xffffff00, '*IDN?');
      expect(await client.sync.next()).toMatchObject({ type: T.FatalError, control: 5 });
      const other = await openRawClient(port, 'hislip0', 0x0200);
      other.async.send(T.AsyncStatusQuery, 0, 0xfffffefe);
      expect(await other.async.next()).toMatchObject({ type: T.FatalError, control: 5 });
      client.close();
      other.close();
    });

    it('StartTLS out of turn: FatalError 5', async () => {
      const { port } = await serve();
      const client = await openRawClient(port, 'hislip0', 0x0200);
      client.sync.send(T.StartTLS);
      expect(await client.sync.next()).toMatchObject({ type: T.FatalError, control: 5 });
      client.close();
    });
  });

  describe('our client against an instrument written by hand', () => {
    it('asks on the asynchronous channel, goes secure on both, authenticates, then opens', async () => {
      const server = own(await openRawServer());
      const opening = openHislip(target(server.port), { tls: { ca: CERT, credentials: { user: 'u', password: 'p' } } });
      const plain = await server.accept();
      await plain.next();
      plain.send(T.InitializeResponse, 4, 0x02000001);
      const plainAsync = await server.accept();
      await plainAsync.next();
      plainAsync.send(T.AsyncInitializeResponse, 1, 0x5858);
      expect(await plainAsync.next()).toEqual({
        type: T.AsyncStartTLS,
        control: 0,
        parameter: 0xfffffefe,
        payload: '\xff\xff\xfe\xfe',
      });
      plainAsync.send(T.AsyncStartTLSResponse, 1);
      const async = await plainAsync.serveTls({ key: KEY, cert: CERT });
      expect(await plain.next()).toEqual({ type: T.StartTLS, control: 0, parameter: 0, payload: '' });
      const sync = await plain.serveTls({ key: KEY, cert: CERT });
      expect(await sync.next()).toMatchObject({ type: T.GetSaslMechanismList });
      sync.send(T.GetSaslMechanismListResponse, 0, 0, 'ANONYMOUS PLAIN');
      expect(await sync.next()).toMatchObject({ type: T.AuthenticationStart, payload: 'PLAIN' });
      expect(await sync.next()).toMatchObject({ type: T.AuthenticationExchange, payload: '\0u\0p' });
      sync.send(T.AuthenticationResult, 2);
      expect(await async.next()).toMatchObject({ type: T.AsyncMaximumMessageSize });
      async.send(T.AsyncMaximumMessageSizeResponse, 0, 0, size(1000));
      const transport = own(await opening);
      await transport.write(text('A?'), { end: true });
      expect(await sync.next()).toMatchObject({ type: T.DataEnd, payload: 'A?' });
    });

    it.each([
      [0, /busy/],
      [3, /cannot/],
    ])('AsyncStartTLSResponse %i: says so, nothing is open', async (control, words) => {
      const server = own(await openRawServer());
      const opening = expect(openHislip(target(server.port))).rejects.toMatchObject({
        code: 'transport.denied',
        message: expect.stringMatching(words),
      });
      const sync = await server.accept();
      await sync.next();
      sync.send(T.InitializeResponse, 2, 0x02000001);
      const async = await server.accept();
      await async.next();
      async.send(T.AsyncInitializeResponse, 1);
      await async.next();
      async.send(T.AsyncStartTLSResponse, control);
      await opening;
      expect(await sync.next()).toBeUndefined();
    });
  });
});
