import { redact } from '../core/redact.ts';
import type { LabSocket, SocketData, SocketEvents, SocketRequest } from './ports.ts';

/** The WebSocket of browsers (and of Node from 22 on), as far as it is used. */
export interface BrowserWebSocket {
  binaryType: string;
  readonly protocol: string;
  readonly extensions: string;
  readonly bufferedAmount: number;
  readonly readyState: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

export type BrowserWebSocketConstructor = new (url: string, protocols?: string[]) => BrowserWebSocket;

const OPEN = 1;
const CLOSE_MS = 2_000;

/**
 * A socket of a browser: it cannot ping, set headers or see why it was refused. `after`: a timer of the host. Nothing throws.
 */
export function openBrowserSocket(
  WebSocket: BrowserWebSocketConstructor,
  request: SocketRequest,
  events: SocketEvents,
  after: (ms: number, callback: () => void) => Disposable,
): LabSocket {
  let socket: BrowserWebSocket | undefined;
  let isOver = false;
  let closing: Disposable | undefined;
  const end = (code: number, reason: string, error?: string): void => {
    if (isOver) return;
    isOver = true;
    closing?.[Symbol.dispose]();
    if (socket) socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
    events.onEnd({ code, reason, error });
  };
  const take = (data: unknown): void => {
    const message = typeof data === 'string' ? data : new Uint8Array(data as ArrayBuffer);
    const size = typeof message === 'string' ? message.length : message.byteLength;
    if (size <= request.maxMessageBytes) events.onMessage(message, 0);
    else close(4413, 'message too long');
  };
  const close = (code: number, reason: string): void => {
    if (isOver || closing) return;
    closing = after(CLOSE_MS, () => end(1006, ''));
    // Browsers let a page send 1000 and 3000 to 4999 only.
    socket?.close(code === 1000 || code >= 3000 ? code : 1000, reason.slice(0, 100));
  };
  try {
    socket = new WebSocket(request.url, [...request.protocols]);
    const opened = socket;
    opened.binaryType = 'arraybuffer';
    opened.onopen = () =>
      events.onOpen({
        protocol: opened.protocol,
        headers: {},
        isDeflated: opened.extensions.includes('permessage-deflate'),
      });
    opened.onmessage = ({ data }: { data: unknown }) => {
      if (!isOver) take(data);
    };
    opened.onclose = ({ code, reason }: { code: number; reason: string }) => end(code, reason);
    opened.onerror = () => {};
  } catch (cause) {
    const why = redact(cause instanceof Error ? cause.message : String(cause));
    after(0, () => end(1006, '', why));
  }
  return {
    send(data: SocketData) {
      if (!isOver && socket?.readyState === OPEN)
        socket.send(typeof data === 'string' ? data : (data as Uint8Array<ArrayBuffer>));
    },
    close,
    cut() {
      socket?.close();
      after(0, () => end(1006, ''));
    },
    get bufferedBytes() {
      return socket?.bufferedAmount ?? 0;
    },
  };
}
