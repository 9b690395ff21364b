import type { LabServerEvent } from './lab-server.ts';

/** Listeners of one server. An event is told in a turn of its own, in order, to those who listen by then. */
export class ServerEvents {
  readonly #listeners = new Set<(event: LabServerEvent) => void>();

  on(listener: (event: LabServerEvent) => void): Disposable {
    // An own function, so that the same listener may be added twice.
    const own = (event: LabServerEvent): void => listener(event);
    this.#listeners.add(own);
    return { [Symbol.dispose]: () => void this.#listeners.delete(own) };
  }

  emit(event: LabServerEvent): void {
    queueMicrotask(() => {
      for (const listener of [...this.#listeners]) listener(event);
    });
  }

  note(
    topic: string,
    severity: 'info' | 'warning' | 'error',
    text: string,
    data: Record<string, unknown> = {},
    media?: { type: string; bytes: Uint8Array },
  ): void {
    this.emit({ kind: 'note', topic, severity, text, data, media });
  }

  /** Nobody is told anything any more. */
  close(): void {
    this.#listeners.clear();
  }
}
