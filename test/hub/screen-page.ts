import { once } from 'node:events';
import { WebSocket } from 'ws';
import { connect, greet } from '../../src/contract/client.ts';
import { openSocketLink, SOCKET_PROTOCOL, socketAddress } from '../../src/contract/socket-link.ts';
import { LabScreen } from '../lab/lab-screen.ts';
import type { HubLab } from './hub-harness.ts';

/** A remote page over a real socket of the hub, as the renderer opens it. */
export async function openPage(
  lab: HubLab,
  token: string,
): Promise<LabScreen & { hello: Awaited<ReturnType<typeof greet>> }> {
  const socket = new WebSocket(...socketAddress(`${lab.url()}/`, token), { origin: lab.url() });
  const client = connect(await openSocketLink(socket));
  const hello = await greet(client, 'page of a test');
  return Object.assign(await LabScreen.open(client), { hello });
}

/** The bare socket of a page, open. */
export async function openPageSocket(lab: HubLab, token: string): Promise<WebSocket> {
  const socket = new WebSocket(`${lab.socketUrl('/link')}`, [SOCKET_PROTOCOL, token], { origin: lab.url() });
  await once(socket, 'open');
  return socket;
}

/** Status of a handshake that is refused. */
export async function refusedStatus(
  url: string,
  protocols: string[],
  headers: Record<string, string> = {},
): Promise<number> {
  const socket = new WebSocket(url, protocols, { headers });
  socket.on('error', () => {});
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number; resume(): void }];
  response.resume();
  socket.terminate();
  return response.statusCode;
}

/** How a socket was closed. */
export async function closeOf(socket: WebSocket): Promise<{ code: number; reason: string }> {
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
  return { code, reason: reason.toString() };
}
