import { expect, test } from 'vitest';
import { LabError } from '../../src/core/errors.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import type { Link } from '../../src/lab/link/open-link.ts';
import { openLink } from '../../src/lab/link/open-link.ts';
import type { LinkSignal } from '../../src/lab/link-protocol.ts';
import type { SocketData } from '../../src/lab/ports.ts';
import type { ArrivedRows, Hole } from '../../src/lab/stream-keeper/stream-spec.ts';
import { StreamTable } from '../../src/lab/stream-keeper/stream-table.ts';
import type { ManualSocket } from './manual-ports.ts';
import { ManualPorts } from './manual-ports.ts';
import { PlainProtocol } from './plain-protocol.ts';
import { RecordingOutlet } from './recording-outlet.ts';

const EPOCH = 1_000_000;

interface Abilities {
  polls: boolean;
  keeps: boolean;
  resumes: boolean;
}

/** A server that numbers its rows honestly and does whatever servers do: breaks off, refuses, hangs, restarts. */
class ModelServer {
  readonly ports: ManualPorts;
  readonly can: Abilities;
  readonly #random;
  isThere = true;
  /** Acknowledges everything and delivers nothing. */
  hangs = false;
  epoch = 1;
  next = 0;
  history: { seq: number; ns: bigint }[] = [];
  /** The socket that is served, what was sent on it, and whether the stream was asked for there. */
  socket: ManualSocket | undefined;
  sent = 0;
  isAsked = false;
  #lastSent = 0;

  constructor(ports: ManualPorts, can: Abilities, seed: number) {
    this.ports = ports;
    this.can = can;
    this.#random = seededRandom(seed * 7919);
    ports.onSocket = (socket) => queueMicrotask(() => this.#connect(socket));
  }

  #connect(socket: ManualSocket): void {
    if (!this.isThere) {
      socket.end(1006, '', { error: 'nothing listens there' });
      return;
    }
    this.socket = socket;
    this.isAsked = false;
    this.#lastSent = this.sent;
    this.sent = this.next;
    socket.open();
    socket.say('hello');
  }

  ask(): void {
    this.isAsked = true;
    // A server with a memory sends what was missed, another goes on from now.
    this.sent = this.can.resumes ? Math.min(this.#lastSent, this.next) : this.next;
  }

  make(rows: number): void {
    for (let n = 0; n < rows; n++)
      this.history.push({ seq: this.next++, ns: this.ports.clock.nowNs() - BigInt(rows - 1 - n) * 10_000_000n });
    this.history.splice(0, Math.max(0, this.history.length - 300));
  }

  /** Sends what is new, or says what it leaves out. */
  deliver(): void {
    if (!this.socket || this.socket.isOver || !this.isAsked || this.hangs) return;
    const kept = this.history[0]?.seq ?? this.next;
    const skip = Math.max(kept - this.sent, this.#random.below(15) ? 0 : this.#random.below(5));
    const first = Math.min(this.next, Math.max(0, this.sent) + Math.max(0, skip));
    if (first >= this.next) return;
    this.socket.say(`rows ${first} ${this.next - first} ${first - this.sent}`);
    this.sent = this.next;
  }

  cut(code: number): void {
    this.socket?.end(code);
    this.socket = undefined;
  }

  restart(): void {
    this.cut(1006);
    this.epoch++;
    this.next = 0;
    this.sent = 0;
    this.#lastSent = 0;
    this.history = [];
  }

  rows(seq: number, count: number, skipped: number): ArrivedRows {
    const rows = this.history.filter((row) => row.seq >= seq && row.seq < seq + count);
    return {
      columns: [Float64Array.from(rows, (row) => this.epoch * EPOCH + row.seq)],
      rows: rows.length,
      timesNs: BigInt64Array.from(rows, ({ ns }) => ns),
      uncertaintyS: 0.001,
      seq,
      epoch: this.epoch,
      ...(skipped > 0 ? { skipped: { rows: skipped, reason: 'slow' } } : {}),
    };
  }

  async fill({ fromSeq = 0, rows = 0, epoch }: Hole): Promise<ArrivedRows[]> {
    await new Promise<void>((resolve) => this.ports.clock.after(this.#random.below(4_000), resolve));
    if (epoch !== this.epoch || !this.isThere) throw new LabError('server.rejected', 'Gone.');
    const first = Math.max(fromSeq, this.history[0]?.seq ?? fromSeq);
    const count = fromSeq + rows - first;
    return count > 0 ? [this.rows(first, count, 0)] : [];
  }

  /** The present value, without a number. */
  async poll(): Promise<ArrivedRows> {
    await new Promise<void>((resolve) => this.ports.clock.after(this.#random.below(300), resolve));
    if (!this.isThere) throw new LabError('server.unreachable', 'Nothing listens there.');
    return {
      columns: [Float64Array.of(-1)],
      rows: 1,
      timesNs: BigInt64Array.of(this.ports.clock.nowNs()),
      uncertaintyS: 0.1,
    };
  }
}

/** Rows as `rows FIRST COUNT SKIPPED`, handed on by the test. */
class RowProtocol extends PlainProtocol {
  onRows: (first: number, count: number, skipped: number) => void = () => {};

  override receive(data: SocketData): LinkSignal | undefined {
    const [word, first, count, skipped] = String(data).split(' ');
    if (word !== 'rows') return super.receive(data);
    this.onRows(Number(first), Number(count), Number(skipped));
    return { isData: true };
  }
}

const ABILITIES: Abilities[] = [
  { polls: false, keeps: false, resumes: false },
  { polls: true, keeps: false, resumes: false },
  { polls: false, keeps: true, resumes: false },
  { polls: true, keeps: true, resumes: true },
  { polls: false, keeps: true, resumes: true },
];

test.each(ABILITIES)(
  '5.2 twenty thousand events of link and stream, %o: in order, once, or declared; always back; nothing left',
  async (can) => {
    const seed = ABILITIES.indexOf(can) + 1;
    const random = seededRandom(seed);
    const ports = new ManualPorts(seed);
    const server = new ModelServer(ports, can, seed);
    const protocol = new RowProtocol();
    protocol.heartbeat = { probeMs: 5_000, deadMs: 15_000 };
    protocol.onRefresh = () =>
      random.below(3) ? Promise.resolve() : Promise.reject(new LabError('server.unreachable', 'Away.'));
    const faults: string[] = [];
    const losses = { told: 0, unaccounted: 0 };
    const outlet = new RecordingOutlet();
    const table: StreamTable = new StreamTable(ports, {
      onSummary: (summary) => link.setStreams(summary),
      onLoss: (_, lost, __, isUnaccounted) => {
        losses.told += lost;
        if (isUnaccounted) losses.unaccounted += lost;
      },
    });
    const link: Link = openLink(protocol, ports, {
      isIdle: true,
      onChange: (snapshot, health) => {
        table.setHealth(health, snapshot.reason);
        if (snapshot.word === 'connected' && (health !== 'live' || snapshot.polled > 0))
          faults.push(`connected but ${health}, ${snapshot.polled} polled`);
      },
    });
    link.reconnect();
    const stream = table.open(
      {
        key: 'psu/readings',
        start: () => server.ask(),
        stop: () => {},
        renew: (reason) => link.renew(reason),
        ...(can.polls ? { poll: () => server.poll() } : {}),
        ...(can.keeps ? { fill: (hole: Hole) => server.fill(hole) } : {}),
      },
      100,
      outlet,
    );
    const keeper = table.get('psu/readings');
    keeper?.opened({ columns: [{ channel: 'ch1.voltage', unit: 'V' }], rateHz: 10 });
    protocol.onRows = (first, count, skipped) => {
      const rows = server.rows(first, count, skipped);
      if (rows.rows > 0) keeper?.push(rows);
    };
    const step = async (ms: number): Promise<void> => {
      await ports.clock.advance(ms);
      server.make(Math.round(ms / 100) || 1);
      server.deliver();
    };
    let recoveries = 0;
    for (let n = 0; n < 20_000; n++) {
      await step(random.below(20) ? random.below(200) : random.below(3_000));
      switch (random.below(400)) {
        case 0:
        case 1:
          server.cut([1006, 1012, 4401][random.below(3)] ?? 1006);
          break;
        case 2:
          server.cut(1006);
          server.isThere = false;
          ports.listens = false;
          break;
        case 3:
          server.isThere = true;
          ports.listens = true;
          break;
        case 4:
          server.hangs = !server.hangs;
          break;
        case 5:
          server.restart();
          break;
        case 6:
          ports.wake();
          break;
        case 7:
          link.disconnect();
          break;
        case 8:
          link.setSocket(random.below(2) > 0);
          break;
        case 9:
          link.reconnect();
          break;
        case 10:
          server.socket?.say(['superseded', 'fatal', 'bye 3'][random.below(3)] ?? 'fatal');
          break;
      }
      if (n % 1_000 !== 999) continue;
      // Whatever happened: with a good server and a person who wants it, rows come live again within a minute.
      server.isThere = true;
      server.hangs = false;
      ports.listens = true;
      link.setSocket(true);
      if (link.health === 'stopped' || link.snapshot.error) link.reconnect();
      for (let ms = 0; ms < 60_000; ms += 100) await step(100);
      if (link.snapshot.word !== 'connected' || stream.stats.source !== 'live')
        faults.push(`${n}: ${JSON.stringify(link.snapshot)} ${stream.stats.source}`);
      else recoveries++;
      ports.sockets.splice(0, ports.sockets.length - 1);
    }
    const numbered = outlet.values.filter((value) => value >= 0);
    let missing = 0;
    for (let at = 1; at < numbered.length; at++) {
      const before = numbered[at - 1] ?? 0;
      const value = numbered[at] ?? 0;
      if (value <= before) faults.push(`${value} after ${before}`);
      // What the numbering began anew with, and its last rows before that, nobody can number.
      if (Math.floor(value / EPOCH) === Math.floor(before / EPOCH)) missing += value - before - 1;
    }
    expect([...faults, ...outlet.faults].slice(0, 3)).toEqual([]);
    expect(recoveries).toBe(20);
    expect(losses).toEqual({ told: stream.stats.lost, unaccounted: 0 });
    // seq = previous + previous rows + what was declared: every missing row, and no other.
    expect(outlet.lost).toBe(missing);
    expect(stream.stats.lost).toBe(missing);
    expect(missing).toBeGreaterThan(100);
    expect(numbered.length).toBeGreaterThan(10_000);
    if (can.polls) expect(outlet.values.length - numbered.length).toBeGreaterThan(20);
    if (can.keeps && !can.polls && !can.resumes) expect(stream.stats.filled).toBeGreaterThan(20);
    await stream[Symbol.asyncDispose]();
    table[Symbol.dispose]();
    await link[Symbol.asyncDispose]();
    // Answers under way come to nobody.
    await ports.clock.advance(10_000);
    expect([ports.clock.pending, ports.openSockets, ports.listeners]).toEqual([0, 0, 0]);
  },
);
