import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';

/** A HiSLIP message as a test writes and reads it. Written without the codec under test, so that one cannot hide the mistakes of the other. */
export interface RawMessage {
  type: number;
  control: number;
  parameter: number;
  payload: string;
}

/** Type numbers of IVI-6.1 Table 4, by hand. */
export const T = {
  Initialize: 0,
  InitializeResponse: 1,
  FatalError: 2,
  Error: 3,
  AsyncLock: 4,
  AsyncLockResponse: 5,
  Data: 6,
  DataEnd: 7,
  DeviceClearComplete: 8,
  DeviceClearAcknowledge: 9,
  AsyncRemoteLocalControl: 10,
  AsyncRemoteLocalResponse: 11,
  Trigger: 12,
  Interrupted: 13,
  AsyncInterrupted: 14,
  AsyncMaximumMessageSize: 15,
  AsyncMaximumMessageSizeResponse: 16,
  AsyncInitialize: 17,
  AsyncInitializeResponse: 18,
  AsyncDeviceClear: 19,
  AsyncServiceRequest: 20,
  AsyncStatusQuery: 21,
  AsyncStatusResponse: 22,
  AsyncDeviceClearAcknowledge: 23,
  AsyncLockInfo: 24,
  AsyncLockInfoResponse: 25,
  GetDescriptors: 26,
  GetDescriptorsResponse: 27,
  StartTLS: 28,
  AsyncStartTLS: 29,
  AsyncStartTLSResponse: 30,
  AsyncEndTLS: 32,
  AsyncEndTLSResponse: 33,
  GetSaslMechanismList: 34,
  GetSaslMechanismListResponse: 35,
  AuthenticationStart: 36,
  AuthenticationExchange: 37,
  AuthenticationResult: 38,
} as const;

/** One connection, in the hands of a test. */
export class RawChannel {
  readonly socket: net.Socket;
  #bytes = Buffer.alloc(0);
  #isEnded = false;
  #wake: () => void = () => {};

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#wake();
    });
    socket.on('close', () => {
      this.#isEnded = true;
      this.#wake();
    });
    socket.on('end', () => {
      this.#isEnded = true;
      this.#wake();
    });
  }

  static async connect(port: number): Promise<RawChannel> {
    const socket = net.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new RawChannel(socket);
  }

  send(type: number, control = 0, parameter = 0, payload: string | Buffer = ''): void {
    const body = Buffer.from(payload as string, 'latin1');
    const head = Buffer.alloc(16);
    head.write('HS', 'latin1');
    head[2] = type;
    head[3] = control;
    head.writeUInt32BE(parameter >>> 0, 4);
    head.writeBigUInt64BE(BigInt(body.length), 8);
    this.socket.write(Buffer.concat([head, body]));
  }

  /** The next message; undefined when the other side has ended. */
  async next(): Promise<RawMessage | undefined> {
    const head = await this.#take(16);
    if (!head) return undefined;
    const payload = await this.#take(Number(head.readBigUInt64BE(8)));
    return {
      type: head[2] as number,
      control: head[3] as number,
      parameter: head.readUInt32BE(4),
      payload: payload?.toString('latin1') ?? '',
    };
  }

  async #take(length: number): Promise<Buffer | undefined> {
    while (this.#bytes.length < length) {
      if (this.#isEnded) return undefined;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const taken = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    return taken;
  }

  /** TLS from here on, as the client of it. */
  async startTls(options: tls.ConnectionOptions): Promise<RawChannel> {
    this.#letGo();
    const secure = tls.connect({ ...options, socket: this.socket });
    await once(secure, 'secureConnect');
    return new RawChannel(secure);
  }

  /** TLS from here on, as the server of it. */
  async serveTls(options: { key: string; cert: string }): Promise<RawChannel> {
    this.#letGo();
    if (this.#bytes.length > 0) this.socket.unshift(this.#bytes);
    const secure = new tls.TLSSocket(this.socket, { isServer: true, secureContext: tls.createSecureContext(options) });
    secure.on('error', () => {});
    await once(secure, 'secure');
    return new RawChannel(secure);
  }

  #letGo(): void {
    this.socket.removeAllListeners('data');
    this.socket.pause();
  }

  close(): void {
    this.socket.destroy();
  }
}

export const size = (bytes: number): Buffer => {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64BE(BigInt(bytes));
  return buffer;
};

/** A client of two raw channels, opened as 6.1 says. */
export interface RawClient {
  sync: RawChannel;
  async: RawChannel;
  session: number;
  close(): void;
}

export async function openRawClient(port: number, device = 'hislip0', version = 0x0100): Promise<RawClient> {
  const sync = await RawChannel.connect(port);
  sync.send(T.Initialize, 0, version * 0x10000 + 0x5858, device);
  const answer = await sync.next();
  if (answer?.type !== T.InitializeResponse) throw new Error(`no InitializeResponse: ${JSON.stringify(answer)}`);
  const session = answer.parameter & 0xffff;
  const async = await RawChannel.connect(port);
  async.send(T.AsyncInitialize, 0, session);
  await async.next();
  async.send(T.AsyncMaximumMessageSize, 0, 0, size(1 << 20));
  await async.next();
  return {
    sync,
    async,
    session,
    close() {
      sync.close();
      async.close();
    },
  };
}

/** A server in the hands of a test: gives each connection as it comes. */
export interface RawServer extends AsyncDisposable {
  port: number;
  accept(): Promise<RawChannel>;
  /** Answers the opening of a client as an instrument would; `features`: control code of InitializeResponse. */
  serve(options?: {
    features?: number;
    version?: number;
    maxBytes?: number;
  }): Promise<{ sync: RawChannel; async: RawChannel }>;
}

export async function openRawServer(): Promise<RawServer> {
  const channels: RawChannel[] = [];
  const waiting: ((channel: RawChannel) => void)[] = [];
  const all: RawChannel[] = [];
  const server = net.createServer((socket) => {
    const channel = new RawChannel(socket);
    all.push(channel);
    const next = waiting.shift();
    if (next) next(channel);
    else channels.push(channel);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accept = async (): Promise<RawChannel> =>
    channels.shift() ?? (await new Promise((resolve) => waiting.push(resolve)));
  return {
    port: (server.address() as net.AddressInfo).port,
    accept,
    async serve({ features = 0, version = 0x0100, maxBytes = 1 << 20 } = {}) {
      const sync = await accept();
      await sync.next();
      sync.send(T.InitializeResponse, features, version * 0x10000 + 0x1234);
      const async = await accept();
      await async.next();
      async.send(T.AsyncInitializeResponse, 0, 0x5858);
      await async.next();
      async.send(T.AsyncMaximumMessageSizeResponse, 0, 0, size(maxBytes));
      return { sync, async };
    },
    async [Symbol.asyncDispose]() {
      for (const channel of all) channel.close();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
