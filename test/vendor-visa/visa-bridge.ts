import { createServer, type Socket } from 'node:net';
import { ByteQueue } from '../../src/core/byte-queue.ts';
import type { MessageConnection, MessageDevice } from '../../src/simulator/wire/message-device.ts';

const STATUS = { ok: 0, termChar: 0x3fff0005, maxCount: 0x3fff0006 };
const ERROR = { locked: 0xbfff000f, timeout: 0xbfff0015, notLocked: 0xbfff009c };
const HEAD_BYTES = 13;

/** Who holds the instrument: one exclusively, or several by one key. */
interface LockTable {
  key: string | undefined;
  holders: Set<Socket>;
  waiting: (() => void)[];
}

/** Where test/fixtures/vendor-visa/visa.c finds the instrument of a test; the protocol is written there. */
export interface VisaBridge {
  readonly resource: string;
  /** Connections of the library now. */
  readonly connections: number;
  /** The longest time a read of the library was to wait. */
  readonly longestReadMs: number;
  unplug(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface VisaBridgeOptions {
  /** One call of viWrite gets rid of so many bytes at most and then ends with a timeout; default: all. */
  writeBytes?: number;
}

export async function openVisaBridge(device: MessageDevice, options: VisaBridgeOptions = {}): Promise<VisaBridge> {
  const { writeBytes = Number.POSITIVE_INFINITY } = options;
  const sockets = new Set<Socket>();
  const waits = { longestReadMs: 0 };
  const locks: LockTable = { key: undefined, holders: new Set(), waiting: [] };
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    const connection = device.connect(() => socket.destroy());
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      release(locks, socket);
      connection.closed();
    });
    void serve(socket, { connection, locks, waits, writeBytes });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const cutAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    resource: `TCPIP0::127.0.0.1,${port}::inst0::INSTR`,
    get connections() {
      return sockets.size;
    },
    get longestReadMs() {
      return waits.longestReadMs;
    },
    unplug() {
      cutAll();
      server.close();
    },
    async [Symbol.asyncDispose]() {
      cutAll();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

interface Served {
  connection: MessageConnection;
  locks: LockTable;
  waits: { longestReadMs: number };
  writeBytes: number;
}

async function serve(socket: Socket, served: Served): Promise<void> {
  const queue = new ByteQueue();
  try {
    for await (const chunk of socket) {
      queue.push(chunk);
      for (let head = queue.view(HEAD_BYTES); head; head = queue.view(HEAD_BYTES)) {
        const view = new DataView(head.buffer, head.byteOffset, HEAD_BYTES);
        const request = queue.take(HEAD_BYTES + view.getUint32(9, true));
        if (!request) break;
        const { status, value = 0, bytes = new Uint8Array(0) } = await carryOut(request, served, socket);
        const answer = Buffer.alloc(12);
        answer.writeUInt32LE(status >>> 0, 0);
        answer.writeUInt32LE(value, 4);
        answer.writeUInt32LE(bytes.length, 8);
        socket.write(Buffer.concat([answer, bytes]));
      }
    }
  } catch {
    // Cut.
  }
}

interface Outcome {
  status: number;
  value?: number;
  bytes?: Uint8Array;
}

async function carryOut(
  request: Uint8Array,
  { connection, locks, waits, writeBytes }: Served,
  socket: Socket,
): Promise<Outcome> {
  const view = new DataView(request.buffer, request.byteOffset);
  const operation = String.fromCharCode(request[0] ?? 0);
  const first = view.getUint32(1, true);
  const second = view.getUint32(5, true);
  const bytes = request.subarray(HEAD_BYTES);
  switch (operation) {
    case 'r':
      waits.longestReadMs = Math.max(waits.longestReadMs, second & 0x7fff_ffff);
      return read(connection, first, second, bytes[0] ?? 10);
    case 'w': {
      const taken = bytes.subarray(0, writeBytes);
      const isWhole = taken.length === bytes.length;
      await connection.write(taken, isWhole && first === 1);
      return { status: isWhole ? STATUS.ok : ERROR.timeout, value: taken.length };
    }
    case 'c':
      connection.clear();
      return { status: STATUS.ok };
    case 't':
      connection.trigger();
      return { status: STATUS.ok };
    case 's':
      return { status: STATUS.ok, value: connection.serialPoll() };
    case 'g':
      connection.remoteLocal(first === 1 || first === 3 ? 'remote' : first === 4 || first === 5 ? 'lockout' : 'local');
      return { status: STATUS.ok };
    case 'l':
      return { status: await lock(locks, socket, first === 2 ? Buffer.from(bytes).toString() : undefined, second) };
    default:
      return { status: release(locks, socket) ? STATUS.ok : ERROR.notLocked };
  }
}

async function read(connection: MessageConnection, max: number, second: number, term: number): Promise<Outcome> {
  const isTermCharOn = second >>> 31 === 1;
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), second & 0x7fff_ffff);
  try {
    const termChar = isTermCharOn ? term : undefined;
    const part = await connection.read({ max, termChar, signal: controller.signal });
    const status = part.end ? STATUS.ok : part.isTermChar ? STATUS.termChar : STATUS.maxCount;
    return { status, bytes: part.bytes };
  } catch {
    return { status: ERROR.timeout };
  } finally {
    clearTimeout(timer);
  }
}

async function lock(locks: LockTable, socket: Socket, key: string | undefined, timeoutMs: number): Promise<number> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const isFree = locks.holders.size === 0 || (key !== undefined && locks.key === key);
    if (isFree) {
      locks.key = key;
      locks.holders.add(socket);
      return STATUS.ok;
    }
    const leftMs = end - performance.now();
    if (leftMs <= 0) return ERROR.locked;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, leftMs);
      locks.waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

function release(locks: LockTable, socket: Socket): boolean {
  if (!locks.holders.delete(socket)) return false;
  if (locks.holders.size === 0) locks.key = undefined;
  for (const wake of locks.waiting.splice(0)) wake();
  return true;
}
