import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import type { Message } from './replay-recording.ts';

/** How a handshake was answered. */
export interface Handshake {
  status: number;
  extensions: string | null;
  subprotocol: string | null;
  /** Of a refusal. */
  body: string;
}

/** One connection of a replayed client: what it heard, in order, and how it ended. */
export class ReplayTalk implements Disposable {
  readonly socket: WebSocket;
  readonly heard: Message[] = [];
  closed: { code: number; reason: string } | undefined;
  readonly #handshake: Promise<Handshake>;
  readonly #checks = new Set<() => void>();

  constructor(url: string) {
    this.socket = new WebSocket(url);
    this.socket.on('error', () => {});
    this.socket.on('message', (data) => {
      this.heard.push(JSON.parse(String(data)) as Message);
      this.#check();
    });
    this.socket.on('close', (code, reason) => {
      this.closed = { code, reason: String(reason) };
      this.#check();
    });
    this.#handshake = new Promise((resolve) => {
      this.socket.once('upgrade', ({ headers }: IncomingMessage) =>
        resolve({
          status: 101,
          extensions: headers['sec-websocket-extensions'] ?? null,
          subprotocol: headers['sec-websocket-protocol'] ?? null,
          body: '',
        }),
      );
      this.socket.once('unexpected-response', (_request, response: IncomingMessage) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            extensions: null,
            subprotocol: null,
            body: Buffer.concat(chunks).toString(),
          }),
        );
      });
    });
  }

  /** Resolves once it is open, or refused. */
  async handshake(): Promise<Handshake> {
    const answer = await this.#handshake;
    if (answer.status === 101) await this.until('it is open', () => this.socket.readyState >= WebSocket.OPEN);
    return answer;
  }

  /** Everything the client sent so far has been read by the hub, and everything it said before has come. */
  async settled(): Promise<void> {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    let isBack = false;
    this.socket.once('pong', () => {
      isBack = true;
      this.#check();
    });
    this.socket.ping();
    await this.until('a pong of the socket', () => isBack || this.closed !== undefined);
  }

  /** Resolves as soon as `holds` does, after any message. */
  until(what: string, holds: () => boolean, limitMs = 60_000): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        if (!holds()) return;
        clearTimeout(timer);
        this.#checks.delete(check);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#checks.delete(check);
        reject(new Error(`Waited in vain until ${what}; the last were ${JSON.stringify(this.heard.slice(-4))}`));
      }, limitMs);
      this.#checks.add(check);
      this.socket.once('open', check);
      check();
    });
  }

  [Symbol.dispose](): void {
    this.socket.terminate();
  }

  #check(): void {
    for (const check of [...this.#checks]) check();
  }
}
