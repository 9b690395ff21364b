import dgram from 'node:dgram';
import { afterAll, describe, expect, it } from 'vitest';
import type { AttachOptions } from '../../contract/discovery-schema.ts';
import { openScopes } from '../../core/scope.ts';
import { openSession } from '../session/open-session.ts';
import { createSystemClock } from '../system-clock.ts';
import { createMemoryWire } from '../transport/memory-transport.ts';
import { openTransport } from '../transport/open-transport.ts';
import { DeviceClock } from './arrival-times.ts';
import { channelNames } from './channel-name.ts';
import type { Driver, StreamOutlet } from './driver.ts';
import { familyNamed } from './driver-table.ts';

afterAll(() => expect(openScopes()).toEqual([]));

/** Everything a driver reported, and a promise for what is awaited. */
function collector(): {
  outlet: StreamOutlet;
  opened: string[];
  rows: [stream: string, ...values: number[]][];
  bad: () => number;
  until: (rows: number) => Promise<void>;
} {
  const opened: string[] = [];
  const rows: [string, ...number[]][] = [];
  let bad = 0;
  let wanted = { count: Number.POSITIVE_INFINITY, done: (): void => {} };
  const outlet: StreamOutlet = {
    opened: ({ stream, columns }) =>
      opened.push(`${stream}: ${columns.map(({ channel, unit }) => channel + (unit && ` ${unit}`)).join(', ')}`),
    rows: ({ stream = '', columns, rows: count }) => {
      for (let row = 0; row < count; row++) rows.push([stream, ...columns.map((column) => column[row] as number)]);
      if (rows.length >= wanted.count) wanted.done();
    },
    gap: () => undefined,
    silent: () => undefined,
    malformed: (count) => {
      bad = count;
    },
  };
  const until = (count: number): Promise<void> =>
    new Promise((done) => {
      if (rows.length >= count) done();
      else wanted = { count, done };
    });
  return { outlet, opened, rows, bad: () => bad, until };
}

async function onMemory(options: AttachOptions) {
  const clock = createSystemClock();
  const { transport, device } = createMemoryWire({ clock });
  const session = await openSession({ clock, open: async () => transport });
  const heard: string[] = [];
  device.onBytes((bytes) => heard.push(Buffer.from(bytes).toString('latin1')));
  const family = familyNamed(options.as ?? '');
  const identity = { maker: '', model: '', serial: '', firmware: '' };
  const driver: Driver = await family
    .open({ session, clock, identity, options, report: () => {} })
    .catch(async (error: unknown) => {
      await session[Symbol.asyncDispose]();
      throw error;
    });
  const stop = new AbortController();
  const seen = collector();
  const running = driver.stream?.(seen.outlet, stop.signal);
  return {
    ...seen,
    driver,
    device,
    heard,
    send: (text: string) => device.send(Buffer.from(text, 'latin1')),
    async close() {
      stop.abort();
      await running;
      await driver[Symbol.asyncDispose]();
      await session[Symbol.asyncDispose]();
    },
  };
}

describe('devices that talk by themselves', () => {
  it('Arduino: labels name the channels, half a first line is dropped, overload is overload', async () => {
    const bench = await onMemory({ as: 'arduino-lines', stream: { units: ['V', 'A'] } });
    await bench.send('34,garbage\r\nvolts:1.5 amps:0.25\r\nvolts:2 am');
    await bench.send('ps:9.9e37\r\nvolts:oops amps:1\r\n');
    await bench.until(2);
    expect(bench.opened).toEqual(['lines: volts V, amps A']);
    expect(bench.rows).toEqual([
      ['lines', 1.5, 0.25],
      ['lines', 2, Number.POSITIVE_INFINITY],
    ]);
    await bench.send('volts:3 amps:1\r\n');
    await bench.until(3);
    expect(bench.bad()).toBe(1);
    await bench.close();
  });

  it('CSV: a header names the channels; another form after a new upload begins a new stream', async () => {
    const bench = await onMemory({ as: 'csv-lines' });
    await bench.send('x\ntime,temp (C)\n1,20.5\n');
    await bench.until(1);
    expect(bench.opened).toEqual(['lines: time, temp_C']);
    await bench.send('1;2;3\n'.repeat(25));
    await bench.send('1;2;3\n'.repeat(5));
    await bench.until(2);
    expect(bench.opened[1]).toBe('lines: ch1, ch2, ch3');
    await bench.close();
  });

  it('Serial Studio: frames with marks and checksum, names and units of the person', async () => {
    const stream = { mode: 'end', end: '\\r\\n', checksum: 'crc-16', columns: ['temp', 'hum'], units: ['degC', '%'] };
    const bench = await onMemory({ as: 'serial-studio', stream });
    // The sums were worked out by another program (crcmod, "crc-16").
    const frame = (text: string, sum: number[]): Uint8Array =>
      Buffer.concat([Buffer.from(`${text}\r\n`), Buffer.from(sum)]);
    await bench.device.send(frame('half', [0, 0]));
    await bench.device.send(frame('123456789', [0xbb, 0x3d]));
    await bench.until(1);
    await bench.close();
    expect(bench.rows).toEqual([['frames', 123456789]]);
  });

  it('a format that cannot be used is refused, with the field', async () => {
    await expect(onMemory({ as: 'serial-studio', stream: { mode: 'both' } })).rejects.toMatchObject({
      code: 'call.invalid',
      message: expect.stringContaining('mode'),
    });
  });

  it('a person may send beside the stream, and stop and start it', async () => {
    const bench = await onMemory({ as: 'arduino-lines' });
    await bench.send('\n1\n');
    await bench.until(1);
    await bench.driver.send?.('led on', {});
    expect(bench.heard).toEqual(['led on\n']);
    expect(await bench.driver.setControl('running', false, new AbortController().signal)).toEqual({ running: false });
    expect(await bench.driver.setControl('running', true, new AbortController().signal)).toEqual({ running: true });
    // It talks on; what it says while the wire changes hands is nobody's.
    let hasCome = false;
    const come = bench.until(2).then(() => {
      hasCome = true;
    });
    while (!hasCome) {
      await bench.send('2\n3\n');
      await new Promise((resolve) => setImmediate(resolve));
    }
    await come;
    await bench.close();
  });

  it('Teleplot over UDP: a stream for each variable, times of the device kept', async () => {
    const probe = dgram.createSocket('udp4');
    await new Promise<void>((resolve) => probe.bind(0, '127.0.0.1', resolve));
    const { port } = probe.address();
    await new Promise<void>((resolve) => probe.close(() => resolve()));
    const resource = `UDP0::127.0.0.1::${port}::SOCKET`;
    const clock = createSystemClock();
    const session = await openSession({ clock, resource });
    await expect(openTransport(resource)).rejects.toMatchObject({ code: 'transport.busy' });
    const identity = { maker: '', model: 'Teleplot', serial: '', firmware: '' };
    const driver = await familyNamed('teleplot').open({ session, clock, identity, report: () => {} });
    const stop = new AbortController();
    const seen = collector();
    const running = driver.stream?.(seen.outlet, stop.signal);
    const sender = dgram.createSocket('udp4');
    const send = (text: string): Promise<unknown> =>
      new Promise((resolve) => sender.send(text, port, '127.0.0.1', resolve));
    // Without a line end, as the README's one-liner sends it.
    await send('motor:1000:1;1500:2§rpm');
    await send('motor:2000:3\nvolts:5\n');
    await seen.until(4);
    expect(seen.opened).toEqual(['motor: motor rpm', 'volts: volts']);
    expect(seen.rows).toEqual([
      ['motor', 1],
      ['motor', 2],
      ['motor', 3],
      ['volts', 5],
    ]);
    stop.abort();
    await running;
    sender.close();
    await session[Symbol.asyncDispose]();
  });
});

describe('time of stamped values', () => {
  it('follows the quickest way, and begins anew when the device does', () => {
    const clock = new DeviceClock();
    const at = (ms: number): bigint => BigInt(ms) * 1_000_000n;
    expect(clock.timeS(100, at(10_100))).toBe(0);
    expect(clock.timeS(200, at(10_250))).toBeCloseTo(-0.05, 9);
    expect(clock.timeS(300, at(10_290))).toBe(0);
    expect(clock.timeS(400, at(10_400))).toBeCloseTo(-0.01, 9);
    // Restarted: its clock is back at zero.
    expect(clock.timeS(0, at(20_000))).toBe(0);
    // Held up for three seconds: that old.
    expect(clock.timeS(1000, at(24_000))).toBe(-3);
  });

  it('makes channel names of anything', () => {
    expect(channelNames(['temp (°C)', '', '1st', 'temp (°C)', 'ch2'])).toEqual([
      'temp_C',
      'ch2',
      'st',
      'temp_C-2',
      'ch2-2',
    ]);
  });
});
