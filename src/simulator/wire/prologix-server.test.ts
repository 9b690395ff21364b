import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createTestDevice, type TestDevice } from '../../../test/conformance/test-device.ts';
import {
  createPrologixAdapter,
  openPrologixServer,
  type PrologixAdapter,
  type PrologixOptions,
} from './prologix-server.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Host {
  send(text: string): void;
  /** Reads until what came ends with this; gives all that came. */
  until(end: string): Promise<string>;
  readonly ended: Promise<unknown>;
}

async function setUp(
  options: Partial<PrologixOptions> = {},
): Promise<{ adapter: PrologixAdapter; device: TestDevice; other: TestDevice; connect: () => Promise<Host> }> {
  const device = createTestDevice();
  const other = createTestDevice();
  const adapter = createPrologixAdapter({
    instruments: [
      { address: { primary: 7 }, device },
      { address: { primary: 9, secondary: 0 }, device: other },
    ],
    ...options,
  });
  const server = await openPrologixServer(0, adapter);
  cleanups.push(() => server[Symbol.asyncDispose]());
  const connect = async (): Promise<Host> => {
    const socket = net.connect({ port: server.port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    cleanups.push(() => socket.destroy());
    let text = '';
    let look = (): void => {};
    socket.setEncoding('latin1').on('data', (chunk) => {
      text += chunk;
      look();
    });
    socket.on('error', () => {});
    return {
      send: (line) => void socket.write(line, 'latin1'),
      until: (end) =>
        new Promise((resolve) => {
          look = () => {
            if (!text.endsWith(end)) return;
            const all = text;
            text = '';
            look = () => {};
            resolve(all);
          };
          look();
        }),
      ended: once(socket, 'close'),
    };
  };
  return { adapter, device, other, connect };
}

describe('the adapter alone', () => {
  it('answers as a GPIB-ETHERNET was measured to', async () => {
    const { connect } = await setUp();
    const host = await connect();
    const says: [string, string][] = [
      ['++ver', 'Prologix GPIB-ETHERNET Controller version 01.06.06.00\r\n'],
      ['++addr', '4\r\n'],
      ['++auto', '0\r\n'],
      ['++mode', '1\r\n'],
      ['++read_tmo_ms', '200\r\n'],
      ['++eos', '3\r\n'],
      ['++eoi', '1\r\n'],
      ['++eot_enable', '0\r\n'],
      ['++eot_char', '0\r\n'],
      ['++savecfg', '1\r\n'],
      ['++srq', '0\r\n'],
    ];
    for (const [command, answer] of says) {
      host.send(`${command}\n`);
      expect(await host.until('\r\n'), command).toBe(answer);
    }
    for (const bad of [
      '++VER',
      '++',
      '++lon',
      '++status',
      '++default',
      '++addr 31',
      '++addr abc',
      '++addr -1',
      '++addr 7 95',
      '++read_tmo_ms 0',
      '++read_tmo_ms 3001',
      '++eos 9',
      '++spoll 99',
      '++ver\x1b\n++ver',
    ]) {
      host.send(`${bad}\n`);
      expect(await host.until('\r\n'), bad).toBe('Unrecognized command\r\n');
    }
  });

  it('settings are silent, commands run in order, and split or joined packets are all the same', async () => {
    const { connect, adapter } = await setUp();
    const host = await connect();
    host.send('++addr 9 96\n++read_tmo_ms 3000\r\n\n\n++eot_char 42\n++ad');
    host.send('dr\n++eot_char\n');
    expect(await host.until('42\r\n')).toBe('9 96\r\n42\r\n');
    // savecfg is 1: each setting was written to the EEPROM.
    expect(adapter.eepromWrites).toBe(2);
  });

  it('a new host evicts the old one, and finds the settings as they were', async () => {
    const { connect } = await setUp();
    const first = await connect();
    first.send('++addr 12\n++addr\n');
    expect(await first.until('\r\n')).toBe('12\r\n');
    const second = await connect();
    await first.ended;
    second.send('++addr\n');
    expect(await second.until('\r\n')).toBe('12\r\n');
  });

  it('++rst starts anew and ends the connection', async () => {
    const { connect, adapter } = await setUp();
    const host = await connect();
    host.send('++eos 0\n++rst\n');
    await host.ended;
    expect(adapter.settings.eos).toBe(3);
  });
});

describe('instruments on its bus', () => {
  it('++read eoi, ++read CHAR, the end byte, ++auto, ++eos', async () => {
    const { connect, device } = await setUp();
    const host = await connect();
    device.answer = () => Buffer.from('KEITHLEY,2010,1,A\n');
    host.send('++addr 7\n*IDN?\n++read eoi\n');
    expect(await host.until('\n')).toBe('KEITHLEY,2010,1,A\n');
    host.send('++eot_enable 1\n++eot_char 35\n*IDN?\n++read\n');
    expect(await host.until('#')).toBe('KEITHLEY,2010,1,A\n#');
    host.send('*IDN?\n++read 44\n++ver\n');
    expect(await host.until('00\r\n')).toBe('KEITHLEY,Prologix GPIB-ETHERNET Controller version 01.06.06.00\r\n');
    host.send('++clr\n++auto 1\n*IDN?\n');
    expect(await host.until('#')).toBe('KEITHLEY,2010,1,A\n#');
    host.send('++auto 0\n++eos 0\nX\x1b+\n++ver\n');
    await host.until('00\r\n');
    // CR LF behind the data: the exchange takes them for the terminator.
    expect(Buffer.from(device.received.at(-1) ?? []).toString()).toBe('X+');
    expect(device.counts.clears).toBe(1);
  });

  it('secondary addresses, trigger, local, poll and SRQ', async () => {
    const { connect, other, device } = await setUp();
    const host = await connect();
    other.serviceRequestEnable = 0x20;
    other.setStatus(0x20);
    host.send('++addr 9 96\n++trg\n++trg 7\n++loc\n++llo\n++srq\n++spoll\n++srq\n++spoll 9 96\n');
    expect(await host.until('0\r\n32\r\n')).toBe('1\r\n96\r\n0\r\n32\r\n');
    expect([other.counts.triggers, device.counts.triggers]).toEqual([1, 1]);
    expect(other.remote).toEqual(['local', 'lockout']);
  });

  it('nobody at the address: silence, to reads and to polls', async () => {
    const { connect } = await setUp();
    const host = await connect();
    host.send('++read_tmo_ms 1\n++addr 20\n*IDN?\n++read eoi\n++spoll\n++ver\n');
    expect(await host.until('\r\n')).toMatch(/^Prologix/);
  });

  it('a command that comes during a read waits, or ends it', async () => {
    const { connect, device, adapter } = await setUp({ knobs: { bytesPerSecond: 2000 } });
    const host = await connect();
    device.answer = () => Buffer.from('x'.repeat(100));
    host.send('++addr 7\n++eot_enable 1\n++eot_char 35\nX?\n++read eoi\n++addr\n');
    expect(await host.until('7\r\n')).toBe(`${'x'.repeat(100)}#7\r\n`);
    adapter.knobs.whileReading = 'stop';
    adapter.knobs.bytesPerSecond = 50;
    host.send('X?\n++read eoi\n');
    await host.until('x');
    host.send('++addr\n');
    expect(await host.until('7\r\n')).toMatch(/^x{0,10}7\r\n$/);
  });

  it('an AR488: its name, its numbers for end bytes, its EEPROM', async () => {
    const { connect, device, adapter } = await setUp({ personality: 'ar488' });
    const host = await connect();
    device.answer = () => Buffer.from('1.5\n');
    host.send('++ver\n');
    expect(await host.until('\r\n')).toMatch(/^AR488 GPIB controller/);
    host.send('++savecfg 0\n++read_tmo_ms 32000\n++eot_char 158\n++eot_enable 1\n++addr 7\nX?\n++read eoi\n');
    expect(await host.until('158')).toBe('1.5\n158');
    expect(adapter.eepromWrites).toBe(1);
  });

  it('an AR488 that has just been opened hears nothing and says boot noise', async () => {
    const { connect } = await setUp({ personality: 'ar488', bootMs: 20 });
    const host = await connect();
    host.send('++ver\n');
    expect(await host.until('\xff')).toBe('\xf0\x00~\r\n\xff');
  });
});
