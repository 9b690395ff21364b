import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { WebSocket } from 'ws';
import { benchCodecs } from '../src/engine/lab/codec-bench.ts';
import { HUB_LIMITS } from '../src/hub/hub-parts.ts';
import { type HubLab, openHubLab } from '../test/hub/hub-harness.ts';
import { openFaultProxy } from '../test/servers/fault-proxy.ts';
import { IS_CHILD, startOtherSide } from './adapter-process.ts';
import { type BenchRow, printBench } from './bench-table.ts';

/*
 * The hub over real sockets, in a process of its own with the engine: events to many clients and to one, a message that must arrive while a slow link is full, memory
 * with clients that do not read, bytes of measured rows against the same rows as JSON. Every message is counted at the other end.
 *
 *     npm run bench server
 *     npm run bench server -- --seconds=10
 */
const CLIENTS = 20;
const PER_S = 1000;
const FLOOD = 100_000;
const QUEUED = 10_000;
const SLOW_BYTES_PER_S = 125_000;
const CRITICALS = 50;
/** First byte of a binary frame. */
const FRAME_MAGIC = 0x4c;
const ROWS = 50_000;
const SIGNALS = [{ channel: 'signals' }];
/** What the seed of the feature says of its compression. */
const SEED = { compressMs: 8.2, decompressMs: 3.1 };

type Order =
  | { kind: 'publish'; channel: 'signals' | 'alarms'; perS: number; count: number; padding: number }
  | { kind: 'memory' }
  | { kind: 'attach' };

interface Told {
  done?: true;
  rssBytes?: number;
  liveBytes?: number;
  /** Of what was attached, as a client asks for it. */
  stream?: { equipment_id?: string; stream_type?: string };
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const nowMs = (): number => Number(process.hrtime.bigint() / 1000n) / 1000;

async function serve(): Promise<void> {
  const hub = await openHubLab({
    attach: [],
    // No limit of messages a second: what the machine can do.
    hub: { limits: { ...HUB_LIMITS, messageRate: null, connections: 64 } },
  });
  process.on('disconnect', () => process.exit());
  process.on('message', (order: Order) => {
    void carryOut(hub, order).then((told) => process.send?.(told));
  });
  process.send?.({ port: Number(new URL(hub.url()).port), token: await hub.token('admin') });
}

async function carryOut(hub: HubLab, order: Order): Promise<Told> {
  const { channels, bench } = hub.hub.parts;
  if (order.kind === 'attach') {
    await hub.screen.client.call('instrument.open', { resource: hub.lab.resource('daq') });
    await hub.screen.until('a stream', ({ streams }) => streams.length > 0);
    while (!bench.equipment.some(({ streams }) => streams.length > 0)) await sleep(10);
    const [daq] = bench.equipment;
    return { stream: { equipment_id: daq?.id ?? '', stream_type: daq?.streams[0]?.name ?? '' } };
  }
  if (order.kind === 'memory') {
    // Garbage says nothing about what waits.
    collectGarbage();
    const { rss, heapUsed, external } = process.memoryUsage();
    return { rssBytes: rss, liveBytes: heapUsed + external };
  }
  const padding = 'x'.repeat(order.padding);
  const startMs = nowMs();
  for (let i = 0; i < order.count; i++) {
    channels.publish(order.channel, 'bench', { i, sent: nowMs(), padding });
    if (order.perS > 0 && i % 10 === 9) {
      const ahead = startMs + ((i + 1) / order.perS) * 1000 - nowMs();
      if (ahead > 0) await sleep(ahead);
    } else if (i % 500 === 499) await sleep(0);
  }
  return { done: true };
}

/** A client of labwire.1 that acknowledges what it gets. */
class Client {
  readonly latenciesMs: number[] = [];
  readonly alarmsMs: number[] = [];
  events = 0;
  bytes = 0;
  rows = 0;
  readonly #socket: WebSocket;
  #ids: string[] = [];
  #acked = 0;
  #sawAll: { count: number; resolve: () => void } | undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  static async open(port: number, token: string, desired: readonly object[], binary = true): Promise<Client> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, ['labwire.1'], { perMessageDeflate: false });
    const client = new Client(socket);
    socket.on('message', (data: Buffer) => client.#take(data));
    socket.on('error', () => {});
    await once(socket, 'open');
    socket.send(
      JSON.stringify({
        type: 'hello',
        id: 1,
        version: 1,
        client: { id: `bench-${Math.random()}`, name: 'bench', app: 'bench' },
        auth: { token },
        accept: { binary, codecs: ['raw', 'i16d-rice', 'deflate'], priorities: true, ack: true },
        desired,
      }),
    );
    await client.until(() => client.#isConnected);
    // As the protocol has it: every quarter of a window, and after 250 ms at the latest.
    client.#timer = setInterval(() => client.#acknowledge(), 100);
    return client;
  }

  #isConnected = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #known = new Set<string>();
  /** Events that came more than once: sent again because they were not acknowledged in time. */
  repeated = 0;

  /** Resolves when so many events have come. */
  saw(count: number): Promise<void> {
    if (this.events >= count) return Promise.resolve();
    return new Promise((resolve) => {
      this.#sawAll = { count, resolve };
    });
  }

  async until(what: () => boolean): Promise<void> {
    while (!what()) await sleep(2);
  }

  pause(): void {
    this.#socket.pause();
  }

  /** With a goodbye: of a client that is only lost, the hub would keep what it misses. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const closed = once(this.#socket, 'close');
    this.#socket.resume();
    this.#socket.send(JSON.stringify({ type: 'bye' }));
    await closed;
  }

  #take(data: Buffer): void {
    this.bytes += data.byteLength;
    if (data[0] === FRAME_MAGIC) {
      this.rows += data.readUInt32BE(32);
      if (this.bytes - this.#acked > 4096) this.#acknowledge();
      return;
    }
    const text = data.toString();
    if (text.startsWith('{"type":"event"')) {
      const event = JSON.parse(text) as { id?: string; channel: string; event_type: string; data: { sent: number } };
      if (event.id !== undefined && this.#known.has(event.id)) this.repeated++;
      else if (event.event_type === 'bench') {
        if (event.id !== undefined) this.#known.add(event.id);
        this.events++;
        const latencies = event.channel === 'alarms' ? this.alarmsMs : this.latenciesMs;
        latencies.push(nowMs() - event.data.sent);
      }
      if (event.id !== undefined) this.#ids.push(event.id);
    } else if (text.startsWith('{"type":"stream_data"')) this.rows++;
    else if (text.includes('"type":"connected"')) this.#isConnected = true;
    if (this.bytes - this.#acked > 4096 || this.#ids.length >= 50) this.#acknowledge();
    if (this.#sawAll && this.events >= this.#sawAll.count) {
      this.#acknowledge();
      this.#sawAll.resolve();
      this.#sawAll = undefined;
    }
  }

  #acknowledge(): void {
    if (this.bytes === this.#acked) return;
    this.#acked = this.bytes;
    this.#socket.send(JSON.stringify({ type: 'ack', bytes: this.bytes }));
    if (this.#ids.length > 0) this.#socket.send(JSON.stringify({ type: 'event_ack', ids: this.#ids.splice(0) }));
  }
}

function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN;
}

async function measure(): Promise<void> {
  const { child, hello } = await startOtherSide<{ port: number; token: string }>();
  const { port, token } = hello;
  const order = async (what: Order): Promise<Told> => {
    const answer = once(child, 'message');
    child.send(what);
    const [told] = (await answer) as [Told];
    return told;
  };
  const seconds = Number(process.argv.find((arg) => arg.startsWith('--seconds='))?.split('=')[1] ?? 5);
  const rows: BenchRow[] = [];
  try {
    rows.push(...(await fanOut(port, token, order, seconds)));
    rows.push(await oneClient(port, token, order));
    rows.push(...(await slowLink(port, token, order)));
    rows.push(...(await frozenClients(port, token, order)));
    rows.push(await bytesAgainstJson(port, token, order));
    rows.push(...(await compression()));
  } finally {
    const gone = once(child, 'exit');
    child.disconnect();
    await gone;
  }
  process.exitCode = printBench(
    'server: the hub over real sockets (engine and hub in one process, clients in another)',
    rows,
  )
    ? 0
    : 1;
}

type Ask = (what: Order) => Promise<Told>;

async function fanOut(port: number, token: string, order: Ask, seconds: number): Promise<BenchRow[]> {
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => Client.open(port, token, SIGNALS)));
  // The first second is the compiler's.
  await order({ kind: 'publish', channel: 'signals', perS: PER_S, count: PER_S, padding: 100 });
  await Promise.all(clients.map((client) => client.saw(PER_S)));
  for (const client of clients) client.latenciesMs.length = 0;
  const count = PER_S * seconds + PER_S;
  const all = Promise.all(clients.map((client) => client.saw(count)));
  await order({ kind: 'publish', channel: 'signals', perS: PER_S, count: count - PER_S, padding: 100 });
  await all;
  for (const client of clients)
    if (client.events !== count) throw new Error(`a client saw ${client.events} of ${count} events`);
  const latencies = clients.flatMap(({ latenciesMs }) => latenciesMs);
  await Promise.all(clients.map((client) => client.close()));
  const what = `${PER_S} messages a second to ${CLIENTS} clients`;
  return [
    { what: `${what}, half of them`, unit: 'ms', us: percentile(latencies, 0.5), peer: 'limit', theirs: 50 },
    { what: `${what}, 99 of 100`, unit: 'ms', us: percentile(latencies, 0.99), peer: 'limit', theirs: 50, atMost: 1 },
  ];
}

async function oneClient(port: number, token: string, order: Ask): Promise<BenchRow> {
  const client = await Client.open(port, token, SIGNALS);
  const startMs = nowMs();
  const seen = client.saw(FLOOD * 0.99);
  // In portions that fit its queue, so that nothing is dropped and every message is counted.
  for (let sent = 0; sent < FLOOD; sent += 5000) {
    await order({ kind: 'publish', channel: 'signals', perS: 0, count: 5000, padding: 0 });
    await client.until(() => client.events >= sent - 3000);
  }
  await seen;
  const perS = client.events / ((nowMs() - startMs) / 1000);
  await client.close();
  return { what: 'messages to one client', unit: '1/s', us: perS, peer: 'goal', theirs: 35_000, atLeast: 1 };
}

/** 1 Mbit/s, full of events that may wait; how long do alarms take? */
async function slowLink(port: number, token: string, order: Ask): Promise<BenchRow[]> {
  const proxy = await openFaultProxy(port);
  const client = await Client.open(proxy.port, token, [...SIGNALS, { channel: 'alarms' }]);
  proxy.set({ bytesPerS: SLOW_BYTES_PER_S });
  await order({ kind: 'publish', channel: 'signals', perS: 0, count: 8000, padding: 300 });
  await client.until(() => client.events > 200);
  const before = client.bytes;
  const startMs = nowMs();
  await order({ kind: 'publish', channel: 'alarms', perS: 10, count: CRITICALS, padding: 100 });
  await client.until(() => client.alarmsMs.length === CRITICALS);
  const kilobytes = (client.bytes - before) / (nowMs() - startMs);
  const stillWaiting = client.latenciesMs.length < 8000;
  await client.close();
  await proxy[Symbol.asyncDispose]();
  if (!stillWaiting) throw new Error('the link was not full to the end');
  const what = 'alarms over 1 Mbit/s that is full';
  return [
    { what: `${what}, half of them`, unit: 'ms', us: percentile(client.alarmsMs, 0.5), peer: 'limit', theirs: 150 },
    {
      what: `${what}, 99 of 100`,
      unit: 'ms',
      us: percentile(client.alarmsMs, 0.99),
      peer: 'limit',
      theirs: 150,
      atMost: 1,
    },
    { what: `${what}: the rest goes on`, unit: 'kB/s', us: kilobytes, peer: 'link', theirs: SLOW_BYTES_PER_S / 1000 },
  ];
}

async function frozenClients(port: number, token: string, order: Ask): Promise<BenchRow[]> {
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => Client.open(port, token, SIGNALS)));
  for (const client of clients) client.pause();
  const before = await order({ kind: 'memory' });
  await order({ kind: 'publish', channel: 'signals', perS: 0, count: QUEUED, padding: 300 });
  const after = await order({ kind: 'memory' });
  await Promise.all(clients.map((client) => client.close()));
  const grown = (of: 'liveBytes' | 'rssBytes'): number => ((after[of] ?? 0) - (before[of] ?? 0)) / 1e6;
  const what = `memory, ${CLIENTS} clients that do not read, ${QUEUED} messages of 500 B for each`;
  return [
    { what, unit: 'MB', us: grown('liveBytes'), peer: 'limit', theirs: 50, atMost: 1 },
    { what: `${what}, as the system sees it`, unit: 'MB', us: grown('rssBytes'), peer: 'limit', theirs: 50 },
  ];
}

/** The same rows of the simulated DAQ to a client that takes binary frames and to one that takes JSON alone. */
async function bytesAgainstJson(port: number, token: string, order: Ask): Promise<BenchRow> {
  const { stream = {} } = await order({ kind: 'attach' });
  const measureRows = async (binary: boolean): Promise<number> => {
    const client = await Client.open(port, token, [stream], binary);
    const before = client.bytes;
    await client.until(() => client.rows >= ROWS);
    const perRow = (client.bytes - before) / client.rows;
    await client.close();
    return perRow;
  };
  const [packed, json] = [await measureRows(true), await measureRows(false)];
  return {
    what: `bytes of ${ROWS} rows, JSON being 1`,
    unit: 'B/row',
    us: packed,
    peer: 'JSON',
    theirs: json,
    atMost: 0.2,
  };
}

/** Rows of a scope and of an electrocardiogram, packed and unpacked: the same as the benchmark of the codecs. */
async function compression(): Promise<BenchRow[]> {
  const [own] = await benchCodecs(1000);
  if (!own) throw new Error('no codec was measured');
  return [
    { what: 'compress', unit: 'ms', us: own.compressMs, peer: 'seed', theirs: SEED.compressMs, atMost: 1 },
    { what: 'decompress', unit: 'ms', us: own.decompressMs, peer: 'seed', theirs: SEED.decompressMs, atMost: 1 },
  ];
}

if (IS_CHILD) await serve();
else await measure();
