import { randomBytes } from 'node:crypto';
import { createConnection } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import type { LabPorts } from '../../lab/ports.ts';
import { createHttp } from './node-http.ts';
import { createInflate } from './node-inflate.ts';
import { openNodeSocket } from './node-socket.ts';
import { watchNetwork } from './watch-network.ts';

export interface NodePortsOptions {
  /** False takes any certificate: only when a person said so. */
  isSecure?: boolean;
}

/** The host's side of the client of lab servers, in Node. Disposing closes kept HTTP connections. */
export function createNodePorts(clock: Clock, { isSecure = true }: NodePortsOptions = {}): LabPorts & Disposable {
  const http = createHttp(isSecure);
  return {
    clock,
    random: Math.random,
    uniqueId: () => randomBytes(16).toString('hex'),
    openSocket: (request, events) => openNodeSocket(request, events, isSecure),
    http: http.ask,
    inflate: createInflate(),
    isListening,
    onNetworkChange: watchNetwork,
    [Symbol.dispose]: () => http[Symbol.dispose](),
  };
}

const LISTEN_MS = 900;

/** A bare TCP connection, ended at once. */
function isListening(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve(false);
      return;
    }
    const socket = createConnection({ host, port });
    const end = (is: boolean): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(is);
    };
    const onAbort = (): void => end(false);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.setTimeout(LISTEN_MS, () => end(false));
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
