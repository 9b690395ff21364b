import { LabError } from '../core/errors.ts';
import type { LabPorts } from './ports.ts';

/** What a REST client needs of its host; every request under way ends when this is disposed. */
export class OwnedHttp implements Disposable {
  readonly #ports: LabPorts;
  readonly #running = new Set<AbortController>();
  #isOver = false;

  constructor(ports: LabPorts) {
    this.#ports = ports;
  }

  /** The same ports, with requests that are owned. */
  get ports(): LabPorts {
    const { isListening } = this.#ports;
    return {
      clock: this.#ports.clock,
      inflate: this.#ports.inflate,
      random: () => this.#ports.random(),
      uniqueId: () => this.#ports.uniqueId(),
      openSocket: (request, events) => this.#ports.openSocket(request, events),
      http: (request, signal) => this.#http(request, signal),
      onNetworkChange: (listener) => this.#ports.onNetworkChange(listener),
      ...(isListening ? { isListening: isListening.bind(this.#ports) } : {}),
    };
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    for (const request of this.#running) request.abort(over());
    this.#running.clear();
  }

  async #http(...[request, signal]: Parameters<LabPorts['http']>): ReturnType<LabPorts['http']> {
    if (this.#isOver) throw over();
    signal?.throwIfAborted();
    const stop = new AbortController();
    const forward = (): void => stop.abort(signal?.reason);
    signal?.addEventListener('abort', forward, { once: true });
    this.#running.add(stop);
    try {
      return await this.#ports.http(request, stop.signal);
    } finally {
      this.#running.delete(stop);
      signal?.removeEventListener('abort', forward);
    }
  }
}

function over(): LabError {
  return new LabError('call.cancelled', 'The client of this lab server was closed.');
}
