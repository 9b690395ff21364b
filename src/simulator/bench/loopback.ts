import { createServer } from 'node:net';
import { LabError } from '../../core/errors.ts';

const SHARED = '127.0.0.1';
/** Any address of the loopback network tells whether the system takes them all. */
const PROBE = '127.0.0.11';

/** Where the hosts of the bench stand, so that each can have the real ports. */
export interface Loopback {
  /** Why all stand on one address; undefined where each has its own. */
  readonly reason: string | undefined;
  /** 127.0.0.`number`, or 127.0.0.1 where there is no other. */
  host(number: number): string;
  /** Opens a server at its real port, else (taken, or not for us) at any free one. Throws `simulator.failed`. */
  atPort<T>(port: number, open: (port: number) => Promise<T>): Promise<T>;
}

/** Linux and Windows answer to all of 127.0.0.0/8, macOS to 127.0.0.1 alone. */
export async function openLoopback(addresses: 'own' | 'shared'): Promise<Loopback> {
  const reason =
    addresses === 'shared'
      ? 'addresses of its own are switched off'
      : (await canListen(PROBE))
        ? undefined
        : 'this system has no other loopback address than 127.0.0.1';
  return {
    reason,
    host: (number) => (reason === undefined ? `127.0.0.${number}` : SHARED),
    async atPort(port, open) {
      // The real ports of 127.0.0.1 belong to whatever else runs on this machine.
      if (reason !== undefined) return await open(0);
      try {
        return await open(port);
      } catch (error) {
        if (!(error instanceof LabError) || error.code !== 'simulator.failed') throw error;
        return await open(0);
      }
    },
  };
}

function canListen(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(0, host, () => server.close(() => resolve(true)));
  });
}
