import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { BenchState } from '../src/contract/bench-schema.ts';
import { type Client, connect, greet } from '../src/contract/client.ts';
import { viewFrame } from '../src/contract/frame-read.ts';
import { createMemoryLinks } from '../src/contract/memory-link.ts';
import { RateMeter } from '../src/engine/acquisition/rate-meter.ts';
import { RegularStream } from '../src/engine/acquisition/regular-stream.ts';
import { SampleFan } from '../src/engine/acquisition/sample-fan.ts';
import { StreamRegistry } from '../src/engine/acquisition/stream-registry.ts';
import { openPacketReader } from '../src/engine/driver/stream-packet.ts';
import { openEngine } from '../src/engine/engine.ts';
import { History } from '../src/engine/history/history.ts';
import { openRecorder } from '../src/engine/recording/recorder.ts';
import { createSystemClock } from '../src/engine/system-clock.ts';
import { openTcp } from '../src/engine/transport/open-tcp.ts';
import { NodeServices } from '../src/headless/node-services.ts';
import { cobsBound, encodeCobs } from '../src/protocol/cobs.ts';
import { PACKET, PACKET_HEADER_BYTES, packetBytes, sealPacket, writePacketHeader } from '../src/protocol/packet.ts';
import { createRampSignal, rampCode } from '../src/simulator/daq/signal.ts';
import { type BenchRow, median, printBench } from './bench-table.ts';

/*
 * From the wire to batch, ring, pyramid and recording. First as fast as it goes: packets of 10 channels over a real TCP socket from another
 * process, through transport, packet reader, stream, history and recorder as the engine puts them together, against receiving the same bytes
 * and throwing them away. Then the whole engine on the simulated DAQ at 10 × 1 MS/s, recorded while a screen watches: what of a core it takes.
 */
const CHANNELS = 10;
const PACKET_ROWS = 816;
const PACKETS = 10_000;
const ROWS = PACKETS * PACKET_ROWS;
const PASSES = 3;
/** The recorder never waits; here the wire does, when so much waits for the disk. */
const DISK_QUEUE_BYTES = 16 << 20;
const SYNC_BYTES = 4 << 20;
const SECONDS = 10;
const root = process.env.LABWIRE_ROOT ?? process.cwd();

const SENDER = `
  const bytes = require('node:fs').readFileSync(process.argv[1]);
  require('node:net').createServer((socket) => {
    socket.on('error', () => {});
    socket.end(bytes);
  }).listen(0, '127.0.0.1', function () { process.send(this.address().port); });
`;

const clock = createSystemClock();
const folder = await mkdtemp(join(tmpdir(), 'labwire-ingest-'));
let sender: ChildProcess | undefined;

/** A run of the DAQ in packets; gives its length. */
async function writeRun(path: string): Promise<number> {
  const file = await open(path, 'wx');
  const signal = createRampSignal();
  const packet = new Uint8Array(packetBytes(CHANNELS, PACKET_ROWS));
  const view = new DataView(packet.buffer);
  const codes = new Int16Array(packet.buffer, 0, packet.length >> 1);
  const frame = new Uint8Array(cobsBound(packet.length) + 1);
  let bytes = 0;
  let parts: Uint8Array[] = [];
  for (let firstRow = 0; firstRow <= ROWS; firstRow += PACKET_ROWS) {
    const rows = firstRow < ROWS ? PACKET_ROWS : 0;
    const type = rows > 0 ? PACKET.data : PACKET.end;
    writePacketHeader(view, { type, channels: CHANNELS, rows, run: 1, firstRow });
    signal.fill(codes, PACKET_HEADER_BYTES / 2, firstRow, rows, CHANNELS);
    const length = sealPacket(packet, view, PACKET_HEADER_BYTES + CHANNELS * rows * 2);
    frame.fill(0);
    parts.push(frame.slice(0, encodeCobs(packet, length, frame) + 1));
    if (parts.length < 256 && rows > 0) continue;
    for (const part of parts) bytes += part.length;
    await file.writev(parts);
    parts = [];
  }
  await file.close();
  return bytes;
}

/** Seconds from connecting to the last byte. */
async function throwAway(port: number, bytes: number): Promise<number> {
  const start = performance.now();
  const socket = net.connect({ host: '127.0.0.1', port });
  let received = 0;
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  await once(socket, 'close');
  assert.equal(received, bytes);
  return (performance.now() - start) / 1000;
}

/** The recording's samples (Float32: twice the bytes of the wire) written by themselves, with the recorder's fdatasync each 4 MiB. */
async function writeSamples(): Promise<number> {
  const path = join(folder, 'samples.bin');
  const piece = Buffer.alloc(SYNC_BYTES, 1);
  const start = performance.now();
  const file = await open(path, 'wx');
  for (let left = ROWS * CHANNELS * 4; left > 0; left -= SYNC_BYTES) {
    await file.write(piece.subarray(0, Math.min(left, SYNC_BYTES)));
    await file.datasync();
  }
  await file.close();
  const seconds = (performance.now() - start) / 1000;
  await rm(path);
  return seconds;
}

/** The packet reader alone, from memory: COBS, CRC-32, scale. */
function decode(bytes: Uint8Array): number {
  const columns = Array.from({ length: CHANNELS }, (_, index) => ({ channel: `ai${index}`, unit: '', scale: 1 }));
  let rows = 0;
  const reader = openPacketReader({ columns, rateHz: 1e6 }, (piece) => {
    rows += piece.rows;
  });
  const start = performance.now();
  for (let at = 0; at < bytes.length; at += 65_536) reader.push(bytes.subarray(at, at + 65_536), 0n);
  assert.equal(rows, ROWS);
  return (performance.now() - start) / 1000;
}

/** The same, with everything in the ring, its pyramid and, if asked, in a finished recording. */
async function ingest(port: number, isRecorded: boolean): Promise<number> {
  const fan = new SampleFan();
  const history = new History();
  const registry = new StreamRegistry(fan, clock);
  fan.add(history);
  fan.add(new RateMeter(clock));
  const start = performance.now();
  const about = {
    appVersion: '0',
    clock: { source: '', offsetS: null, uncertaintyS: null },
    notes: '',
    operator: '',
    bench: '',
    instruments: [],
    channels: [],
  };
  const recorder = isRecorded ? await openRecorder({ folder, name: 'ingest', clock, about }) : undefined;
  if (recorder) fan.add(recorder, 'first');
  const columns = Array.from({ length: CHANNELS }, (_, index) => ({ channel: `ai${index}`, unit: '', scale: 1 }));
  const stream = new RegularStream(
    { registry, sink: fan, clock },
    { instrument: 'daq', stream: 'samples', columns, rateHz: 1e6, float64: false },
  );
  let lost = 0;
  const reader = openPacketReader({ columns, rateHz: 1e6 }, (rows) => {
    lost += rows.lost;
    stream.add(rows);
  });
  const transport = await openTcp({ host: '127.0.0.1', port, resource: `TCPIP0::127.0.0.1::${port}::SOCKET` });
  while (!reader.hasEnded) {
    const { bytes } = await transport.read();
    reader.push(bytes, clock.nowNs());
    while ((recorder?.stats.queueBytes ?? 0) > DISK_QUEUE_BYTES) await setImmediate();
  }
  stream.flush();
  const kept = history.stream(stream.info.id);
  stream[Symbol.dispose]();
  const result = await recorder?.stop('');
  const seconds = (performance.now() - start) / 1000;
  await transport[Symbol.asyncDispose]();
  assert.equal(lost, 0);
  assert.equal(reader.malformed, 0);
  assert.equal(kept?.endRow, ROWS);
  const last = kept?.ring.pageAt(ROWS - 1);
  for (let channel = 0; channel < CHANNELS; channel++)
    assert.equal(last?.columns[channel]?.[ROWS - 1 - last.firstRow], rampCode(ROWS - 1, channel));
  if (result) {
    assert.equal(result.stats.samples, ROWS * CHANNELS);
    for (const path of result.paths) await rm(path);
  }
  return seconds;
}

async function untilState(client: Client, check: (state: BenchState) => boolean): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const look = (): void => {
      client.call('bench.read', {}).then((state) => {
        if (!check(state)) return;
        stop();
        resolve();
      }, reject);
    };
    const stop = client.on('engine.pulse', look);
  });
}

/** Core used by the whole engine, 0…1, at 10 × 1 MS/s, recorded and watched; and what came. */
async function runEngine(): Promise<{ core: number; samplesPerSecond: number; sentBytes: number }> {
  await using host = new NodeServices(join(root, 'out/main/simulator.js'));
  const dataFolder = join(folder, 'data');
  await using engine = await openEngine({ dataFolder, host, version: '0', exportWorker: '' });
  const [ours, theirs] = createMemoryLinks(global.setImmediate);
  engine.serve(theirs, { rights: ['view', 'control', 'manage'] });
  using client = connect(ours);
  await greet(client, 'bench');
  const { instruments } = await client.call('bench.start', {});
  const resource = instruments.find(({ name }) => name === 'daq')?.resources[0] ?? '';
  for (const text of ['RATE 1000000', 'SIGN RAMP']) await client.call('resource.query', { resource, text });
  const { instrument } = await client.call('instrument.open', { resource });
  await untilState(client, ({ channels }) => channels.filter((channel) => channel.rateGotHz > 9e5).length === CHANNELS);
  let sentBytes = 0;
  client.onFrame((bytes) => {
    sentBytes += bytes.byteLength;
    client.tell('watch.seen', { frame: viewFrame(bytes).number });
  });
  const { channels } = await client.call('bench.read', {});
  const mode = { kind: 'columns', windowS: 10, width: 1200 } as const;
  await client.call('stream.watch', { channels: channels.map(({ id }) => id), mode });
  await client.call('recording.start', { name: 'cores' });
  const before = process.cpuUsage();
  const start = performance.now();
  sentBytes = 0;
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
  const used = process.cpuUsage(before);
  const seconds = (performance.now() - start) / 1000;
  const stopped = await client.call('recording.stop', {});
  await client.call('instrument.close', { instrument });
  assert.equal(stopped.lost, 0, 'rows were lost');
  return {
    core: (used.user + used.system) / 1e6 / seconds,
    samplesPerSecond: stopped.samples / seconds,
    sentBytes: sentBytes / seconds,
  };
}

try {
  const run = join(folder, 'run.bin');
  const bytes = await writeRun(run);
  sender = spawn(process.execPath, ['-e', SENDER, run], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [port] = (await once(sender, 'message')) as [number];
  const memory = await readFile(run);
  const passes: { away: number; decoded: number; written: number; live: number; recorded: number }[] = [];
  for (let pass = 0; pass <= PASSES; pass++) {
    const result = {
      away: await throwAway(port, bytes),
      decoded: decode(memory),
      written: await writeSamples(),
      live: await ingest(port, false),
      recorded: await ingest(port, true),
    };
    // The first pass warms up.
    if (pass > 0) passes.push(result);
  }
  sender.kill();
  await rm(run);
  const perSecond = (of: keyof (typeof passes)[number]): number => bytes / 1e6 / median(passes.map((pass) => pass[of]));
  const rows: BenchRow[] = [
    {
      what: 'wire to ring, pyramid and recording',
      unit: 'MB/s',
      us: perSecond('recorded'),
      peer: 'receiving the bytes and throwing them away',
      theirs: perSecond('away'),
      atLeast: 0.15,
    },
    {
      what: 'the same',
      unit: 'MB/s',
      us: perSecond('recorded'),
      peer: 'the packet reader alone, from memory',
      theirs: perSecond('decoded'),
    },
    {
      what: 'the same',
      unit: 'MB/s',
      us: perSecond('recorded'),
      peer: 'writing the samples alone, with fdatasync',
      theirs: perSecond('written'),
    },
    {
      what: 'the same without recording',
      unit: 'MB/s',
      us: perSecond('live'),
      peer: 'receiving the bytes and throwing them away',
      theirs: perSecond('away'),
    },
  ];
  const whole = await runEngine();
  assert.ok(whole.samplesPerSecond > 9.8e6, `only ${whole.samplesPerSecond} samples a second`);
  rows.push({
    what: 'whole engine at 10 × 1 MS/s, recorded, watched',
    unit: '% of a core',
    us: whole.core * 100,
    peer: 'one core',
    theirs: 100,
    atMost: 0.6,
  });
  const isMet = printBench(
    `ingest: ${(bytes / 1e6).toFixed(0)} MB of packets, median of ${PASSES} passes; then ${SECONDS} s live`,
    rows,
  );
  process.exitCode = isMet ? 0 : 1;
} finally {
  sender?.kill();
  await rm(folder, { recursive: true, force: true });
}
