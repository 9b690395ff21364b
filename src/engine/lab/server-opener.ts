import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { LabServer, LabServerEvent, LabServerOptions } from '../../lab/lab-server.ts';
import type { LabPorts } from '../../lab/ports.ts';
import { type TimeLimit, timeLimit } from '../time-limit.ts';
import type { BenchServer } from './bench-server.ts';
import { saidName } from './said-text.ts';
import { parseServerAddress } from './server-address.ts';
import type { ServerBoard } from './server-board.ts';
import type { ServerSecrets } from './server-secrets.ts';

export interface ServerOpenerParts {
  clock: Clock;
  ports: LabPorts;
  secrets: ServerSecrets;
  shown: ServerBoard;
  /** Makes the client of a server: finds out what it speaks, unless that is known. */
  open(ports: LabPorts, options: LabServerOptions, signal: AbortSignal): Promise<LabServer>;
  /** Longest look at what a server speaks; ms. */
  openMs: number;
  /** A server that could not be reached is looked for again after so long; ms. */
  againMs: number;
  isOnBench(server: string): boolean;
  heard(server: BenchServer, event: LabServerEvent): void;
  /** A client was made: its equipment may be there. */
  opened(server: BenchServer): void;
}

/** From the first look at a server to the end of the client that came of it. */
interface Life {
  /** Aborts when it is given up. */
  readonly ending: AbortController;
  /** Resolves when there is a client. */
  readonly made: Promise<void>;
}

/**
 * Makes the clients of the servers of the bench, now or later. None outlives it. Each server has one life at most: a try, and the client that came of it.
 *
 *                 connect                     a client
 *        none ──────────────▶ trying ──────────────────────▶ open ──┐
 *        ▲  ▲                 │    ▲                                │ connect: nothing
 *        │  │          failed ▼    │ after `againMs`; connect       │
 *        │  └── giveUp ── waiting ─┘                                │
 *        └───────────────── giveUp (of a try, or a client) ◀────────┘
 *
 * connect: at the start, by Add, Reconnect. giveUp: another token (then connect), off the bench, logged out of a client that cannot do so (then connect), and Disconnect where
 * there is no client; one that is there is told to disconnect, and stays. What is given up is so at once: whatever its try still brings is closed, and its events are not
 * heard. The next life begins when all of the one before is closed. Nothing begins for a server off the bench, or after `stop`.
 */
export class ServerOpener implements AsyncDisposable {
  readonly #parts: ServerOpenerParts;
  readonly #closing = new AbortController();
  readonly #retries = new Map<string, Disposable>();
  readonly #lives = new Map<string, Life>();
  /** What was given up and is not closed yet. */
  readonly #ends = new Map<string, Promise<void>>();

  constructor(parts: ServerOpenerParts) {
    this.#parts = parts;
  }

  /** Ends with the longest look, with the engine, and with what it is for. */
  patience(ending?: AbortSignal): TimeLimit {
    const { signal } = this.#closing;
    return timeLimit(this.#parts.openMs, ending ? AbortSignal.any([signal, ending]) : signal);
  }

  /** A client of something that is not on the bench. Throws server.*. */
  async inspect(url: string, token: string | undefined): Promise<LabServer> {
    using limit = this.patience();
    return await this.#parts.open(this.#parts.ports, { url, token }, limit.signal);
  }

  /** Resolves when there is a client; joins a try under way. Throws server.*, which stands at the server, too; the reason of `giveUp`. */
  connect(server: BenchServer): Promise<void> {
    const { id } = server;
    const known = this.#lives.get(id);
    if (known) return known.made;
    if (this.#closing.signal.aborted || !this.#parts.isOnBench(id))
      return Promise.reject(new LabError('server.unknown', `${server.saved.label} is on the bench no more.`, { id }));
    this.#forget(id);
    server.isStopped = false;
    const ending = new AbortController();
    const made = this.#make(server, ending.signal).catch((error: unknown) => {
      if (this.#lives.get(id) === life) this.#lives.delete(id);
      throw error;
    });
    const life = { ending, made };
    this.#lives.set(id, life);
    this.#parts.shown.show(server);
    return made;
  }

  /** Connects; tries again later, as often as it takes. */
  keepTrying(server: BenchServer): void {
    void this.connect(server).catch(() => this.tryLater(server));
  }

  /** Unless it has a life again, was disconnected by the person or is off the bench. */
  tryLater(server: BenchServer): void {
    const { clock, againMs, isOnBench } = this.#parts;
    const isOver = this.#closing.signal.aborted || !isOnBench(server.id);
    if (isOver || server.isStopped || this.#lives.has(server.id)) return;
    this.#forget(server.id);
    const timer = clock.after(againMs, () => {
      this.#retries.delete(server.id);
      this.keepTrying(server);
    });
    this.#retries.set(server.id, timer);
  }

  /** Whether it is being found out what it speaks. */
  isTrying(server: BenchServer): boolean {
    return this.#lives.has(server.id) && !server.lab;
  }

  /** Ends its tries and its client, at once; resolves when they are closed. Never throws. */
  giveUp(server: BenchServer, reason: LabError): Promise<void> {
    const { id } = server;
    this.#forget(id);
    const life = this.#lives.get(id);
    this.#lives.delete(id);
    life?.ending.abort(reason);
    const client = server.leave(reason);
    const closing = [this.#ends.get(id), life?.made, client?.[Symbol.asyncDispose]()];
    const ended = Promise.allSettled(closing).then(() => {
      if (this.#ends.get(id) === ended) this.#ends.delete(id);
    });
    this.#ends.set(id, ended);
    return ended;
  }

  /** Nothing begins from now on. */
  stop(): void {
    this.#closing.abort(new LabError('call.cancelled', 'The engine ends.'));
    for (const server of [...this.#retries.keys()]) this.#forget(server);
  }

  /** Resolves when no client is being made or given up any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await Promise.allSettled([...[...this.#lives.values()].map(({ made }) => made), ...this.#ends.values()]);
  }

  #forget(server: string): void {
    this.#retries.get(server)?.[Symbol.dispose]();
    this.#retries.delete(server);
  }

  async #make(server: BenchServer, ending: AbortSignal): Promise<void> {
    await this.#ends.get(server.id);
    const { isOnBench, shown } = this.#parts;
    try {
      ending.throwIfAborted();
      const client = await this.#open(server, ending);
      if (ending.aborted || this.#closing.signal.aborted || !isOnBench(server.id)) {
        await client[Symbol.asyncDispose]();
        throw new LabError('server.closed', `${server.saved.label} was given up while it was looked at.`);
      }
      this.#take(server, client);
    } catch (thrown) {
      // Given up: that is no finding about the server.
      ending.throwIfAborted();
      const error = LabError.from(thrown);
      server.failed(error);
      shown.show(server);
      throw error;
    }
  }

  async #open(server: BenchServer, ending: AbortSignal): Promise<LabServer> {
    const { ports, secrets, open } = this.#parts;
    const { saved } = server;
    const { token, session } = await secrets.read(saved.id);
    ending.throwIfAborted();
    server.secret = token;
    server.hasSession = session !== undefined;
    const onSession = (renewed: string | undefined): void => {
      // A login that ended with its client must not come back with its last word; one that was disconnected goes on later.
      if (ending.aborted && !server.isStopped) return;
      server.hasSession = renewed !== undefined;
      void secrets.keepSession(saved.id, renewed);
    };
    const { url, webSocket, dialect } = saved;
    using limit = this.patience(ending);
    const client = await open(
      ports,
      { url, token, session, onSession, webSocket, dialect: dialect ?? undefined },
      limit.signal,
    );
    // Set while it was looked at.
    if (saved.webSocket !== webSocket) client.setSocket(saved.webSocket);
    return client;
  }

  #take(server: BenchServer, client: LabServer): void {
    const { shown, heard, opened } = this.#parts;
    const { saved } = server;
    server.lab = client;
    saved.dialect = client.dialect;
    if (saved.label === parseServerAddress(saved.url).origin && client.about.name !== '')
      saved.label = saidName(client.about.name);
    if (server.secret !== undefined || server.hasSession) server.loginState = 'in';
    client.onEvent((event) => {
      if (server.lab === client) heard(server, event);
    });
    shown.show(server);
    opened(server);
  }
}
