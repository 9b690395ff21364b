import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ReadlineParser, SerialPort } from 'serialport';
import { cobsBound, encodeCobs } from '../src/protocol/cobs.ts';
import { PACKET, PACKET_HEADER_BYTES, packetBytes, sealPacket, writePacketHeader } from '../src/protocol/packet.ts';
import { PacketDecoder } from '../src/protocol/packet-decoder.ts';
import { TextLineDecoder } from '../src/protocol/text-line-decoder.ts';
import { Random } from '../src/simulator/random.ts';
import { type BenchRow, median, printBench } from './bench-table.ts';

/*
 * Text lines of 8 values and COBS packets of 10 channels into columns: from memory in chunks of 64 KiB, and lines over a pseudo-terminal with
 * serialport. Against split + parseFloat, JSON.parse, ReadlineParser and against receiving the bytes and throwing them away. Every value is
 * compared bit by bit with Number().
 */
const FIELDS = 8;
const LINES = 100_000;
const CHUNK_BYTES = 65_536;
const PASSES = 5;
const PTY_PASSES = 3;
const PACKET_ROWS = 800;
const PACKETS = 500;
const CHANNELS = 10;

const random = new Random(1);
const lines = Array.from({ length: LINES }, () =>
  Array.from({ length: FIELDS }, (_, field) => (random.gaussian() * 10 ** (field % 4)).toFixed(3 + (field % 3))).join(
    ',',
  ),
);
const text = new TextEncoder().encode(`${lines.join('\n')}\n`);
const truth = lines.map((line) => line.split(',').map(Number));

function eachChunk(bytes: Uint8Array, push: (chunk: Uint8Array) => void): void {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) push(bytes.subarray(at, at + CHUNK_BYTES));
}

/** Columns that keep everything, as a history does. */
function createColumns(): Float64Array[] {
  return Array.from({ length: FIELDS }, () => new Float64Array(LINES));
}

function createOurs(columns: Float64Array[], done?: () => void): TextLineDecoder {
  let row = 0;
  return new TextLineDecoder({
    dropsFirst: false,
    sink: {
      rows(from, rows) {
        for (const [index, column] of from.entries()) columns[index]?.set(column, row);
        row += rows;
        if (row === LINES) done?.();
      },
    },
  });
}

function checkColumns(columns: Float64Array[]): void {
  for (const [row, values] of truth.entries()) {
    for (const [field, value] of values.entries())
      assert.ok(Object.is(columns[field]?.[row], value), `row ${row} field ${field}`);
  }
}

/** Splits chunks into lines as text, as line readers do. */
function createLineReader(take: (line: string, row: number) => void): (chunk: Uint8Array) => void {
  const decoder = new TextDecoder('latin1');
  let rest = '';
  let row = 0;
  return (chunk) => {
    const parts = (rest + decoder.decode(chunk)).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) take(line, row++);
  };
}

const METHODS: Record<string, (columns: Float64Array[]) => (chunk: Uint8Array) => void> = {
  ours: (columns) => {
    const decoder = createOurs(columns);
    return (chunk) => decoder.push(chunk);
  },
  split: (columns) =>
    createLineReader((line, row) => {
      const values = line.split(',');
      for (let field = 0; field < FIELDS; field++) columns[field]![row] = Number.parseFloat(values[field]!);
    }),
  json: (columns) =>
    createLineReader((line, row) => {
      const values = JSON.parse(`[${line}]`) as number[];
      for (let field = 0; field < FIELDS; field++) columns[field]![row] = values[field]!;
    }),
  scan: () => {
    let found = 0;
    return (chunk) => {
      for (let i = 0; i < chunk.length; i++) if (chunk[i] === 10) found++;
      scanned = found;
    };
  },
};
let scanned = 0;

/** ns a value, median of the passes; all methods by turns. */
function timeMethods(): Record<string, number> {
  const times: Record<string, number[]> = Object.fromEntries(Object.keys(METHODS).map((name) => [name, []]));
  for (let pass = 0; pass <= PASSES; pass++) {
    for (const [name, create] of Object.entries(METHODS)) {
      const columns = createColumns();
      const push = create(columns);
      const start = performance.now();
      eachChunk(text, push);
      const ns = ((performance.now() - start) * 1e6) / (LINES * FIELDS);
      if (name === 'scan') assert.equal(scanned, LINES);
      else checkColumns(columns);
      // The first pass warms up.
      if (pass > 0) times[name]?.push(ns);
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, list]) => [name, median(list)]));
}

/** Million samples a second through COBS, CRC and scaling. */
function timePackets(): { ours: number; receive: number } {
  const parts: Uint8Array[] = [];
  for (let index = 0; index < PACKETS; index++) {
    const packet = new Uint8Array(packetBytes(CHANNELS, PACKET_ROWS));
    const view = new DataView(packet.buffer);
    const firstRow = index * PACKET_ROWS;
    writePacketHeader(view, { type: PACKET.data, channels: CHANNELS, rows: PACKET_ROWS, run: 1, firstRow });
    for (let code = 0; code < CHANNELS * PACKET_ROWS; code++) {
      view.setInt16(PACKET_HEADER_BYTES + code * 2, Math.round(random.gaussian() * 300 + 1000 * (code % 3)), true);
    }
    const length = sealPacket(packet, view, packet.length - 4);
    const frame = new Uint8Array(cobsBound(length) + 1);
    parts.push(frame.subarray(0, encodeCobs(packet, length, frame) + 1));
  }
  const bytes = Buffer.concat(parts);
  const times: number[] = [];
  const receives: number[] = [];
  for (let pass = 0; pass <= PASSES; pass++) {
    let rows = 0;
    const decoder = new PacketDecoder({
      scales: Array.from({ length: CHANNELS }, (_, index) => ({ scale: 0.001 * (index + 1), offset: 0 })),
      sink: {
        rows(_columns, count, lost) {
          assert.equal(lost, 0);
          rows += count;
        },
        reply: () => assert.fail('no reply was sent'),
        ended: () => assert.fail('no end was sent'),
      },
    });
    const start = performance.now();
    eachChunk(bytes, (chunk) => decoder.push(chunk));
    const seconds = (performance.now() - start) / 1000;
    assert.equal(rows, PACKETS * PACKET_ROWS);
    assert.equal(decoder.malformed, 0);
    const copy = new Uint8Array(CHUNK_BYTES);
    const copyStart = performance.now();
    eachChunk(bytes, (chunk) => copy.set(chunk));
    const copySeconds = (performance.now() - copyStart) / 1000;
    if (pass === 0) continue;
    times.push((PACKETS * PACKET_ROWS * CHANNELS) / seconds / 1e6);
    receives.push((PACKETS * PACKET_ROWS * CHANNELS) / copySeconds / 1e6);
  }
  return { ours: median(times), receive: median(receives) };
}

/** MB/s over a pseudo-terminal: `attach` hangs a receiver on the port and resolves when it has everything. */
async function timePty(folder: string, file: string, attach: (port: SerialPort) => Promise<void>): Promise<number> {
  const [near, far] = [join(folder, 'near'), join(folder, 'far')];
  const socat: ChildProcess = spawn('socat', [`pty,raw,echo=0,link=${near}`, `pty,raw,echo=0,link=${far}`], {
    stdio: 'ignore',
  });
  while (!existsSync(near) || !existsSync(far)) await sleep(10);
  const port = new SerialPort({ path: near, baudRate: 115_200 });
  await new Promise((resolve) => port.once('open', resolve));
  const received = attach(port);
  const start = performance.now();
  // Another process writes, so that only receiving costs this one.
  const sender = spawn('sh', ['-c', 'exec cat "$1" > "$2"', 'sh', file, far], { stdio: 'ignore' });
  await received;
  const seconds = (performance.now() - start) / 1000;
  await new Promise((resolve) => port.close(resolve));
  sender.kill();
  socat.kill();
  await new Promise((resolve) => socat.once('exit', resolve));
  return text.length / seconds / 1e6;
}

const RECEIVERS: Record<string, (port: SerialPort) => Promise<void>> = {
  raw: (port) =>
    new Promise((resolve) => {
      let left = text.length;
      port.on('data', (chunk: Buffer) => {
        left -= chunk.length;
        if (left === 0) resolve();
      });
    }),
  ours: async (port) => {
    const columns = createColumns();
    await new Promise<void>((resolve) => {
      const decoder = createOurs(columns, resolve);
      port.on('data', (chunk: Buffer) => decoder.push(chunk));
    });
    checked.push(columns);
  },
  readline: async (port) => {
    const columns = createColumns();
    await new Promise<void>((resolve) => {
      let row = 0;
      port.pipe(new ReadlineParser({ delimiter: '\n' })).on('data', (line: string) => {
        const values = line.split(',');
        for (let field = 0; field < FIELDS; field++) columns[field]![row] = Number.parseFloat(values[field]!);
        if (++row === LINES) resolve();
      });
    });
    checked.push(columns);
  },
};
const checked: Float64Array[][] = [];

async function timeTerminals(): Promise<Record<string, number>> {
  const folder = await mkdtemp(join(tmpdir(), 'labwire-bench-parse-'));
  try {
    const file = join(folder, 'lines.txt');
    await writeFile(file, text);
    const rates: Record<string, number[]> = Object.fromEntries(Object.keys(RECEIVERS).map((name) => [name, []]));
    for (let pass = 0; pass < PTY_PASSES; pass++) {
      for (const [name, attach] of Object.entries(RECEIVERS)) rates[name]?.push(await timePty(folder, file, attach));
    }
    for (const columns of checked) checkColumns(columns);
    return Object.fromEntries(Object.entries(rates).map(([name, list]) => [name, median(list)]));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const hasSocat = (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, 'socat')));
const lineNs = timeMethods();
const packets = timePackets();
const us = (name: string): number => lineNs[name] ?? Number.NaN;
const rows: BenchRow[] = [
  {
    what: 'lines, 8 values: values a second',
    unit: 'M/s',
    us: 1000 / us('ours'),
    peer: 'split + parseFloat',
    theirs: 1000 / us('split'),
    atLeast: 3.5,
  },
  { what: 'the same', unit: 'M/s', us: 1000 / us('ours'), peer: 'JSON.parse of the line', theirs: 1000 / us('json') },
  { what: 'the same', unit: 'M/s', us: 1000 / us('ours'), peer: 'looking at each byte', theirs: 1000 / us('scan') },
  {
    what: 'packets: COBS, CRC-32, scale',
    unit: 'MS/s',
    us: packets.ours,
    peer: 'goal of 40 MS/s (25 % of a core at 10 × 1 MS/s)',
    theirs: 40,
    atLeast: 1,
  },
  { what: 'the same', unit: 'MS/s', us: packets.ours, peer: 'copying the bytes', theirs: packets.receive },
];
if (hasSocat) {
  const rates = await timeTerminals();
  const ours = rates.ours ?? Number.NaN;
  rows.push(
    {
      what: 'lines over a pseudo-terminal',
      unit: 'MB/s',
      us: ours,
      peer: 'serialport, bytes thrown away',
      theirs: rates.raw ?? Number.NaN,
      atLeast: 0.7,
    },
    { what: 'the same', unit: 'MB/s', us: ours, peer: 'ReadlineParser + split', theirs: rates.readline ?? Number.NaN },
  );
} else {
  console.log('parse: no socat here, so nothing was measured over a pseudo-terminal (Debian: apt install socat)');
}
const isMet = printBench(
  `parse: ${LINES} lines and ${PACKETS} packets, median of ${PASSES} passes, bit-equal to Number()`,
  rows,
);
process.exitCode = isMet ? 0 : 1;
