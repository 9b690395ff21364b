import { createServer, type Server, type Socket } from 'node:net';
import { LabError } from '../../core/errors.ts';
import { HISLIP_PORT } from '../../core/resource-shape.ts';
import { FATAL, HISLIP, HISLIP_1_0, HISLIP_2_0, SECURE_CAPABLE } from '../../protocol/hislip.ts';
import { HISLIP_HEADER_BYTES, type HislipHeader } from '../../protocol/hislip-header.ts';
import { serveHislipAsync } from './hislip-async.ts';
import { HislipLocks } from './hislip-locks.ts';
import type { HislipServerOptions } from './hislip-options.ts';
import { HislipPipe, POORLY_FORMED } from './hislip-pipe.ts';
import { HislipSession, hislipText } from './hislip-session.ts';
import type { MessageDevice } from './message-device.ts';

export interface HislipServer extends AsyncDisposable {
  readonly port: number;
  /** Clients with both or one of their channels open. */
  readonly clients: number;
}

/**
 * Serves instruments over HiSLIP (IVI-6.1 1.0 to 2.0). Both channels of a client come to the same port; the first message says which one it is (6.1).
 * Throws `simulator.failed`.
 */
export async function openHislipServer(options: HislipServerOptions): Promise<HislipServer> {
  const hub = new HislipHub(options);
  const server = createServer({ noDelay: true, keepAlive: true }, (socket) => hub.accept(socket));
  // One more than there are places, so that it can be told why it is refused.
  server.maxConnections = 2 * hub.maxClients + 2;
  await listen(server, options.host ?? '127.0.0.1', options.port ?? HISLIP_PORT);
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    get clients() {
      return hub.clients;
    },
    async [Symbol.asyncDispose]() {
      hub.closeAll();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const text =
        error.code === 'EADDRINUSE'
          ? `Another program holds port ${port} of ${host}. The simulated instrument is not served over HiSLIP; give another port or 0 for any free one.`
          : `The system refused to listen on ${host} port ${port} (${error.message}). The simulated instrument is not served over HiSLIP.`;
      reject(new LabError('simulator.failed', text, { code: error.code ?? '' }, { cause: error }));
    });
    server.listen(port, host, () => resolve());
  });
}

/** Sessions of a server, and the locks of its devices. */
class HislipHub {
  readonly maxClients: number;
  readonly #options: HislipServerOptions;
  readonly #version: number;
  readonly #sessions = new Map<number, HislipSession>();
  readonly #locks = new Map<MessageDevice, HislipLocks>();
  readonly #pipes = new Set<HislipPipe>();
  #nextId = 1;

  constructor(options: HislipServerOptions) {
    this.#options = options;
    this.maxClients = options.maxClients ?? 16;
    this.#version = options.version === '1.0' ? HISLIP_1_0 : HISLIP_2_0;
  }

  get clients(): number {
    return this.#sessions.size;
  }

  accept(socket: Socket): void {
    const maxDataBytes = (this.#options.maxMessageBytes ?? 1024 * 1024) - HISLIP_HEADER_BYTES;
    const pipe = new HislipPipe(socket, { maxDataBytes });
    this.#pipes.add(pipe);
    pipe.onClosed(() => this.#pipes.delete(pipe));
    void this.#serve(pipe);
  }

  closeAll(): void {
    for (const session of [...this.#sessions.values()]) session.close();
    for (const pipe of [...this.#pipes]) pipe.destroy({ isForced: true });
  }

  async #serve(pipe: HislipPipe): Promise<void> {
    let session: HislipSession | undefined;
    try {
      const first = await pipe.next();
      if (!first) return pipe.destroy();
      const payload = first.kind === 'message' ? first.payload : new Uint8Array(0);
      if (first.header.type === HISLIP.initialize) session = await this.#initialize(pipe, first.header, payload);
      else if (first.header.type === HISLIP.asyncInitialize) session = await this.#initializeAsync(pipe, first.header);
      else pipe.fail(FATAL.invalidInitialization, 'Initialize or AsyncInitialize expected');
      if (!session) return;
      if (pipe === session.sync) await session.serve();
      else await serveHislipAsync(session, pipe);
      session.close();
    } catch (error) {
      const isForm = error instanceof LabError && error.code === 'protocol.malformed';
      const { code, text } = isForm ? POORLY_FORMED : { code: FATAL.unidentified, text: 'Unidentified error' };
      if (session) session.fail(code, text);
      else pipe.fail(code, text);
    }
  }

  async #initialize(pipe: HislipPipe, header: HislipHeader, payload: Uint8Array): Promise<HislipSession | undefined> {
    const clientVersion = header.parameter >>> 16;
    const { devices } = this.#options;
    const name = hislipText(payload);
    const known = name === '' ? Object.keys(devices)[0] : name?.toLowerCase();
    const device = known !== undefined && Object.hasOwn(devices, known) ? devices[known] : undefined;
    if (clientVersion < HISLIP_1_0) pipe.fail(FATAL.invalidInitialization, 'Unknown protocol version');
    else if (!device) pipe.fail(FATAL.unidentified, 'No instrument of that sub-address');
    else if (this.#sessions.size >= this.maxClients)
      pipe.fail(FATAL.maximumClients, 'Maximum number of clients exceeded');
    else {
      const id = this.#freeId();
      const version = Math.min(clientVersion, this.#version);
      const session = new HislipSession({
        id,
        version,
        device,
        locks: this.#locksOf(device),
        sync: pipe,
        options: this.#options,
      });
      this.#sessions.set(id, session);
      pipe.onClosed(() => this.#sessions.delete(id));
      await pipe.send(HISLIP.initializeResponse, session.features, version * 0x1_0000 + id);
      return session;
    }
    return undefined;
  }

  async #initializeAsync(pipe: HislipPipe, header: HislipHeader): Promise<HislipSession | undefined> {
    const session = this.#sessions.get(header.parameter);
    if (!session || session.async) {
      pipe.fail(FATAL.invalidInitialization, 'No session of that number waits for its asynchronous channel');
      return undefined;
    }
    session.async = pipe;
    pipe.onClosed(() => session.close());
    const canSecure = session.version >= HISLIP_2_0 && this.#options.security !== undefined;
    const vendor = Buffer.from((this.#options.vendorId ?? 'LW').padEnd(2)).readUInt16BE(0);
    await pipe.send(HISLIP.asyncInitializeResponse, canSecure ? SECURE_CAPABLE : 0, vendor);
    session.connection.onServiceRequest(() => session.requestService());
    return session;
  }

  #locksOf(device: MessageDevice): HislipLocks {
    const locks = this.#locks.get(device) ?? new HislipLocks();
    this.#locks.set(device, locks);
    return locks;
  }

  /** Session numbers are 16 bits, and not used again at once. */
  #freeId(): number {
    while (this.#sessions.has(this.#nextId)) this.#nextId = (this.#nextId % 0xffff) + 1;
    const id = this.#nextId;
    this.#nextId = (id % 0xffff) + 1;
    return id;
  }
}
