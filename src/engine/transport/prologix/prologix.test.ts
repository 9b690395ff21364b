import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { REAL_TIMEOUT_MS, runMessageFaults } from '../../../../test/conformance/message-faults.ts';
import { readMessage, show, text } from '../../../../test/conformance/message-suite.ts';
import { createTestDevice, type TestDevice } from '../../../../test/conformance/test-device.ts';
import { parseResource } from '../../../core/resource.ts';
import { seededRandom } from '../../../core/seeded-random.ts';
import { EOT } from '../../../protocol/prologix-reply.ts';
import {
  createPrologixAdapter,
  openPrologixServer,
  type PrologixAdapter,
  type PrologixOptions,
} from '../../../simulator/wire/prologix-server.ts';
import { openTransport } from '../open-transport.ts';
import type { Transport } from '../transport.ts';
import { openAdapters } from './adapter-registry.ts';
import { forgetBoard, noteBoards } from './board-table.ts';
import { openAdapter } from './open-prologix.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  expect(openAdapters()).toBe(0);
});

interface Bench {
  adapter: PrologixAdapter;
  port: number;
  /** At 7, 8, and 9 with secondary 0. */
  devices: [TestDevice, TestDevice, TestDevice];
  open(address: string): Promise<Transport>;
  unplug(): Promise<void>;
}

async function setUp(options: Partial<PrologixOptions> = {}): Promise<Bench> {
  const devices: Bench['devices'] = [createTestDevice(), createTestDevice(), createTestDevice()];
  const adapter = createPrologixAdapter({
    instruments: [
      { address: { primary: 7 }, device: devices[0] },
      { address: { primary: 8 }, device: devices[1] },
      { address: { primary: 9, secondary: 0 }, device: devices[2] },
    ],
    ...options,
  });
  const server = await openPrologixServer(0, adapter);
  cleanups.push(() => server[Symbol.asyncDispose]());
  return {
    adapter,
    port: server.port,
    devices,
    async open(address) {
      const transport = await openTransport(`PRLGX-TCPIP0::127.0.0.1::${server.port}::${address}::INSTR`);
      cleanups.push(() => transport[Symbol.asyncDispose]());
      return transport;
    },
    unplug: async () => void (await server[Symbol.asyncDispose]()),
  };
}

async function ask(transport: Transport, question: string): Promise<string> {
  await transport.write(text(question), { end: true });
  return show(await readMessage(transport));
}

/** A supply: `OUTP OFF`, `OUTP?`, `BIG?` answers with so many bytes. */
function makeSupply(device: TestDevice, bytes: number): { isOn: boolean } {
  const state = { isOn: true };
  device.answer = (message) => {
    const line = show(message);
    if (line === 'OUTP OFF') state.isOn = false;
    if (line === 'OUTP?') return text(state.isOn ? '1\n' : '0\n');
    if (line !== 'BIG?') return undefined;
    const head = text(`#8${String(bytes).padStart(8, '0')}`);
    const block = new Uint8Array(head.length + bytes + 1).fill(EOT);
    block.set(head);
    block[block.length - 1] = 10;
    return block;
  };
  return state;
}

async function outputsOff(transport: Transport): Promise<string> {
  await transport.write(text('OUTP OFF'), { end: true, isUrgent: true });
  await transport.write(text('OUTP?'), { end: true, isUrgent: true });
  return show(await readMessage(transport));
}

describe('instruments behind one adapter', () => {
  it('never mix: 600 questions of three, side by side', async () => {
    const { open, devices } = await setUp();
    const random = seededRandom(3);
    for (const [index, device] of devices.entries()) {
      device.answer = (message) => (message.includes(63) ? text(`${index} ${show(message)}\n`) : undefined);
    }
    const transports = [await open('7'), await open('8'), await open('9::0')];
    expect(openAdapters()).toBe(1);
    await Promise.all(
      transports.map(async (transport, index) => {
        for (let round = 0; round < 200; round++) {
          const question = `Q? ${random.below(1e6)}`;
          expect(await ask(transport, question)).toBe(`${index} ${question}\n`);
          if (round % 50 === 0) await transport.write(text('SET 1'), { end: true });
        }
      }),
    );
    for (const device of devices) expect(device.errors).toEqual([]);
  });

  it('the first that closes leaves the others their adapter; the last closes it', async () => {
    const { open } = await setUp();
    const [first, second] = [await open('7'), await open('8')];
    await first[Symbol.asyncDispose]();
    expect(openAdapters()).toBe(1);
    expect(await ask(second, 'ECHO?')).toBe('ECHO?');
    await second[Symbol.asyncDispose]();
    expect(openAdapters()).toBe(0);
  });

  it('bytes that look like the end, the escapes and every answer of the adapter come through', async () => {
    const { open, devices } = await setUp();
    const transport = await open('7');
    const hard = [
      `\x00${String.fromCharCode(EOT)}`,
      `\xff${String.fromCharCode(EOT)}300\r\n`,
      '++ver\r\n',
      '\x1b\x1b+\n\r',
      '+++',
    ];
    for (const one of hard) {
      const message = Uint8Array.from(`${one}A`, (character) => character.charCodeAt(0));
      await transport.write(message, { end: true });
      expect(await readMessage(transport)).toEqual(message);
      expect(devices[0].received.at(-1)).toEqual(message);
    }
  });

  it('a message in pieces is that of the moment of each call', async () => {
    const { open, devices } = await setUp();
    const transport = await open('7');
    const piece = Buffer.from('DATA 1,');
    await transport.write(piece, { end: false });
    piece.fill(0);
    await transport.write(Buffer.from('2'), { end: true });
    await expect.poll(() => devices[0].received.map(show)).toEqual(['DATA 1,2']);
  });

  it('a slow answer takes as many reads as it needs', async () => {
    const { open, devices } = await setUp();
    devices[0].answer = () => new Promise((resolve) => setTimeout(() => resolve(text('late\n')), 800));
    expect(await ask(await open('7'), 'SLOW?')).toBe('late\n');
  });

  it('an answer nobody reads does not keep the bus', async () => {
    const { open } = await setUp();
    const [first, second] = [await open('7'), await open('8')];
    await first.write(text('ECHO? unread'), { end: true });
    expect(await ask(second, 'ECHO? two')).toBe('ECHO? two');
    expect(show(await readMessage(first))).toBe('ECHO? unread');
  });

  it('a read that is aborted gives the bus back, and its bytes to the next read', async () => {
    const { open, devices } = await setUp();
    const [first, second] = [await open('7'), await open('8')];
    let late: ((bytes: Uint8Array) => void) | undefined;
    devices[0].answer = () => new Promise((resolve) => (late = resolve));
    await first.write(text('SLOW?'), { end: true });
    const reading = first.read({ signal: AbortSignal.timeout(20) });
    await expect(reading).rejects.toMatchObject({ code: 'call.cancelled' });
    expect(await ask(second, 'ECHO? meanwhile')).toBe('ECHO? meanwhile');
    late?.(text('late\n'));
    expect(show(await readMessage(first))).toBe('late\n');
  });

  it('nobody at the address: no answer, and a serial poll says so', async () => {
    const { open } = await setUp();
    const [absent, present] = [await open('20'), await open('7')];
    await absent.write(text('*IDN?'), { end: true });
    await expect(absent.read({ signal: AbortSignal.timeout(50) })).rejects.toMatchObject({ code: 'call.cancelled' });
    await expect(absent.control?.statusByte?.()).rejects.toMatchObject({ code: 'transport.timeout' });
    expect(await ask(present, 'ECHO?')).toBe('ECHO?');
  });
});

describe('messages and reads that wait for a busy bus', () => {
  it('a read that waits, and a message then: neither waits for the other, and nobody for them', async () => {
    for (const isAborted of [false, true]) {
      const { open, devices } = await setUp();
      let answer: ((bytes: Uint8Array) => void) | undefined;
      devices[1].answer = () => new Promise((resolve) => (answer = resolve));
      const [first, second] = [await open('7'), await open('8')];
      await second.write(text('SLOW?'), { end: true });
      const slow = readMessage(second);
      await expect.poll(() => answer).toBeDefined();
      const stop = new AbortController();
      const reading = first.read({ signal: stop.signal });
      const early = isAborted ? expect(reading).rejects.toMatchObject({ code: 'call.cancelled' }) : undefined;
      const writing = first.write(text('ECHO? one'), { end: true });
      answer?.(text('slow\n'));
      expect(show(await slow)).toBe('slow\n');
      if (isAborted) stop.abort();
      await writing;
      await early;
      expect(show(isAborted ? await readMessage(first) : (await reading).bytes)).toBe('ECHO? one');
      devices[1].answer = (message) => message;
      expect(await ask(second, 'ECHO? two')).toBe('ECHO? two');
    }
  });

  it('a message that waits is taken back: by its signal, by a device clear; nothing of it is ever sent', async () => {
    const { open, devices } = await setUp();
    let answer: ((bytes: Uint8Array) => void) | undefined;
    devices[1].answer = () => new Promise((resolve) => (answer = resolve));
    const [first, second] = [await open('7'), await open('8')];
    await second.write(text('SLOW?'), { end: true });
    const slow = readMessage(second);
    await expect.poll(() => answer).toBeDefined();
    const stop = new AbortController();
    let begun = 0;
    const onBegin = () => void begun++;
    const aborted = first.write(text('OUTP ON;*OPC?'), { end: true, signal: stop.signal, onBegin });
    stop.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'call.cancelled' });
    const cleared = [text('OUTP ON'), text('OUTP?')].map((message) =>
      expect(first.write(message, { end: true, onBegin })).rejects.toMatchObject({ code: 'transport.timeout' }),
    );
    const clearing = first.control?.clear?.(undefined, { onBegin });
    await Promise.all(cleared);
    expect(begun).toBe(0);
    answer?.(text('slow\n'));
    await slow;
    await clearing;
    expect(begun, 'the clear').toBe(1);
    expect(devices[0].counts.clears).toBe(1);
    expect(await ask(first, 'ECHO?')).toBe('ECHO?');
    expect(devices[0].received.map(show)).toEqual(['ECHO?']);
  });

  it('a device clear that waits goes first once it is in a hurry', async () => {
    const { open, devices } = await setUp();
    devices[1].answer = () => new Promise(() => {});
    const [first, second] = [await open('7'), await open('8')];
    await second.write(text('NEVER?'), { end: true });
    const cut = expect(second.read()).rejects.toMatchObject({ code: 'safety.refused' });
    const hurry = new AbortController();
    const clearing = first.control?.clear?.(undefined, { hurry: hurry.signal });
    hurry.abort();
    await clearing;
    await cut;
    expect(devices[0].counts.clears).toBe(1);
  });
});

describe('Outputs off', () => {
  const BIG = 16 * 1024 * 1024;

  for (const whileReading of ['wait', 'stop'] as const) {
    it(`cuts a transfer of another instrument short (commands during a read ${whileReading})`, async () => {
      const { open, devices, adapter } = await setUp({ knobs: { bytesPerSecond: 500_000, whileReading } });
      const supply = makeSupply(devices[0], 10);
      makeSupply(devices[1], BIG);
      const [first, second] = [await open('7'), await open('8')];
      await second.write(text('BIG?'), { end: true });
      await second.read();
      const reading = expect(
        (async () => {
          for (;;) await second.read();
        })(),
      ).rejects.toMatchObject({ code: 'safety.refused' });
      expect(await outputsOff(first)).toBe('0\n');
      expect(supply.isOn).toBe(false);
      await reading;
      expect(devices[1].counts.clears).toBe(1);
      expect(devices[0].counts.clears).toBe(0);
      // Both go on.
      adapter.knobs.bytesPerSecond = 0;
      devices[1].answer = (message) => message;
      expect(await ask(second, 'ECHO? on')).toBe('ECHO? on');
    });

    it(`cuts the transfer of the very instrument short (commands during a read ${whileReading})`, async () => {
      const { open, devices } = await setUp({ knobs: { bytesPerSecond: 500_000, whileReading } });
      const supply = makeSupply(devices[0], BIG);
      const transport = await open('7');
      await transport.write(text('BIG?'), { end: true });
      await transport.read();
      const reading = expect(
        (async () => {
          for (;;) await transport.read();
        })(),
      ).rejects.toMatchObject({ code: 'safety.refused' });
      const off = transport.write(text('OUTP OFF'), { end: true, isUrgent: true });
      await reading;
      await off;
      await transport.write(text('OUTP?'), { end: true, isUrgent: true });
      expect(show(await readMessage(transport))).toBe('0\n');
      expect(supply.isOn).toBe(false);
      expect(devices[0].counts.clears).toBe(1);
    });
  }

  it('goes before all that waits, and ends a wait for a silent instrument', async () => {
    const { open, devices } = await setUp();
    const supply = makeSupply(devices[0], 10);
    devices[1].answer = () => new Promise(() => {});
    const [first, second] = [await open('7'), await open('8')];
    await second.write(text('NEVER?'), { end: true });
    const reading = expect(second.read()).rejects.toMatchObject({ code: 'safety.refused' });
    const waiting = ask(await open('9::0'), 'ECHO? waits');
    expect(await outputsOff(first)).toBe('0\n');
    expect(supply.isOn).toBe(false);
    expect(devices[2].received).toHaveLength(0);
    await reading;
    expect(await waiting).toBe('ECHO? waits');
  });

  it('lets a short question of others come to its end', async () => {
    const { open, devices } = await setUp();
    makeSupply(devices[0], 10);
    const [first, second] = [await open('7'), await open('8')];
    const [answer] = await Promise.all([ask(second, 'ECHO? short'), outputsOff(first)]);
    expect(answer).toBe('ECHO? short');
    expect(devices[1].counts.clears).toBe(0);
  });

  it('throws a half sent message of another instrument away', async () => {
    const { open, devices } = await setUp({ knobs: { bytesPerSecond: 1_000_000 } });
    const supply = makeSupply(devices[0], 10);
    const [first, second] = [await open('7'), await open('8')];
    const upload = expect(second.write(new Uint8Array(16 * 1024 * 1024).fill(65), { end: true })).rejects.toMatchObject(
      { code: 'safety.refused' },
    );
    // The upload has the bus.
    await new Promise((resolve) => setImmediate(resolve));
    expect(await outputsOff(first)).toBe('0\n');
    expect(supply.isOn).toBe(false);
    await upload;
    expect(devices[1].received).toEqual([]);
    expect(devices[1].counts.clears).toBe(1);
  });

  it('does not wait for short messages that the line has taken and the adapter has not', async () => {
    const { open, devices } = await setUp({ knobs: { bytesPerSecond: 2000 } });
    const supply = makeSupply(devices[0], 10);
    const [first, second] = [await open('7'), await open('8')];
    for (let count = 0; count < 50; count++) await second.write(new Uint8Array(3900).fill(65), { end: true });
    expect(await outputsOff(first)).toBe('0\n');
    expect(supply.isOn).toBe(false);
    expect(devices[1].counts.clears).toBe(1);
  });

  it('does not wait for a short message the line has no room for', async () => {
    const { open, devices, adapter } = await setUp({ knobs: { bytesPerSecond: 2000 } });
    const supply = makeSupply(devices[0], 10);
    const [first, second] = [await open('7'), await open('8')];
    let sent = 0;
    const sending = expect(
      (async () => {
        for (;;) {
          await second.write(new Uint8Array(3900).fill(65), { end: true });
          sent++;
        }
      })(),
    ).rejects.toMatchObject({ code: 'safety.refused' });
    // Until the buffers of the system are full: nothing goes on, three times, though this process has had its turns.
    for (let before = -1, same = 0; same < 3; same = before === sent ? same + 1 : 0) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 100));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await outputsOff(first)).toBe('0\n');
    expect(supply.isOn).toBe(false);
    await sending;
    adapter.knobs.bytesPerSecond = 0;
    expect(await ask(second, 'ECHO? on')).toBe('ECHO? on');
  });
});

describe('the adapter', () => {
  it('that a new client takes over is seen as closed, in plain words', async () => {
    const { open, port, devices } = await setUp();
    const transport = await open('7');
    devices[0].answer = () => new Promise(() => {});
    await transport.write(text('NEVER?'), { end: true });
    const reading = expect(transport.read()).rejects.toMatchObject({
      code: 'transport.closed',
      message: expect.stringContaining('another one connected and took it over'),
    });
    const thief = net.connect({ port, host: '127.0.0.1' });
    await once(thief, 'connect');
    await reading;
    expect((await transport.closed).message).toContain('one program at a time');
    thief.destroy();
  });

  it('unplugged in the middle of a transfer ends all instruments behind it', async () => {
    const { open, unplug, devices } = await setUp({ knobs: { bytesPerSecond: 100_000 } });
    makeSupply(devices[0], 1024 * 1024);
    const [first, second] = [await open('7'), await open('8')];
    await first.write(text('BIG?'), { end: true });
    await first.read();
    await unplug();
    await expect(
      (async () => {
        for (;;) await first.read();
      })(),
    ).rejects.toMatchObject({ code: expect.stringMatching(/^transport\.(closed|failed)$/) });
    expect((await second.closed).code).toMatch(/^transport\.(closed|failed)$/);
    await expect(second.write(text('x'), { end: true })).rejects.toMatchObject({
      code: expect.stringMatching(/^transport\.(closed|failed)$/),
    });
  });

  it('that is none is refused, and one itself is no instrument', async () => {
    const server = net.createServer((socket) => socket.on('data', () => socket.write('HTTP/1.1 400\r\n')));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanups.push(() => server.close());
    const { port } = server.address() as net.AddressInfo;
    await expect(openTransport(`PRLGX-TCPIP0::127.0.0.1::${port}::7::INSTR`)).rejects.toMatchObject({
      code: 'instrument.silent',
    });
    await expect(openTransport('PRLGX-TCPIP0::127.0.0.1::INTFC')).rejects.toMatchObject({
      code: 'resource.unsupported',
      message: expect.stringContaining('PRLGX-TCPIP0::127.0.0.1::1234::7::INSTR'),
    });
  });

  it('tells its version and who answers a serial poll', async () => {
    const { port } = await setUp();
    const resource = parseResource(`PRLGX-TCPIP0::127.0.0.1::${port}::INTFC`);
    if (resource.kind !== 'prologix') throw new Error('no adapter');
    await using opened = await openAdapter(resource);
    expect(opened.version).toEqual({
      kind: 'prologix',
      text: 'Prologix GPIB-ETHERNET Controller version 01.06.06.00',
    });
    expect(await opened.listAddresses()).toEqual([7, 8]);
  });

  it('is set up without a write to its EEPROM', async () => {
    for (const personality of ['prologix', 'ar488'] as const) {
      const { open, adapter } = await setUp({ personality });
      await open('7');
      expect(adapter.eepromWrites).toBe(0);
      expect(adapter.settings).toMatchObject({ mode: 1, auto: 0, eoi: 1, eos: 3, eot_enable: 1, eot_char: EOT });
    }
  });

  it('is the board of its number from its first opening on, as long as no other adapter has that number', async () => {
    const { port } = await setUp();
    cleanups.push(() => forgetBoard(3));
    await (await openTransport(`PRLGX-TCPIP3::127.0.0.1::${port}::7::INSTR`))[Symbol.asyncDispose]();
    await using transport = await openTransport('GPIB3::8::INSTR');
    expect(transport.resource).toBe('GPIB3::8::INSTR');
    expect(await ask(transport, 'ECHO?')).toBe('ECHO?');
    const nowhere = { vendor: { library: '/nonexistent/libvisa.so' } };
    await expect(openTransport('GPIB4::8::INSTR', nowhere)).rejects.toMatchObject({
      code: 'resource.unsupported',
      message: expect.stringContaining('PRLGX-TCPIP4::192.168.1.80::8::INSTR'),
    });
    await expect(openTransport('GPIB3::INTFC')).rejects.toMatchObject({ code: 'resource.unsupported' });
    noteBoards(['TCPIP0::10.0.0.1::5025::SOCKET', 'PRLGX-TCPIP3::10.0.0.9::1234::4::INSTR']);
    await expect(openTransport('GPIB3::8::INSTR')).rejects.toMatchObject({
      code: 'resource.unsupported',
      message: expect.stringContaining('PRLGX-TCPIP3::10.0.0.9::1234::INTFC'),
    });
  });
});

it('faults reach nobody else', { timeout: REAL_TIMEOUT_MS }, async () => {
  await runMessageFaults({
    name: 'GPIB through a Prologix',
    seed: 700,
    async open(device) {
      const adapter = createPrologixAdapter({ instruments: [{ address: { primary: 7 }, device }] });
      const server = await openPrologixServer(0, adapter);
      return {
        open: () => openTransport(`PRLGX-TCPIP0::127.0.0.1::${server.port}::7::INSTR`),
        dispose: async () => void (await server[Symbol.asyncDispose]()),
      };
    },
  });
});

it('attached and detached 1,000 times, nothing is left', async () => {
  const { open, devices } = await setUp();
  for (let round = 0; round < 1000; round++) {
    const transport = await open(round % 2 ? '7' : '8');
    cleanups.pop();
    if (round % 10 === 0) expect(await ask(transport, 'ECHO?')).toBe('ECHO?');
    await transport[Symbol.asyncDispose]();
  }
  expect(openAdapters()).toBe(0);
  await expect.poll(() => devices[0].counts.open).toBe(0);
});
