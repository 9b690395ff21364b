import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { LabServer, LabServerEvent, LabServerOptions } from '../../lab/lab-server.ts';
import type { LabPorts } from '../../lab/ports.ts';
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

/** Makes the clients of the servers of the bench, now or later. None outlives it. */
export class ServerOpener implements AsyncDisposable {
  readonly #parts: ServerOpenerParts;
  readonly #closing = new AbortController();
  readonly #retries = new Map<string, Disposable>();
  readonly #connecting = new Set<Promise<void>>();

  constructor(parts: ServerOpenerParts) {
    this.#parts = parts;
  }

  /** Ends with the longest look, and with the engine. */
  get patience(): AbortSignal {
    return AbortSignal.any([AbortSignal.timeout(this.#parts.openMs), this.#closing.signal]);
  }

  /** A client of something that is not on the bench. Throws server.*. */
  inspect(url: string, token: string | undefined): Promise<LabServer> {
    return this.#parts.open(this.#parts.ports, { url, token }, this.patience);
  }

  /** Throws server.*; that stands at the server, too. */
  connect(server: BenchServer): Promise<void> {
    const connecting = this.#connectNow(server);
    const settled = connecting.then(
      () => undefined,
      () => undefined,
    );
    this.#connecting.add(settled);
    void settled.then(() => this.#connecting.delete(settled));
    return connecting;
  }

  /** Connects; tries again later, as often as it takes. */
  keepTrying(server: BenchServer): void {
    void this.connect(server).catch(() => this.tryLater(server));
  }

  tryLater(server: BenchServer): void {
    const { clock, againMs, isOnBench } = this.#parts;
    if (this.#closing.signal.aborted || !isOnBench(server.id)) return;
    this.forget(server.id);
    const timer = clock.after(againMs, () => {
      this.#retries.delete(server.id);
      if (!server.lab) this.keepTrying(server);
    });
    this.#retries.set(server.id, timer);
  }

  /** It is not tried again. */
  forget(server: string): void {
    this.#retries.get(server)?.[Symbol.dispose]();
    this.#retries.delete(server);
  }

  /** Nothing begins from now on. */
  stop(): void {
    this.#closing.abort(new LabError('call.cancelled', 'The engine ends.'));
    for (const server of [...this.#retries.keys()]) this.forget(server);
  }

  /** Resolves when no client is being made any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await Promise.allSettled(this.#connecting);
  }

  async #connectNow(server: BenchServer): Promise<void> {
    const { ports, secrets, open, shown, isOnBench, heard, opened } = this.#parts;
    const { saved } = server;
    try {
      const { token, session } = await secrets.read(saved.id);
      server.secret = token;
      server.hasSession = session !== undefined;
      const onSession = (renewed: string | undefined): void => {
        server.hasSession = renewed !== undefined;
        void secrets.keepSession(saved.id, renewed);
      };
      const lab = await open(
        ports,
        { url: saved.url, token, session, onSession, webSocket: saved.webSocket, dialect: saved.dialect ?? undefined },
        this.patience,
      );
      if (!isOnBench(saved.id)) {
        await lab[Symbol.asyncDispose]();
        return;
      }
      server.lab = lab;
      saved.dialect = lab.dialect;
      if (saved.label === parseServerAddress(saved.url).origin && lab.about.name !== '')
        saved.label = saidName(lab.about.name);
      if (token !== undefined || server.hasSession) server.loginState = 'in';
      lab.onEvent((event) => heard(server, event));
      shown.show(server);
      opened(server);
    } catch (thrown) {
      const error = LabError.from(thrown);
      server.failed(error);
      shown.show(server);
      throw error;
    }
  }
}
