import { readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SerialPort } from 'serialport';
import { afterEach, expect, test } from 'vitest';
import { ManualClock } from '../core/clock.ts';
import { openScopes } from '../core/scope.ts';
import { PacketDecoder } from '../protocol/packet-decoder.ts';
import type { BenchName, BenchOptions } from './bench/bench-options.ts';
import { type Bench, openBench } from './bench.ts';
import { rampCode } from './daq/signal.ts';
import type { LedgerEntry } from './ledger.ts';
import { ptyUnavailable } from './wire/pty-server.ts';

const opened: AsyncDisposable[] = [];

afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
  expect(openScopes()).toEqual([]);
});

async function open(options: BenchOptions = {}): Promise<Bench> {
  const bench = await openBench(options);
  opened.push(bench);
  return bench;
}

function resource(bench: Bench, name: BenchName, way = 0): string {
  return bench.instruments.find((one) => one.name === name)?.resources[way] ?? '';
}

interface Client extends AsyncDisposable {
  send(text: string): void;
  /** Resolves when the text so far satisfies the test. */
  until(test: (text: string) => boolean): Promise<string>;
  ask(text: string): Promise<string>;
  ended: Promise<void>;
  text(): string;
}

function client(
  source: { on(event: 'data', take: (bytes: Buffer) => void): unknown },
  send: (text: string) => void,
  ended: Promise<void>,
  close: () => void,
): Client {
  let text = '';
  let check: () => void = () => {};
  source.on('data', (bytes) => {
    text += bytes.toString('latin1');
    check();
  });
  const until = (done: (heard: string) => boolean): Promise<string> =>
    new Promise((resolve) => {
      check = () => {
        if (done(text)) resolve(text);
      };
      check();
    });
  return {
    send,
    until,
    ended,
    text: () => text,
    async ask(question) {
      text = '';
      send(question);
      return (await until((heard) => heard.endsWith('\n'))).trimEnd();
    },
    [Symbol.asyncDispose]: async () => close(),
  };
}

async function dial(visa: string): Promise<Client & { socket: Socket }> {
  const [, host = '', port] = visa.split('::');
  const socket = connect(Number(port), host);
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('connect', resolve));
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const made = client(
    socket,
    (text) => socket.write(text),
    ended,
    () => socket.destroy(),
  );
  opened.push(made);
  return Object.assign(made, { socket });
}

test('five instruments, each answers with the identity its row says', async () => {
  const bench = await open({ usePtys: false });
  expect(bench.instruments.map(({ name }) => name)).toEqual(['supply', 'meter', 'scope', 'load', 'daq']);
  for (const { idn, resources } of bench.instruments) {
    for (const visa of resources) expect(await (await dial(visa)).ask('*IDN?\n')).toBe(idn);
  }
  expect(bench.instruments.find(({ name }) => name === 'load')?.reason).toMatch(/switched off/);
});

test('switching the supply on moves everything', async () => {
  const bench = await open({ usePtys: false });
  const supply = await dial(resource(bench, 'supply'));
  const meter = await dial(resource(bench, 'meter'));
  await meter.ask('VOLT:NPLC 0.02;:VOLT:ZERO:AUTO 0;*OPC?\n');
  expect(Math.abs(Number(await meter.ask('READ?\r\n')))).toBeLessThan(0.01);
  supply.send(':APPL CH1,5,1;:OUTP CH1,ON\n');
  for (let volts = 0; volts < 4.8; ) volts = Number(await meter.ask('READ?\n'));
  expect(bench.circuit.advance().loadV).toBeGreaterThan(4.8);
});

test('a taken port is a clear error, and nothing stays open', async () => {
  const first = await open({ usePtys: false });
  const port = Number(resource(first, 'meter').split('::')[2]);
  await expect(openBench({ usePtys: false, ports: { meter: port } })).rejects.toMatchObject({
    code: 'simulator.failed',
  });
});

test('an endless line is thrown away, and the instrument goes on', async () => {
  const bench = await open({ usePtys: false });
  const supply = await dial(resource(bench, 'supply'));
  for (let i = 0; i < 20; i++) supply.send('x'.repeat(10_000));
  expect(await supply.ask('\n*IDN?\n')).toMatch(/^RIGOL/);
  expect(await supply.ask('SYST:ERR?\n')).toBe('-363,"Input buffer overrun"');
});

test.skipIf(ptyUnavailable() !== undefined)(
  'the serial line: a client after the other, at once, finds a clean line',
  async () => {
    const bench = await open();
    const path = resource(bench, 'load').replace(/^ASRL(.*)::INSTR$/, '$1');
    for (let round = 0; round < 3; round++) {
      const port = new SerialPort({ path, baudRate: 115_200 });
      await new Promise((resolve) => port.once('open', resolve));
      const terminal = client(
        port,
        (text) => port.write(text),
        Promise.resolve(),
        () => {},
      );
      expect(await terminal.ask('*IDN?\n')).toMatch(/^Siglent/);
      // Answers nobody reads, on the line when it closes.
      terminal.send('MEAS:VOLT?\nMEAS:VOLT?\n');
      await new Promise((resolve) => port.drain(resolve));
      await new Promise((resolve) => port.close(resolve));
    }
    const first = new SerialPort({ path, baudRate: 115_200 });
    await new Promise((resolve) => first.once('open', resolve));
    const holder = client(
      first,
      (text) => first.write(text),
      Promise.resolve(),
      () => {},
    );
    expect(await holder.ask('*IDN?\n')).toMatch(/^Siglent/);
    const second = new SerialPort({ path, baudRate: 115_200 });
    second.on('error', () => {});
    second.resume();
    second.write('*IDN?\n');
    await new Promise((resolve) => second.once('close', resolve));
    expect(await holder.ask('*IDN?\n')).toMatch(/^Siglent/);
    await new Promise((resolve) => first.close(resolve));
    const folder = path.slice(0, path.lastIndexOf('/'));
    await bench[Symbol.asyncDispose]();
    expect(() => readdirSync(folder)).toThrow();
  },
);

test.each(['supply', 'meter', 'scope', 'load', 'daq'] as const)(
  'the knobs reach the %s while it runs',
  async (name) => {
    const bench = await open({ usePtys: false });
    const line = await dial(resource(bench, name));
    const idn = await line.ask('*IDN?\n');
    bench.setFault(name, { kind: 'hang' });
    line.send('*IDN?\n');
    bench.setFault(name, { kind: null });
    await line.until((text) => text === `${idn}\n${idn}\n`);
    bench.setFault(name, { kind: 'disconnect', count: 1 });
    line.send(name === 'daq' ? 'STAR\n' : '*IDN?\n');
    await line.ended;
    expect(await (await dial(resource(bench, name))).ask('*IDN?\n')).toBe(idn);
  },
);

test('faults, one by one', async () => {
  const bench = await open({ usePtys: false });
  const meter = await dial(resource(bench, 'meter'));
  const idn = await meter.ask('*IDN?\n');

  bench.setFault('meter', { kind: 'split', count: 1 });
  expect(await meter.ask('*IDN?\n')).toBe(idn);

  bench.setFault('meter', { kind: 'drop', count: 1 });
  meter.send('FUNC?\n');
  expect(await meter.ask('*IDN?\n')).toBe(idn);

  bench.setFault('meter', { kind: 'wrong-order', count: 1 });
  meter.send('FUNC?\n');
  await meter.ask('*IDN?\n');
  expect(await meter.until((text) => text.split('\n').length === 3)).toBe(`${idn}\n"VOLT"\n`);

  bench.setFault('meter', { kind: 'garbage', count: 1 });
  meter.send('*IDN?\n');
  const noisy = await meter.until((text) => text.endsWith(`${idn}\n`) && text.length > 2 * idn.length);
  expect(noisy).toContain(idn);

  bench.setFault('meter', { kind: 'hang' });
  meter.send('FUNC?\n');
  bench.setFault('meter', { kind: null });
  await meter.until((text) => text.endsWith('"VOLT"\n'));

  bench.setFault('meter', { kind: 'disconnect', count: 1 });
  meter.send('*IDN?\n');
  await meter.ended;
  expect(await (await dial(resource(bench, 'meter'))).ask('*IDN?\n')).toBe(idn);

  expect(() => bench.setFault('toaster', { kind: null })).toThrow(/supply, meter/);
});

test('the same seed, the same noise', async () => {
  const readings = async (seed: number): Promise<string> => {
    await using bench = await openBench({ usePtys: false, seed });
    await using load = await dial(resource(bench, 'load'));
    return await load.ask('MEAS:VOLT?;:MEAS:VOLT?;:MEAS:VOLT?;:MEAS:CURR?\n');
  };
  const first = await readings(5);
  expect(await readings(5)).toBe(first);
  expect(await readings(6)).not.toBe(first);
});

test('the ledger holds what was sent, blocks too', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'labwire-test-'));
  const bench = await open({ usePtys: false, ledgerDir: folder });
  const scope = await dial(resource(bench, 'scope'));
  const tail = await scope.ask(':CHAN1:SCAL 2;:CHAN1:SCAL?\n');
  scope.send(':WAV:DATA?\n');
  await scope.until((text) => text.length >= 1212);
  await bench.flushLedger();
  const entries = (await readFile(join(folder, 'scope.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as LedgerEntry);
  expect(entries.map(({ query, fate }) => [query, fate])).toEqual([
    [':CHAN1:SCAL 2;:CHAN1:SCAL?', 'sent'],
    [':WAV:DATA?', 'sent'],
  ]);
  expect(entries[0]?.reply).toBe(tail);
  expect(Buffer.from(entries[1]?.block ?? '', 'base64').toString('latin1')).toBe(scope.text().slice(-1212));
  expect(BigInt(entries[0]?.at ?? 0)).toBeGreaterThan(1_600_000_000_000_000_000n);
  await rm(folder, { recursive: true });
});

test('real time: what does not fit into the send buffer is dropped, and the counter moves on', async () => {
  const clock = new ManualClock();
  const bench = await open({ usePtys: false, sendBufferBytes: 100_000, clock });
  const { socket } = await dial(resource(bench, 'daq'));
  const seen = { rows: 0, lost: 0 };
  const heard = new Map<string, () => void>();
  const hear = (word: string) => new Promise<void>((resolve) => heard.set(word, resolve));
  let made = 0;
  const decoder = new PacketDecoder({
    scales: Array.from({ length: 10 }, () => ({ scale: 1, offset: 0 })),
    sink: {
      rows(columns, rows, lost, firstRow) {
        seen.lost += lost;
        for (let row = 0; row < rows; row += 50) expect(columns[3]?.[row]).toBe(rampCode(firstRow + row, 3));
        seen.rows += rows;
      },
      reply: (text) => heard.get(text)?.(),
      ended(rows, lost) {
        made = rows;
        seen.lost += lost;
        heard.get('end')?.();
      },
    },
  });
  socket.on('data', (bytes) => decoder.push(bytes));
  const started = hear('1');
  socket.write(':RATE 1E6;:SIGN RAMP;:STAR;*OPC?\n');
  await started;
  // 40 MB with no turn of the event loop in between: what the system's buffers and ours do not hold is dropped.
  await clock.advance(2000);
  const ended = hear('end');
  socket.write('STOP\n');
  await ended;
  expect(made).toBe(2_000_000);
  expect(seen.rows).toBeGreaterThan(3000);
  expect(seen.lost).toBeGreaterThan(100_000);
  expect(seen.rows + seen.lost).toBe(2_000_000);
  expect(decoder.malformed).toBe(0);
});
