import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type WebSocket as Socket, WebSocket, WebSocketServer } from 'ws';
import { viewFrame } from '../src/contract/frame-read.ts';
import { encodeFrame } from '../src/contract/frame-write.ts';
import { createSocketLink, openSocketLink } from '../src/contract/socket-link.ts';
import { type Batch, createBatch } from '../src/core/batch.ts';
import { ManualClock } from '../src/core/clock.ts';
import { rowsPerColumn } from '../src/core/decimate.ts';
import { History } from '../src/engine/history/history.ts';
import { SyntheticStream } from '../src/engine/history/synthetic-stream.ts';
import { createWatchHub } from '../src/engine/history/watch-hub.ts';
import { ColumnSet } from '../src/renderer/plot/column-set.ts';
import { heldColumns } from '../test/fixtures/held-columns.ts';
import { type BenchRow, median, printBench } from './bench-table.ts';

/*
 * Batches over a WebSocket between two processes: encoded into frames, sent over the link of the contract, viewed at the other end, against
 * the same count of messages of the same size over bare `ws`. Then what live columns cost: bytes sent to a screen (10 s window, 1,200 px)
 * against bytes taken in, with the columns compared with the samples.
 */
const MESSAGES = 1500;
const PASSES = 7;
const CHANNELS = 8;
const ROWS = 8192;
/** What a sender lets wait in its socket. */
const PENDING_BYTES = 8 << 20;

function makeBatch(index: number): Batch {
  const batch = createBatch({
    stream: 1,
    rows: ROWS,
    channels: CHANNELS,
    flags: 0,
    seq: index * ROWS,
    lost: 0,
    t0Ns: 0n,
    arrivedNs: 0n,
    dtS: 1e-6,
    xOriginS: 0,
  });
  for (const column of batch.columns) for (let row = 0; row < ROWS; row++) column[row] = index + row;
  return batch;
}

function encode(batch: Batch, number: number): ArrayBuffer {
  const channels = batch.columns.map((_, index) => index);
  const head = { id: 1, isReply: false, stream: 1 };
  return encodeFrame({ number, arrivedNs: 0n, blocks: [{ kind: 'raw', ...head, channels, batch }] });
}

const FRAME_BYTES = encode(makeBatch(0), 1).byteLength;

/** Hands over as long as little waits, then lets the socket work. */
async function sendAll(socket: Socket, sendOne: (index: number) => void): Promise<void> {
  for (let index = 0; index < MESSAGES; index++) {
    sendOne(index);
    while (socket.bufferedAmount > PENDING_BYTES) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The other process: sends over the way named in the path. */
async function serveBatches(): Promise<void> {
  const batches = Array.from({ length: 16 }, (_, index) => makeBatch(index));
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
  server.on('connection', (socket, request) => {
    if (request.url === '/bare') {
      const message = new Uint8Array(FRAME_BYTES);
      void sendAll(socket, () => socket.send(message));
      return;
    }
    const link = createSocketLink(socket as never);
    void sendAll(socket, (index) => link.send(encode(batches[index % 16] as Batch, index + 1)));
  });
  await once(server, 'listening');
  process.send?.((server.address() as { port: number }).port);
}

async function receiveBare(port: number): Promise<number> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/bare`, { perMessageDeflate: false });
  await once(socket, 'open');
  const start = performance.now();
  await new Promise<void>((resolve) => {
    let left = MESSAGES;
    socket.on('message', (bytes: Buffer) => {
      assert.equal(bytes.length, FRAME_BYTES);
      if (--left === 0) resolve();
    });
  });
  const seconds = (performance.now() - start) / 1000;
  socket.terminate();
  return seconds;
}

async function receiveFrames(port: number): Promise<number> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/link`, { perMessageDeflate: false });
  using link = await openSocketLink(socket as never);
  const start = performance.now();
  await new Promise<void>((resolve) => {
    let next = 1;
    link.onMessage((message) => {
      assert.ok(message instanceof ArrayBuffer);
      const { number, blocks } = viewFrame(message);
      const [block] = blocks;
      assert.ok(number === next && block?.kind === 'raw' && block.batch.rows === ROWS);
      assert.equal(block.batch.columns[CHANNELS - 1]?.[ROWS - 1], ((number - 1) % 16) + ROWS - 1);
      if (next++ === MESSAGES) resolve();
    });
  });
  const seconds = (performance.now() - start) / 1000;
  socket.terminate();
  return seconds;
}

/** Bytes a second into the engine and out to one screen that watches all channels. */
async function watchColumns(channels: number, rateHz: number): Promise<{ takenIn: number; sent: number }> {
  const clock = new ManualClock();
  const history = new History();
  let sent = 0;
  const stream = new SyntheticStream({ id: 1, channels, rateHz, t0Ns: clock.nowNs(), isPlain: true });
  const store = new ColumnSet(clock.nowNs(), 32_768, () => stream.info);
  const hub = createWatchHub({
    history,
    clock,
    send: (bytes) => {
      // A WebSocket message of the length has a head of 2 to 10 bytes (RFC 6455 5.2).
      sent += bytes.byteLength + (bytes.byteLength < 126 ? 2 : 4);
      const frame = viewFrame(bytes);
      for (const block of frame.blocks) store.take(block);
      hub.seen(frame.number);
    },
  });
  history.streamOpened(stream.info);
  const names = stream.info.columns.map(({ channel }) => `daq/${channel}`);
  hub.watch(names, { kind: 'columns', windowS: 10, width: 1200 });
  const step = Math.round(rateHz * 0.016);
  for (let turn = 0; turn < 100; turn++) {
    history.batch(stream.batch(step));
    await clock.advance(16);
  }
  await clock.advance(100);
  const n = rowsPerColumn((10 * rateHz) / 1200);
  const columns = heldColumns(store, names.at(-1) ?? '');
  assert.equal(columns.length, Math.ceil(stream.seq / n));
  for (let index = 0; index < columns.length; index++) {
    const first = columns.firstRow[index] as number;
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (let row = first; row < Math.min(first + n, stream.seq); row++) {
      const value = Math.fround(stream.rows.get(row)?.[channels - 1] as number);
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    assert.equal(columns.min[index], low);
    assert.equal(columns.max[index], high);
  }
  hub[Symbol.dispose]();
  const seconds = 100 * 0.016;
  return { takenIn: (stream.seq * channels * 4) / seconds, sent: sent / seconds };
}

async function main(): Promise<void> {
  const child: ChildProcess = spawn(process.execPath, [process.argv[1] ?? '', 'serve'], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const passes: { bare: number; frames: number }[] = [];
  try {
    const [port] = (await once(child, 'message')) as [number];
    for (let pass = 0; pass <= PASSES; pass++) {
      const result = { bare: await receiveBare(port), frames: await receiveFrames(port) };
      // The first pass warms up.
      if (pass > 0) passes.push(result);
    }
  } finally {
    child.kill();
  }
  const perSecond = (of: 'bare' | 'frames'): number =>
    (MESSAGES * FRAME_BYTES) / 1e6 / median(passes.map((pass) => pass[of]));
  const rows: BenchRow[] = [
    {
      what: `batches of ${CHANNELS} × ${ROWS} in frames`,
      unit: 'MB/s',
      us: perSecond('frames'),
      peer: 'bare ws binary of the same size',
      theirs: perSecond('bare'),
      atLeast: 0.8,
    },
  ];
  for (const [channels, rateHz] of [
    [1, 100_000],
    [10, 100_000],
    [1, 1_000_000],
    [4, 1_000_000],
  ] as const) {
    const { takenIn, sent } = await watchColumns(channels, rateHz);
    rows.push({
      what: `live columns of ${channels} × ${rateHz / 1000} kHz`,
      unit: 'kB/s',
      us: sent / 1000,
      peer: 'bytes taken in',
      theirs: takenIn / 1000,
      atMost: 0.01,
    });
  }
  const title = `link: ${MESSAGES} messages of ${(FRAME_BYTES / 1024).toFixed(0)} KiB, median of ${PASSES} passes; 10 s window of 1,200 px`;
  process.exitCode = printBench(title, rows) ? 0 : 1;
}

await (process.argv[2] === 'serve' ? serveBatches() : main());
