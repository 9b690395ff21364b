import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { redact } from '../../core/redact.ts';
import type { LabSocket, Refusal, SocketEvents, SocketRequest } from '../../lab/ports.ts';

/** What is kept of an answer that is no upgrade. */
const BODY_LIMIT = 4096;
/** After so long a close frame was not answered: cut. */
const CLOSE_MS = 2_000;
/** Shorter messages are not deflated. */
const COMPRESS_FROM = 1024;

/** A WebSocket by `ws`. Nothing throws: a URL that is none ends like a connection that failed. */
export function openNodeSocket(request: SocketRequest, events: SocketEvents, isSecure: boolean): LabSocket {
  return new NodeSocket(request, events, isSecure);
}

class NodeSocket implements LabSocket {
  readonly #events: SocketEvents;
  #socket: WebSocket | undefined;
  #raw: Socket | undefined;
  #readBytes = 0;
  #refusal: Refusal | undefined;
  #error: string | undefined;
  #isOver = false;
  #closing: NodeJS.Timeout | undefined;

  constructor(request: SocketRequest, events: SocketEvents, isSecure: boolean) {
    this.#events = events;
    try {
      this.#socket = new WebSocket(request.url, [...request.protocols], {
        headers: request.headers,
        // 12 bits are what the servers of the field negotiate; more window saves little at their sizes of message.
        perMessageDeflate: request.deflate && { clientMaxWindowBits: 12, serverMaxWindowBits: 12, threshold: 1024 },
        maxPayload: request.maxMessageBytes,
        rejectUnauthorized: isSecure,
        followRedirects: false,
        // A text that is no UTF-8 ends the connection with 1007.
        skipUTF8Validation: false,
      });
      this.#listen(this.#socket);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      setImmediate(() => this.#end(1006, '', redact(why)));
    }
  }

  get bufferedBytes(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  send(data: string | Uint8Array): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    // `ws` would deflate the shortest message, at the price of a turn of a thread each: acknowledgements and pings go as they are.
    this.#socket.send(data, { compress: data.length >= COMPRESS_FROM }, () => {});
  }

  close(code: number, reason: string): void {
    if (this.#isOver || this.#closing) return;
    // Not open yet: there is nobody to say it to.
    if (this.#socket?.readyState === WebSocket.CONNECTING) {
      this.cut();
      return;
    }
    this.#closing = setTimeout(() => this.cut(), CLOSE_MS);
    this.#socket?.close(code, reason.slice(0, 100));
  }

  cut(): void {
    this.#socket?.terminate();
    this.#raw?.destroy();
  }

  ping(onPong: () => void): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#socket.once('pong', onPong);
    this.#socket.ping();
  }

  #listen(socket: WebSocket): void {
    socket.binaryType = 'nodebuffer';
    let headers: Readonly<Record<string, string>> = {};
    socket.on('upgrade', (response: IncomingMessage) => {
      this.#raw = response.socket;
      this.#readBytes = response.socket.bytesRead;
      headers = plainHeaders(response);
    });
    socket.on('open', () => {
      const isDeflated = socket.extensions.includes('permessage-deflate');
      this.#events.onOpen({ protocol: socket.protocol, headers, isDeflated });
    });
    socket.on('message', (data: Buffer, isBinary) => {
      if (this.#isOver) return;
      this.#events.onMessage(isBinary ? data : data.toString('utf8'), this.#wireBytes());
    });
    socket.on('unexpected-response', (_, response) => void this.#refused(response));
    socket.on('error', (error) => {
      this.#error ??= redact(wordOf(error));
    });
    socket.on('close', (code, reason) => {
      // An answer that is no upgrade is read first.
      if (!this.#refusal) this.#end(code, reason.toString('utf8'), this.#error);
    });
  }

  /** Bytes off the wire since the last message: several messages of one segment count with the first. */
  #wireBytes(): number {
    const read = this.#raw?.bytesRead ?? 0;
    const passed = read - this.#readBytes;
    this.#readBytes = read;
    return passed;
  }

  async #refused(response: IncomingMessage): Promise<void> {
    const refusal = { status: response.statusCode ?? 0, headers: plainHeaders(response), body: '' };
    this.#refusal = refusal;
    const late = setTimeout(() => response.destroy(), CLOSE_MS);
    const parts: Buffer[] = [];
    let length = 0;
    try {
      for await (const part of response as AsyncIterable<Buffer>) {
        parts.push(part);
        length += part.length;
        if (length >= BODY_LIMIT) break;
      }
    } catch {
      // Cut off: what was read is enough.
    }
    clearTimeout(late);
    response.destroy();
    refusal.body = Buffer.concat(parts).subarray(0, BODY_LIMIT).toString('utf8');
    this.#end(1006, '', undefined);
    this.#socket?.terminate();
  }

  #end(code: number, reason: string, error: string | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#closing);
    this.#raw = undefined;
    this.#events.onEnd({ code, reason, refusal: this.#refusal, error });
  }
}

/** Systems speak in codes; connections to a name with two addresses give one error for both. */
function wordOf(error: Error & { code?: string; errors?: Error[] }): string {
  const first = error.errors?.[0] as (Error & { code?: string }) | undefined;
  const code = error.code ?? first?.code;
  switch (code) {
    case 'ECONNREFUSED':
      return 'nothing listens there';
    case 'ECONNRESET':
      return 'it was reset by the other side';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the name is not known';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'the host cannot be reached';
    case 'ETIMEDOUT':
      return 'no answer in time';
    default:
      return error.message || (code ?? 'unknown fault');
  }
}

function plainHeaders({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  );
}
