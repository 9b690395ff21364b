import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { LabError } from '../../core/errors.ts';
import { Scope } from '../../core/scope.ts';
import { isLoopback } from '../access/place.ts';
import type { Profile } from './door.ts';
import type { SocketGate } from './socket-gate.ts';

export interface PortOptions {
  host: string;
  /** 0: a free one. */
  port: number;
  profile: Profile;
  /** Default: PATIENCE. */
  patience?: Partial<Patience>;
}

/** How long a connection may take its time, and how many there may be: what is slow on purpose costs no more than that. */
export interface Patience {
  /** For a handshake of TLS, and for the header of a request; ms. */
  headersTimeout: number;
  /** For a whole request; ms. */
  requestTimeout: number;
  /** Between two requests; ms. */
  keepAliveTimeout: number;
  /** How often that is looked at; ms. */
  connectionsCheckingInterval: number;
  maxConnections: number;
}

const PATIENCE: Readonly<Patience> = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 15_000,
  connectionsCheckingInterval: 2_000,
  maxConnections: 512,
};

export interface TlsFiles {
  /** PEM texts. */
  key: string;
  cert: string;
}

export interface OpenPort extends AsyncDisposable {
  readonly url: string;
  readonly profile: Profile;
  readonly port: number;
  /** Takes no new connections. */
  stopListening(): void;
}

/**
 * Opens a port. Beyond loopback only with TLS. Throws hub.insecure, hub.port-in-use, hub.no-address.
 */
export async function openPort(
  { host, port, profile, patience = {} }: PortOptions,
  tls: TlsFiles | undefined,
  listener: RequestListener,
  gate: SocketGate,
): Promise<OpenPort> {
  if (!tls && !isLoopback(host))
    throw new LabError(
      'hub.insecure',
      `${host} is reachable from other machines: passwords and values would go there in the clear. Give a certificate and its key, or share on 127.0.0.1 behind a proxy that has them. Nothing is shared.`,
    );
  const { maxConnections, ...times } = { ...PATIENCE, ...patience };
  const server: Server = tls
    ? createHttpsServer({ ...times, handshakeTimeout: times.headersTimeout, ...tls })
    : createHttpServer(times);
  server.maxConnections = maxConnections;
  server.on('request', (request, response) => {
    (request as { hubProfile?: Profile }).hubProfile = profile;
    listener(request, response);
  });
  server.on('upgrade', (request, socket, head) => gate.upgrade(request, socket, head, profile));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // Over a handshake that never ended nothing can be said, not even goodbye.
    const isGreeted = !/^ERR_(TLS|SSL)_/.test(error.code ?? '');
    if (socket.writable && isGreeted)
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    else socket.destroy();
  });
  await listen(server, host, port);
  const scope = new Scope(`port ${port}`);
  scope.defer(() => close(server));
  const actual = (server.address() as AddressInfo).port;
  const shown = host.includes(':') ? `[${host}]` : host;
  return {
    url: `${tls ? 'https' : 'http'}://${shown}:${actual}`,
    profile,
    port: actual,
    stopListening: () => void server.close(),
    [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose](),
  };
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  try {
    server.listen({ host, port, exclusive: true });
    await once(server, 'listening');
  } catch (cause) {
    throw cannotListen((cause as NodeJS.ErrnoException).code ?? String(cause), host, port, cause);
  }
}

function cannotListen(reason: string, host: string, port: number, cause: unknown): LabError {
  const isAddress = ['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN', 'EINVAL'].includes(reason);
  const texts: Record<string, string> = {
    EADDRINUSE: `Port ${port} is used by another program. Choose another port, or end that program.`,
    EACCES: `Port ${port} may be opened by an administrator alone. Choose one from 1024 on.`,
    ENOTFOUND: `No machine is called ${host}. Give an address of this machine.`,
    EADDRNOTAVAIL: `${host} is no address of this machine. Give one that is, or 0.0.0.0 for all of them.`,
  };
  const text = texts[reason] ?? `Port ${port} of ${host} cannot be opened. Choose another port or address.`;
  const code = isAddress ? 'hub.no-address' : 'hub.port-in-use';
  return new LabError(code, `${text} Nothing is shared (${reason}).`, { port, reason }, { cause });
}

async function close(server: Server): Promise<void> {
  if (!server.listening) {
    server.closeAllConnections();
    return;
  }
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
