import type { WebSocket } from 'ws';
import type { Clock } from '../../core/clock.ts';

export interface KeepAliveOptions {
  /** Between pings of RFC 6455; ms. Default 20 s. */
  pingMs?: number;
  /** Nothing heard for so long: the connection is dead, and cut. Default 60 s. */
  deadMs?: number;
  /** A ping came back; ms. */
  onRoundTrip?: ((ms: number) => void) | undefined;
}

/** Pings a client and cuts a connection over which nothing comes any more. Any frame is a sign of life. */
export function keepAlive(socket: WebSocket, clock: Clock, options: KeepAliveOptions = {}): Disposable {
  const { pingMs = 20_000, deadMs = 60_000, onRoundTrip } = options;
  let heardMs = clock.monotonicMs();
  let pingedMs: number | undefined;
  let timer: Disposable | undefined;
  const heard = (): void => {
    heardMs = clock.monotonicMs();
  };
  socket.on('message', heard);
  socket.on('ping', heard);
  socket.on('pong', () => {
    heard();
    if (pingedMs !== undefined) onRoundTrip?.(heardMs - pingedMs);
    pingedMs = undefined;
  });
  const again = (): void => {
    timer = clock.after(pingMs, () => {
      if (clock.monotonicMs() - heardMs >= deadMs) {
        socket.terminate();
        return;
      }
      if (socket.readyState === socket.OPEN) {
        pingedMs = clock.monotonicMs();
        socket.ping();
      }
      again();
    });
  };
  again();
  const stop = (): void => timer?.[Symbol.dispose]();
  socket.once('close', stop);
  return { [Symbol.dispose]: stop };
}
