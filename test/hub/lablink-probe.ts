import { gunzipSync, inflateSync } from 'node:zlib';
import { WebSocket } from 'ws';
import type { HubLab } from './hub-harness.ts';

export type Said = Record<string, unknown> & { type: string };

/** A message as it came. */
export interface Heard {
  message: Said;
  isBinary: boolean;
  bytes: number;
  /** First byte of a binary one. */
  tag: number | undefined;
}

/** A LabLink client that says what it is told to, and keeps what it hears. */
export class LabLinkProbe implements Disposable {
  readonly socket: WebSocket;
  readonly heard: Heard[] = [];
  closed: { code: number; reason: string } | undefined;
  readonly #checks = new Set<() => void>();

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data, isBinary) => {
      const bytes = data as Buffer;
      const text = isBinary ? inflated(bytes) : String(bytes);
      this.heard.push({
        message: JSON.parse(text) as Said,
        isBinary,
        bytes: bytes.length,
        tag: isBinary ? bytes[0] : undefined,
      });
      this.#check();
    });
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: String(reason) };
      this.#check();
    });
  }

  /** Resolves once it is open; rejects with the status of a refused handshake. */
  static open(url: string, options: { token?: string; deflate?: boolean } = {}): Promise<LabLinkProbe> {
    const query = options.token === undefined ? '' : `?token=${encodeURIComponent(options.token)}`;
    const socket = new WebSocket(`${url}${query}`, { perMessageDeflate: options.deflate ?? true });
    const probe = new LabLinkProbe(socket);
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(probe));
      socket.once('error', reject);
    });
  }

  say(message: unknown): void {
    this.socket.send(typeof message === 'string' || message instanceof Uint8Array ? message : JSON.stringify(message));
  }

  /** Resolves with what `find` finds now or after any message. */
  until<T>(what: string, find: () => T | undefined | false, limitMs = 60_000): Promise<T> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const found = find();
        if (found === undefined || found === false) return;
        clearTimeout(timer);
        this.#checks.delete(check);
        resolve(found);
      };
      const timer = setTimeout(() => {
        this.#checks.delete(check);
        const last = this.heard.slice(-5).map(({ message }) => message);
        reject(new Error(`Waited for ${what} in vain; the last were ${JSON.stringify(last)}`));
      }, limitMs);
      this.#checks.add(check);
      check();
    });
  }

  /** The first message of a type from `from` on that fits. */
  next(type: string, fits: (message: Said) => boolean = () => true, from = 0): Promise<Said> {
    return this.until(
      type,
      () => this.heard.slice(from).find(({ message }) => message.type === type && fits(message))?.message,
    );
  }

  /** Says something and waits for the answer of that type that comes after it. */
  ask(message: unknown, type: string, fits?: (message: Said) => boolean): Promise<Said> {
    const from = this.heard.length;
    this.say(message);
    return this.next(type, fits, from);
  }

  of(type: string): Said[] {
    return this.heard.filter(({ message }) => message.type === type).map(({ message }) => message);
  }

  untilClosed(): Promise<{ code: number; reason: string }> {
    return this.until('the close', () => this.closed);
  }

  [Symbol.dispose](): void {
    this.socket.terminate();
  }

  #check(): void {
    for (const check of [...this.#checks]) check();
  }
}

function inflated(bytes: Buffer): string {
  const rest = bytes.subarray(1);
  return String(bytes[0] === 0x67 ? gunzipSync(rest) : inflateSync(rest));
}

export interface Answer {
  status: number;
  json: Record<string, unknown>;
  headers: Headers;
}

/** Asks the REST of the hub as a user. */
export async function ask(
  hub: HubLab,
  method: string,
  path: string,
  options: { token?: string | undefined; body?: unknown; index?: number } = {},
): Promise<Answer> {
  const { token, body, index = 0 } = options;
  const response = await fetch(`${hub.url(index)}${path}`, {
    method,
    headers: {
      ...(token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, json: parsed(text), headers: response.headers };
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { text };
  }
}
