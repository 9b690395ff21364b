import { once } from 'node:events';
import net from 'node:net';

/** What the proxy does to bytes; changed at any time, in force at once. */
export interface ProxyFaults {
  /** Each piece arrives so much later; ms. */
  delayMs: number;
  /** Both ways of a connection together; bytes/s. 0: as fast as it goes. */
  bytesPerS: number;
  /** Longest piece handed on at once, each in a turn and a TCP segment of its own. 0: as it came. */
  segmentBytes: number;
  /** Nothing is handed on, nothing is read: the senders feel it as a full socket. */
  isStalled: boolean;
  /** New connections are cut as soon as they are made. */
  isRefusing: boolean;
}

export interface FaultProxy extends AsyncDisposable {
  readonly port: number;
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  readonly faults: ProxyFaults;
  /** Connections open now, and made since the start. */
  readonly connections: number;
  readonly made: number;
  /** Bytes handed on, towards the server and towards the client. */
  readonly sent: { up: number; down: number };
  /** Applies faults and lets what waits go on under them. */
  set(faults: Partial<ProxyFaults>): void;
  /** Ends every connection at once with a reset, as a pulled cable does once somebody notices. */
  cut(): void;
  /**
   * Connections open now stay open and deliver nothing any more, in either way, for ever: a peer that vanished. What is sent into them is taken and
   * dropped. New connections work.
   */
  halfOpen(): void;
  /** Another server from the next connection on (one restarted on another port). */
  retarget(port: number): void;
}

/** How much may wait in one direction before its sender is paused. */
const WAITING_BYTES = 64 * 1024;

/** A TCP proxy on loopback in front of `port` that can do what networks do. */
export async function openFaultProxy(port: number): Promise<FaultProxy> {
  const faults: ProxyFaults = { delayMs: 0, bytesPerS: 0, segmentBytes: 0, isStalled: false, isRefusing: false };
  const sent = { up: 0, down: 0 };
  const pairs = new Set<Pair>();
  let target = port;
  let made = 0;
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    client.on('error', () => {});
    if (faults.isRefusing) {
      client.resetAndDestroy();
      return;
    }
    made++;
    const upstream = net.connect({ port: target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const pair = new Pair(client, upstream, faults, sent);
    pairs.add(pair);
    pair.onEnd = () => pairs.delete(pair);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as net.AddressInfo;
  return {
    port: address.port,
    host: `127.0.0.1:${address.port}`,
    faults,
    sent,
    get connections() {
      return pairs.size;
    },
    get made() {
      return made;
    },
    set(change) {
      Object.assign(faults, change);
      for (const pair of pairs) pair.wake();
    },
    cut() {
      for (const pair of [...pairs]) pair.cut();
    },
    halfOpen() {
      for (const pair of pairs) pair.freeze();
    },
    retarget(next) {
      target = next;
    },
    async [Symbol.asyncDispose]() {
      for (const pair of [...pairs]) pair.cut();
      server.close();
      if (server.listening) await once(server, 'close');
    },
  };
}

/** One connection: two ways of bytes. */
class Pair {
  onEnd: () => void = () => {};
  readonly #client: net.Socket;
  readonly #upstream: net.Socket;
  readonly #ways: Way[];
  #isOver = false;

  constructor(client: net.Socket, upstream: net.Socket, faults: ProxyFaults, sent: FaultProxy['sent']) {
    this.#client = client;
    this.#upstream = upstream;
    this.#ways = [
      new Way(client, upstream, faults, (bytes) => {
        sent.up += bytes;
      }),
      new Way(upstream, client, faults, (bytes) => {
        sent.down += bytes;
      }),
    ];
    for (const socket of [client, upstream]) {
      socket.on('error', () => this.cut());
      socket.on('close', () => this.#closed());
    }
  }

  wake(): void {
    for (const way of this.#ways) way.wake();
  }

  freeze(): void {
    for (const way of this.#ways) way.freeze();
  }

  cut(): void {
    for (const way of this.#ways) way.stop();
    for (const socket of [this.#client, this.#upstream]) {
      if (socket.connecting) socket.destroy();
      else if (!socket.destroyed) socket.resetAndDestroy();
    }
    this.#over();
  }

  /** One side is gone without more to say: so is the other, unless this connection is to look alive. */
  #closed(): void {
    if (this.#ways.some((way) => way.isFrozen)) {
      if (this.#client.destroyed && this.#upstream.destroyed) this.#over();
      return;
    }
    if (this.#ways.every((way) => way.isDone)) this.cut();
    else if (this.#client.destroyed || this.#upstream.destroyed) {
      for (const way of this.#ways) way.drainThen(() => this.cut());
    }
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.onEnd();
  }
}

interface Piece {
  bytes: Buffer;
  dueMs: number;
}

/** One direction: pieces wait for their time, in order. */
class Way {
  isFrozen = false;
  isDone = false;
  readonly #from: net.Socket;
  readonly #to: net.Socket;
  readonly #faults: ProxyFaults;
  readonly #count: (bytes: number) => void;
  #pieces: Piece[] = [];
  #waiting = 0;
  #hasEnded = false;
  #timer: NodeJS.Timeout | undefined;
  /** When the throttle lets the next piece go. */
  #freeMs = 0;
  #drained: (() => void) | undefined;

  constructor(from: net.Socket, to: net.Socket, faults: ProxyFaults, count: (bytes: number) => void) {
    this.#from = from;
    this.#to = to;
    this.#faults = faults;
    this.#count = count;
    from.on('data', (bytes: Buffer) => this.#take(bytes));
    from.on('end', () => {
      this.#hasEnded = true;
      this.wake();
    });
  }

  freeze(): void {
    this.isFrozen = true;
    this.stop();
    this.#from.resume();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pieces = [];
    this.#waiting = 0;
  }

  /** Calls once nothing waits here. */
  drainThen(done: () => void): void {
    this.#hasEnded = true;
    this.#drained = done;
    this.wake();
  }

  wake(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.isFrozen) return;
    if (this.#faults.isStalled) {
      this.#from.pause();
      return;
    }
    const now = performance.now();
    let piece = this.#pieces[0];
    while (piece) {
      const wait = Math.max(piece.dueMs, this.#freeMs) - now;
      if (wait > 0) {
        this.#timer = setTimeout(() => this.wake(), wait);
        break;
      }
      this.#pieces.shift();
      this.#waiting -= piece.bytes.length;
      if (this.#faults.bytesPerS > 0)
        this.#freeMs = Math.max(this.#freeMs, now - 20) + (piece.bytes.length / this.#faults.bytesPerS) * 1000;
      this.#count(piece.bytes.length);
      const isRoom = this.#to.destroyed || this.#to.write(piece.bytes);
      if (!isRoom) {
        this.#to.once('drain', () => this.wake());
        break;
      }
      piece = this.#pieces[0];
      // A segment each: the kernel would join what is written in one turn.
      if (piece && this.#faults.segmentBytes > 0) {
        setImmediate(() => this.wake());
        break;
      }
    }
    if (this.#waiting < WAITING_BYTES) this.#from.resume();
    if (this.#pieces.length === 0 && this.#hasEnded) this.#finish();
  }

  #take(bytes: Buffer): void {
    if (this.isFrozen) return;
    const dueMs = performance.now() + this.#faults.delayMs;
    const { segmentBytes, bytesPerS } = this.#faults;
    const longest = segmentBytes > 0 ? segmentBytes : bytesPerS > 0 ? Math.max(1, Math.ceil(bytesPerS / 100)) : 0;
    if (longest === 0) this.#pieces.push({ bytes, dueMs });
    else
      for (let start = 0; start < bytes.length; start += longest)
        this.#pieces.push({ bytes: bytes.subarray(start, start + longest), dueMs });
    this.#waiting += bytes.length;
    if (this.#waiting >= WAITING_BYTES) this.#from.pause();
    this.wake();
  }

  #finish(): void {
    if (!this.isDone) {
      this.isDone = true;
      if (!this.#to.destroyed) this.#to.end();
    }
    this.#drained?.();
    this.#drained = undefined;
  }
}
