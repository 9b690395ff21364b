import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { HUB_LIMITS } from '../src/hub/hub-parts.ts';
import { type HubLab, openHubLab } from '../test/hub/hub-harness.ts';
import { openFaultProxy } from '../test/servers/fault-proxy.ts';
import { IS_CHILD, startOtherSide } from './adapter-process.ts';
import { type BenchRow, printBench } from './bench-table.ts';

/*
 * The hub over real sockets, in a process of its own with the engine: events to many clients and to one, a message that must arrive while a slow link is full, memory
 * with clients that do not read. Every message is counted at the other end.
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

type Order =
  | { kind: 'publish'; channel: 'signals' | 'alarms'; perS: number; count: number; padding: number }
  | { kind: 'memory' };

interface Told {
  done?: true;
  rssBytes?: number;
}

const nowMs = (): number => Number(process.hrtime.bigint() / 1000n) / 1000;

async function serve(): Promise<void> {
  const hub = await openHubLab({
    startBench: false,
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
  const { channels } = hub.hub.parts;
  if (order.kind === 'memory') {
    globalThis.gc?.();
    return { rssBytes: process.memoryUsage().rss };
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
  isReading = true;
  readonly #socket: WebSocket;
  #ids: string[] = [];
  #acked = 0;
  #sawAll: { count: number; resolve: () => void } | undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  static async open(port: number, token: string, ...channels: string[]): Promise<Client> {
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
        accept: { binary: true, codecs: ['raw'], priorities: true, ack: true },
        desired: channels.map((channel) => ({ channel })),
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

  close(): void {
    clearInterval(this.#timer);
    this.#socket.terminate();
  }

  #take(data: Buffer): void {
    this.bytes += data.byteLength;
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
    } else if (text.includes('"type":"connected"')) this.#isConnected = true;
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
    rows.push(await frozenClients(port, token, order));
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
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => Client.open(port, token, 'signals')));
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
  for (const client of clients) client.close();
  const what = `${PER_S} messages a second to ${CLIENTS} clients`;
  return [
    { what: `${what}, half of them`, unit: 'ms', us: percentile(latencies, 0.5), peer: 'limit', theirs: 50 },
    { what: `${what}, 99 of 100`, unit: 'ms', us: percentile(latencies, 0.99), peer: 'limit', theirs: 50, atMost: 1 },
  ];
}

async function oneClient(port: number, token: string, order: Ask): Promise<BenchRow> {
  const client = await Client.open(port, token, 'signals');
  const startMs = nowMs();
  const seen = client.saw(FLOOD * 0.99);
  // In portions that fit its queue, so that nothing is dropped and every message is counted.
  for (let sent = 0; sent < FLOOD; sent += 5000) {
    await order({ kind: 'publish', channel: 'signals', perS: 0, count: 5000, padding: 0 });
    await client.until(() => client.events >= sent - 3000);
  }
  await seen;
  const perS = client.events / ((nowMs() - startMs) / 1000);
  client.close();
  return { what: 'messages to one client', unit: '1/s', us: perS, peer: 'goal', theirs: 35_000, atLeast: 1 };
}

/** 1 Mbit/s, full of events that may wait; how long do alarms take? */
async function slowLink(port: number, token: string, order: Ask): Promise<BenchRow[]> {
  const proxy = await openFaultProxy(port);
  const client = await Client.open(proxy.port, token, 'signals', 'alarms');
  proxy.set({ bytesPerS: SLOW_BYTES_PER_S });
  await order({ kind: 'publish', channel: 'signals', perS: 0, count: 8000, padding: 300 });
  await client.until(() => client.events > 200);
  const before = client.bytes;
  const startMs = nowMs();
  await order({ kind: 'publish', channel: 'alarms', perS: 10, count: CRITICALS, padding: 100 });
  await client.until(() => client.alarmsMs.length === CRITICALS);
  const kilobytes = (client.bytes - before) / (nowMs() - startMs);
  const stillWaiting = client.latenciesMs.length < 8000;
  client.close();
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

async function frozenClients(port: number, token: string, order: Ask): Promise<BenchRow> {
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => Client.open(port, token, 'signals')));
  for (const client of clients) client.pause();
  const { rssBytes: before = 0 } = await order({ kind: 'memory' });
  await order({ kind: 'publish', channel: 'signals', perS: 0, count: QUEUED, padding: 700 });
  const { rssBytes: after = 0 } = await order({ kind: 'memory' });
  for (const client of clients) client.close();
  const grown = (after - before) / 1e6;
  return {
    what: `memory with ${CLIENTS} clients that do not read`,
    unit: 'MB',
    us: grown,
    peer: 'limit',
    theirs: 50,
    atMost: 1,
  };
}

if (IS_CHILD) await serve();
else await measure();
