import { ManualClock } from '../../src/core/clock.ts';
import { LabError } from '../../src/core/errors.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import type {
  HttpAnswer,
  HttpRequest,
  LabPorts,
  LabSocket,
  Refusal,
  SocketData,
  SocketEvents,
  SocketRequest,
} from '../../src/lab/ports.ts';

/** One socket of `ManualPorts`: the test plays the server. */
export class ManualSocket implements LabSocket {
  readonly request: SocketRequest;
  readonly sent: SocketData[] = [];
  readonly #events: SocketEvents;
  bufferedBytes = 0;
  pings = 0;
  /** False: RFC 6455 pings are swallowed. */
  answersPings = true;
  /** 'cut', or the code of the close frame of the client. */
  left: 'cut' | number | undefined;
  isOpen = false;
  isOver = false;

  constructor(request: SocketRequest, events: SocketEvents) {
    this.request = request;
    this.#events = events;
  }

  open(protocol = ''): void {
    if (this.isOver || this.isOpen) return;
    this.isOpen = true;
    this.#events.onOpen({ protocol, headers: {}, isDeflated: false });
  }

  say(data: SocketData): void {
    if (this.isOpen && !this.isOver) this.#events.onMessage(data, 0);
  }

  end(code = 1006, reason = '', more: { refusal?: Refusal; error?: string } = {}): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#events.onEnd({ code, reason, ...more });
  }

  send(data: SocketData): void {
    if (this.isOpen && !this.isOver) this.sent.push(data);
  }

  close(code: number, reason: string): void {
    this.left ??= code;
    queueMicrotask(() => this.end(code, reason));
  }

  cut(): void {
    this.left ??= 'cut';
    queueMicrotask(() => this.end());
  }

  ping(onPong: () => void): void {
    this.pings++;
    if (this.answersPings) queueMicrotask(onPong);
  }
}

/** Ports without a world: sockets are played by the test, time is moved by hand. */
export class ManualPorts implements LabPorts {
  readonly clock = new ManualClock();
  readonly sockets: ManualSocket[] = [];
  readonly requests: HttpRequest[] = [];
  /** Answers HTTP; throws what it likes. */
  answer: (request: HttpRequest) => HttpAnswer | Promise<HttpAnswer> = () => {
    throw new LabError('server.unreachable', 'Nothing listens.');
  };
  /** What the bare TCP probe finds. */
  listens = false;
  probes = 0;
  onSocket: (socket: ManualSocket) => void = () => {};
  readonly #random;
  readonly #network = new Set<() => void>();
  #ids = 0;

  constructor(seed = 1) {
    this.#random = seededRandom(seed);
  }

  random(): number {
    return this.#random.next();
  }

  uniqueId(): string {
    return (++this.#ids).toString(16).padStart(32, '0');
  }

  openSocket(request: SocketRequest, events: SocketEvents): LabSocket {
    const socket = new ManualSocket(request, events);
    this.sockets.push(socket);
    this.onSocket(socket);
    return socket;
  }

  async http(request: HttpRequest, signal?: AbortSignal): Promise<HttpAnswer> {
    signal?.throwIfAborted();
    this.requests.push(request);
    const answer = await this.answer(request);
    signal?.throwIfAborted();
    return answer;
  }

  readonly inflate = {
    gunzip: unavailable,
    unzlib: unavailable,
    inflate: unavailable,
  };

  isListening(): Promise<boolean> {
    this.probes++;
    return Promise.resolve(this.listens);
  }

  onNetworkChange(listener: () => void): Disposable {
    this.#network.add(listener);
    return { [Symbol.dispose]: () => void this.#network.delete(listener) };
  }

  wake(): void {
    for (const listener of this.#network) listener();
  }

  get listeners(): number {
    return this.#network.size;
  }

  get last(): ManualSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error('no socket was opened');
    return socket;
  }

  get openSockets(): number {
    return this.sockets.filter(({ isOver }) => !isOver).length;
  }
}

function unavailable(): Uint8Array {
  throw new LabError('protocol.malformed', 'Nothing is inflated here.');
}
