import net from 'node:net';

/** What knocking at a TCP port gave. `silent`: no answer at all, as a firewall or an absent host gives. */
export type Knock = 'open' | 'refused' | 'unreachable' | 'silent' | 'cancelled';

/** Connects and closes at once; no byte is sent. Never rejects. */
export function knock(host: string, port: number, timeoutMs: number, signal?: AbortSignal): Promise<Knock> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: host.replace(/^\[(.*)\]$/, '$1'), port });
    const end = (result: Knock): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
      socket.destroy();
      resolve(result);
    };
    const cancel = (): void => end('cancelled');
    const timer = setTimeout(() => end('silent'), timeoutMs);
    socket.once('connect', () => end('open'));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET') end('refused');
      else end(error.code === 'ETIMEDOUT' ? 'silent' : 'unreachable');
    });
    signal?.addEventListener('abort', cancel, { once: true });
    if (signal?.aborted) cancel();
  });
}
