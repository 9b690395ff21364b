import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { LabError } from '../../core/errors.ts';
import { IP_PROTOCOL, PORTMAPPER, PORTMAPPER_PROCEDURES, type PortMapping } from '../../protocol/portmapper.ts';
import { RpcProgram } from './rpc-program.ts';
import { openRpcServer, type RpcServer } from './rpc-server.ts';

export interface PortmapperOptions {
  /** IPv4 address; default 127.0.0.1. */
  host?: string | undefined;
  /** Default 111, and where that cannot be bound any free one; any other is taken as it is. */
  port?: number | undefined;
  /** Programs of this host beside the portmapper itself. */
  mappings: readonly PortMapping[];
}

export interface PortmapperServer extends AsyncDisposable {
  /** Of TCP and UDP. */
  readonly port: number;
}

/** A port free on TCP is free on UDP nearly always. */
const PORT_TRIES = 10;

/**
 * The portmapper of one simulated host, RFC 1833 3, version 2 on TCP and UDP; it answers broadcasts to the network of its host. Versions 3 and 4 get
 * PROG_MISMATCH with 2 to 2, after which libtirpc asks with version 2. Throws `simulator.failed` when the port is taken.
 */
export async function openPortmapper({
  host = '127.0.0.1',
  port,
  mappings,
}: PortmapperOptions): Promise<PortmapperServer> {
  if (port !== undefined) return await openAt(host, port, mappings);
  return await openAt(host, PORTMAPPER.port, mappings).catch(() => openAt(host, 0, mappings));
}

async function openAt(host: string, port: number, mappings: readonly PortMapping[]): Promise<PortmapperServer> {
  for (let tries = 1; ; tries++) {
    const service = createService(mappings);
    const server = await openRpcServer({ host, port, accept: () => ({ service: service.service, closed: () => {} }) });
    const sockets: Socket[] = [];
    try {
      const main = await bind(host, server.port, sockets);
      listen(main, main, service.service);
      const broadcast = broadcastOf(host);
      // Broadcasts come to sockets bound to their address only; the answer comes from the host itself.
      if (broadcast) listen(await bind(broadcast, server.port, sockets), main, service.service);
      service.setPort(server.port);
      return portmapper(server, sockets);
    } catch (error) {
      await portmapper(server, sockets)[Symbol.asyncDispose]();
      if (port !== 0 || tries >= PORT_TRIES) throw error;
    }
  }
}

function portmapper(server: RpcServer, sockets: readonly Socket[]): PortmapperServer {
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))));
    await server[Symbol.asyncDispose]();
  };
  return {
    port: server.port,
    [Symbol.asyncDispose]() {
      closing ??= close();
      return closing;
    },
  };
}

function createService(programs: readonly PortMapping[]): { service: RpcProgram; setPort(port: number): void } {
  let own: PortMapping[] = [];
  const all = (): PortMapping[] => [...own, ...programs];
  const service = new RpcProgram(PORTMAPPER)
    .on(PORTMAPPER_PROCEDURES.getPort, ({ program, version, protocol }) => {
      const found = all().find(
        (one) => one.program === program && one.version === version && one.protocol === protocol,
      );
      return found?.port ?? 0;
    })
    .on(PORTMAPPER_PROCEDURES.dump, () => all());
  return {
    service,
    setPort(port) {
      const { program, version } = PORTMAPPER;
      own = [IP_PROTOCOL.tcp, IP_PROTOCOL.udp].map((protocol) => ({ program, version, protocol, port }));
    },
  };
}

function bind(host: string, port: number, sockets: Socket[]): Promise<Socket> {
  return new Promise((resolve, reject) => {
    // Every instrument of the network hears its broadcasts.
    const socket = createSocket({ type: 'udp4', reuseAddr: true });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const text = `The system refused UDP on ${host} port ${port} (${error.message}). That instrument did not start; give another port.`;
      reject(new LabError('simulator.failed', text, { code: error.code ?? '' }, { cause: error }));
    });
    socket.bind(port, host, () => {
      sockets.push(socket);
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}

function listen(socket: Socket, answering: Socket, service: RpcProgram): void {
  socket.on('message', (message: Buffer, from: RemoteInfo) => {
    // What is no call is no event for a portmapper.
    const answer = service.answer(new Uint8Array(message)).catch(() => undefined);
    void answer.then((reply) => {
      if (!reply) return;
      try {
        answering.send(reply, from.port, from.address);
      } catch {
        // Closed meanwhile.
      }
    });
  });
}

/** Where broadcasts to the network of a host go; none for `0.0.0.0`, which hears them anyway. */
function broadcastOf(host: string): string | undefined {
  const number = (address: string): number =>
    address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) >>> 0;
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const ipv4 = addresses.filter(({ family, netmask }) => family === 'IPv4' && netmask !== '255.255.255.255');
  const mine = ipv4.find(
    ({ address, netmask }) => (number(address) & number(netmask)) === (number(host) & number(netmask)),
  );
  if (!mine) return undefined;
  const broadcast = (number(host) | ~number(mine.netmask)) >>> 0;
  return [24, 16, 8, 0].map((shift) => (broadcast >>> shift) & 255).join('.');
}
