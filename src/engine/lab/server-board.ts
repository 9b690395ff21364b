import type { ServerState } from '../../contract/server-schema.ts';
import type { Clock } from '../../core/clock.ts';
import type { StateBoard } from '../state/state-board.ts';
import type { BenchServer } from './bench-server.ts';

export interface ServerBoardParts {
  clock: Clock;
  board: StateBoard;
  /** What a server says is shown so often at most; ms. */
  showMs: number;
  isOnBench(server: string): boolean;
}

/** The servers of the bench as screens see them: shown at once, or soon, once for all that changes meanwhile. */
export class ServerBoard implements Disposable {
  readonly #parts: ServerBoardParts;
  readonly #showing = new Map<string, Disposable>();

  constructor(parts: ServerBoardParts) {
    this.#parts = parts;
  }

  /** Shows it now; gives what is shown. */
  show(server: BenchServer): ServerState {
    this.#forget(server.id);
    const { state } = server;
    if (this.#parts.isOnBench(server.id)) this.#parts.board.publish('server.changed', { server: state });
    return state;
  }

  showSoon(server: BenchServer): void {
    const { clock, showMs, isOnBench } = this.#parts;
    if (this.#showing.has(server.id) || !isOnBench(server.id)) return;
    this.#showing.set(
      server.id,
      clock.after(showMs, () => this.show(server)),
    );
  }

  /** It is not on the bench any more. */
  removed(server: string): void {
    this.#forget(server);
    this.#parts.board.publish('server.removed', { server });
  }

  /** What was to be shown soon is not. */
  [Symbol.dispose](): void {
    for (const server of [...this.#showing.keys()]) this.#forget(server);
  }

  #forget(server: string): void {
    this.#showing.get(server)?.[Symbol.dispose]();
    this.#showing.delete(server);
  }
}
