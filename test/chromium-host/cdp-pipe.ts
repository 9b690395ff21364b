import type { Readable, Writable } from 'node:stream';

type Params = Record<string, unknown>;
type Listener = (params: Params, session: string | undefined) => void;

interface Waiting {
  resolve(result: Params): void;
  reject(error: Error): void;
}

/** DevTools protocol over Chromium's `--remote-debugging-pipe`: JSON messages, each ended by a zero byte. */
export class CdpPipe {
  private readonly output: Writable;
  private readonly waiting = new Map<number, Waiting>();
  private readonly listeners = new Map<string, Listener[]>();
  private rest: Buffer[] = [];
  private lastId = 0;

  constructor(output: Writable, input: Readable) {
    this.output = output;
    // Chromium closes its end when it dies; that is told by its exit.
    output.on('error', () => this.fail());
    input.on('data', (chunk: Buffer) => this.take(chunk));
    input.on('close', () => this.fail());
  }

  /** Calls a method, in a page's session or of the browser; rejects with Chromium's message. */
  send(method: string, params: Params = {}, session?: string): Promise<Params> {
    const id = ++this.lastId;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.output.write(`${JSON.stringify({ id, method, params, ...(session ? { sessionId: session } : {}) })}\0`);
    });
  }

  /** Hears an event of every session. */
  on(method: string, listener: Listener): void {
    this.listeners.set(method, [...(this.listeners.get(method) ?? []), listener]);
  }

  private take(chunk: Buffer): void {
    let from = 0;
    for (let end = chunk.indexOf(0, from); end >= 0; end = chunk.indexOf(0, from)) {
      const text = Buffer.concat([...this.rest, chunk.subarray(from, end)]).toString();
      this.rest = [];
      from = end + 1;
      this.dispatch(JSON.parse(text));
    }
    if (from < chunk.length) this.rest.push(chunk.subarray(from));
  }

  private dispatch(message: {
    id?: number;
    method?: string;
    params?: Params;
    result?: Params;
    error?: { message: string };
    sessionId?: string;
  }): void {
    if (message.id === undefined) {
      for (const listener of this.listeners.get(message.method ?? '') ?? []) {
        listener(message.params ?? {}, message.sessionId);
      }
      return;
    }
    const waiting = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (message.error) waiting?.reject(new Error(message.error.message));
    else waiting?.resolve(message.result ?? {});
  }

  private fail(): void {
    for (const waiting of this.waiting.values()) waiting.reject(new Error('Chromium is gone.'));
    this.waiting.clear();
  }
}
