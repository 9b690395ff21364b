import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { VXI11_ERROR, VXI11_FAMILY, VXI11_INTERRUPT } from '../../protocol/vxi11.ts';
import { Vxi11InterruptChannel } from './vxi11-interrupt.ts';

const about = (hostPort: number) => ({
  hostAddress: 0x7f00_0001,
  hostPort,
  ...VXI11_INTERRUPT,
  family: VXI11_FAMILY.tcp,
});

it('a client that goes while it is being connected to leaves no connection', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted: Socket[] = [];
  server.on('connection', (socket) => accepted.push(socket.on('error', () => {}).resume()));
  const channel = new Vxi11InterruptChannel();
  const opening = channel.open(about((server.address() as AddressInfo).port));
  channel.close();
  expect(await opening).toBe(VXI11_ERROR.noChannel);
  const closed = once(server, 'close');
  server.close();
  // Closes only when no connection is left.
  await closed;
  expect(accepted.every((socket) => socket.destroyed)).toBe(true);
});

it.each([0, 65_536, 0xffff_ffff])('port %i is a wrong parameter', async (port) => {
  expect(await new Vxi11InterruptChannel().open(about(port))).toBe(VXI11_ERROR.parameter);
});
