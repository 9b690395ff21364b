import type { MessagePortMain, UtilityProcess, WebContents } from 'electron';
import { MessageChannelMain } from 'electron';
import { type FromEngine, fromEngine, type ToEngine } from '../contract/host-messages.ts';
import { RestartLimit } from '../core/restart-limit.ts';
import { forkUtility } from './utility-fork.ts';

/** Reaches the engine that asked, never the next one; a port goes along. */
export type Reply = (answer: ToEngine, ports?: MessagePortMain[]) => void;

/** How main is told of the engine. */
export interface EngineListener {
  /** Anything the engine asks of its host. */
  message(message: FromEngine, reply: Reply): void;
  /** It ended unasked. `retryMs`: pause before the restart; null: not restarted, because it ended too often. */
  died(code: number, retryMs: number | null): void;
}

interface Options {
  /** The built `engine-entry.js`. */
  entry: string;
  args: string[];
  listener: EngineListener;
  restarts?: RestartLimit;
}

/**
 * Owns the engine's utility process: starts it, hands every page its port, starts it again when it dies.
 *
 *             start            'ready'
 *      idle ────────▶ starting ───────▶ running
 *                        ▲  │ exit         │ exit
 *              after a   │  ▼              ▼
 *              pause     └─ waiting ◀──────┤
 *                                          ├──▶ failed    'failed', or too many ends in a minute
 *      any ── close() ──▶ closing ── exit or limit ──▶ closed
 */
export class EngineProcess {
  readonly #options: Options;
  readonly #restarts: RestartLimit;
  /** Pages that have a port. */
  readonly #pages = new Set<WebContents>();
  /** Pages that asked while there was no engine. */
  readonly #waiting = new Set<WebContents>();
  #state: 'idle' | 'starting' | 'running' | 'waiting' | 'failed' | 'closing' | 'closed' = 'idle';
  #child: UtilityProcess | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: Options) {
    this.#options = options;
    this.#restarts = options.restarts ?? new RestartLimit();
  }

  get state(): string {
    return this.#state;
  }

  /** Process id while it runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it; also after it failed, then with its restarts counted anew. */
  start(): void {
    if (this.#child || (this.#state !== 'idle' && this.#state !== 'failed')) return;
    this.#restarts.reset();
    this.#fork();
  }

  /** Sends to the engine if there is one. */
  send(message: ToEngine): void {
    this.#child?.postMessage(message);
  }

  /**
   * Gives a page one port to the engine: now, or when the engine is there again. A page that was reloaded, or was told that
   * the engine is gone, asks again; the engine sees the old port close.
   */
  connect(page: WebContents): void {
    if (this.#child) this.#join(page);
    else this.#waiting.add(page);
  }

  /** Asks it to finish and waits at most `limitMs`, then ends it; what it had flushed is safe either way. */
  async close(limitMs: number): Promise<void> {
    clearTimeout(this.#timer);
    const child = this.#child;
    this.#state = child ? 'closing' : 'closed';
    if (!child) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    this.send({ kind: 'close' });
    const timer = setTimeout(() => child.kill(), limitMs);
    await ended;
    clearTimeout(timer);
    this.#state = 'closed';
  }

  #fork(): void {
    this.#state = 'starting';
    const { entry, args } = this.#options;
    const child = forkUtility(entry, args, { serviceName: 'Labwire engine' });
    this.#child = child;
    child.on('message', (data: unknown) => {
      const parsed = fromEngine.safeParse(data);
      if (parsed.success) this.#take(child, parsed.data);
      else console.error('labwire: the engine said what its host does not know. Build again.');
    });
    child.once('exit', (code) => this.#ended(code));
    for (const page of this.#waiting) this.#join(page);
    this.#waiting.clear();
  }

  #take(child: UtilityProcess, message: FromEngine): void {
    if (message.kind === 'ready' && this.#state === 'starting') this.#state = 'running';
    if (message.kind === 'failed') this.#state = 'failed';
    this.#options.listener.message(message, (answer, ports) => {
      if (this.#child === child) child.postMessage(answer, ports);
      else for (const port of ports ?? []) port.close();
    });
  }

  #ended(code: number): void {
    this.#child = undefined;
    if (this.#state === 'closing' || this.#state === 'failed') return;
    const retryMs = this.#restarts.next(performance.now());
    this.#state = retryMs === undefined ? 'failed' : 'waiting';
    if (retryMs !== undefined) this.#timer = setTimeout(() => this.#fork(), retryMs);
    for (const page of this.#pages) {
      if (!page.isDestroyed()) page.send('engine.gone', { retryMs: retryMs ?? null });
    }
    this.#options.listener.died(code, retryMs ?? null);
  }

  /** Buffers are copied between processes, so one channel a page; the engine keeps port1, the preload passes port2 on. */
  #join(page: WebContents): void {
    if (page.isDestroyed()) return;
    if (!this.#pages.has(page)) {
      this.#pages.add(page);
      page.once('destroyed', () => this.#pages.delete(page));
    }
    const { port1, port2 } = new MessageChannelMain();
    this.#child?.postMessage({ kind: 'connect' } satisfies ToEngine, [port1]);
    page.postMessage('engine.port', null, [port2]);
  }
}
