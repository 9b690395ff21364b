import { WebSocket } from 'ws';
import type { Wire } from '../delivery/wire.ts';

/** Gives up waiting for the peer's close frame; ms. A socket that does not read would be kept for ever. */
const CLOSE_LIMIT_MS = 2000;

/** A WebSocket as an outbox sees it. `written` is called when bytes left this process. */
export function createSocketWire(socket: WebSocket, written: () => void): Wire {
  return {
    send(data, { compress }) {
      if (socket.readyState !== WebSocket.OPEN) return;
      socket.send(data, { compress }, () => written());
    },
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
    close: (code, reason) => closeSocket(socket, code, reason),
  };
}

/** Closes with a code; cut when the peer does not answer. The reason is shortened to what a close frame holds (RFC 6455 5.5). */
export function closeSocket(socket: WebSocket, code: number, reason: string): void {
  if (socket.readyState === WebSocket.CLOSED) return;
  const bytes = new TextEncoder().encode(reason).subarray(0, 123);
  socket.close(code, new TextDecoder('utf-8', { fatal: false }).decode(bytes).replace(/\uFFFD+$/, ''));
  const cut = setTimeout(() => socket.terminate(), CLOSE_LIMIT_MS);
  socket.once('close', () => clearTimeout(cut));
}
