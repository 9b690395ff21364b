import { once } from 'node:events';
import net from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Lab, openLab } from '../../test/lab/lab.ts';
import type { LabScreen } from '../../test/lab/lab-screen.ts';
import { ScriptedInstrument } from '../../test/lab/scripted-instrument.ts';
import { openScopes } from '../core/scope.ts';

/** What the wire may bring that no instrument should say, seen by a screen: a code, what to do, and the next answer right. */
const IDN = 'ACME,Widget,7,1.0';
let lab: Lab;
let screen: LabScreen;

beforeAll(async () => {
  lab = await openLab({ startBench: false });
  screen = await lab.screen();
});

afterAll(async () => {
  await lab[Symbol.asyncDispose]();
  expect(openScopes()).toEqual([]);
});

test.each([
  ['no text', '\u0001\u00ff\u0002\u00fe', 'protocol.malformed', /baud rate/],
  ['no identity', '1.2345', 'instrument.mismatch', /Check that the address/],
  ['the page of a web server', 'HTTP/1.1 400 Bad Request', 'instrument.mismatch', /Check that the address/],
  ['nothing', undefined, 'instrument.silent', /switched on/],
])('attach, and it says %s', async (_, answer, code, advice) => {
  await using instrument = await ScriptedInstrument.open(answer === undefined ? {} : { '*IDN?': answer });
  // Only silence is waited for.
  await screen.client.call('settings.set', { timeoutMs: answer === undefined ? 1000 : 10_000 });
  await expect(screen.client.call('instrument.open', { resource: instrument.resource })).rejects.toMatchObject({
    code,
    message: expect.stringMatching(advice),
  });
  expect(screen.state.instruments).toEqual([]);
});

test('attach, and it never ends its line', async () => {
  const chunk = Buffer.alloc(1 << 20, 0x41);
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    const pour = (): void => {
      while (!socket.destroyed && socket.write(chunk));
      if (!socket.destroyed) socket.once('drain', pour);
    };
    socket.once('data', pour);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  await screen.client.call('settings.set', { timeoutMs: 10_000 });
  const resource = `TCPIP0::127.0.0.1::${(server.address() as net.AddressInfo).port}::SOCKET`;
  await expect(screen.client.call('instrument.open', { resource })).rejects.toMatchObject({
    code: 'protocol.too-long',
  });
  expect(screen.state.instruments).toEqual([]);
  server.close();
});

test.each([
  ['longer than what comes', '#9000001000abc', /timeout/],
  ['shorter than what comes', '#13abcdef', /malformed/],
  ['beyond every limit', '#9999999999abc', /too-long/],
  ['no number', '#2x1abc', /malformed/],
])('a block that says it is %s gives no data, and the next answer is the right one', async (_, answer, code) => {
  await using instrument = await ScriptedInstrument.open({ '*IDN?': IDN, 'CURV?': answer, 'NEXT?': 'right' });
  await screen.client.call('settings.set', { timeoutMs: 10_000 });
  const id = await screen.attach(instrument.resource);
  const timeoutMs = code.test('transport.timeout') ? 1000 : 10_000;
  const asked = screen.client.call('instrument.query', { instrument: id, text: 'CURV?', timeoutMs });
  await expect(asked).rejects.toMatchObject({ code: expect.stringMatching(code) });
  expect((await screen.client.call('instrument.query', { instrument: id, text: 'NEXT?' })).reply).toBe('right');
  await screen.client.call('instrument.close', { instrument: id });
});

test('a recording of nothing is refused, and no file is made', async () => {
  await expect(screen.client.call('recording.start', {})).rejects.toMatchObject({ code: 'recording.empty' });
  expect((await screen.client.call('recording.list', {})).recordings).toEqual([]);
});
