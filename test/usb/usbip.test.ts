import { once } from 'node:events';
import net from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { UsbipDevice } from '../../src/engine/transport/usb/usbip-device.ts';
import { openUsbipServer } from '../../src/simulator/usb/usbip-server.ts';
import { UsbtmcPeripheral } from '../../src/simulator/usb/usbtmc-peripheral.ts';
import { createTestDevice } from '../conformance/test-device.ts';

// Each end alone, against bytes written by hand from the USB/IP document: neither codec is used for the other side.

const bytes = (text: string): Buffer => Buffer.from(text.replace(/\s+/g, ''), 'hex');
const zeros = (count: number): string => '00'.repeat(count);
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Reads exactly so many bytes of a socket at a time. */
function reader(socket: net.Socket): (count: number) => Promise<Buffer> {
  return async (count) => {
    for (;;) {
      const chunk: Buffer | null = socket.read(count);
      if (chunk) return chunk;
      await once(socket, 'readable');
    }
  };
}

it('the exporter alone: import, descriptor, *IDN?, an unlinked request', async () => {
  const device = createTestDevice();
  device.answer = () => Buffer.from('ACME,1');
  const server = await openUsbipServer({ port: 0 });
  cleanups.push(() => server[Symbol.asyncDispose]());
  server.plug(new UsbtmcPeripheral(device, { vendorId: 0x1ab1, productId: 0x04ce }));
  const socket = net.connect(server.port, '127.0.0.1');
  cleanups.push(() => socket.destroy());
  const read = reader(socket);
  socket.write(bytes(`0111 8003 00000000 312d31 ${zeros(29)}`));
  const imported = await read(8 + 312);
  expect(imported.subarray(0, 8).toString('hex')).toBe('0111000300000000');
  expect(imported.subarray(8 + 300, 8 + 304).toString('hex')).toBe('1ab104ce');
  // GET_DESCRIPTOR(device), 18 bytes.
  const id = '00010002';
  socket.write(
    bytes(`00000001 00000001 ${id} 00000001 00000000 00000000 00000012 00000000 ffffffff 00000000 8006000100001200`),
  );
  expect((await read(48)).toString('hex')).toBe(
    `0000000300000001${zeros(12)}0000000000000012${zeros(4)}ffffffff${zeros(12)}`,
  );
  expect((await read(18)).toString('hex')).toBe('12010002000000' + '40' + 'b11a' + 'ce04' + '0001' + '01020301');
  // *IDN? and a request for 64 bytes, on bulk OUT 1; then bulk IN 2.
  socket.write(
    bytes(`00000001 00000002 ${id} 00000000 00000001 00000000 00000014 00000000 ffffffff 00000000 ${zeros(8)}
    0101fe00 05000000 01000000 2a49444e3f 000000`),
  );
  expect((await read(48)).toString('hex')).toBe(
    `0000000300000002${zeros(12)}0000000000000014${zeros(4)}ffffffff${zeros(12)}`,
  );
  socket.write(
    bytes(`00000001 00000003 ${id} 00000000 00000001 00000000 0000000c 00000000 ffffffff 00000000 ${zeros(8)}
    0202fd00 40000000 00000000`),
  );
  await read(48);
  socket.write(
    bytes(`00000001 00000004 ${id} 00000001 00000002 00000000 00000200 00000000 ffffffff 00000000 ${zeros(8)}`),
  );
  expect((await read(48)).readUInt32BE(24)).toBe(18);
  expect((await read(18)).toString('hex')).toBe(`0202fd00060000000100000041434d452c31`);
  // Bulk IN with nothing to come, taken back.
  socket.write(
    bytes(`00000001 00000005 ${id} 00000001 00000002 00000000 00000200 00000000 ffffffff 00000000 ${zeros(8)}`),
  );
  socket.write(bytes(`00000002 00000006 ${id} 00000000 00000000 00000005 ${zeros(24)}`));
  expect((await read(48)).toString('hex')).toBe(`0000000400000006${zeros(12)}ffffff98${zeros(24)}`);
  // Taken back too late: it had been answered.
  socket.write(bytes(`00000002 00000007 ${id} 00000000 00000000 00000004 ${zeros(24)}`));
  expect((await read(48)).toString('hex')).toBe(`0000000400000007${zeros(12)}00000000${zeros(24)}`);
});

it('the client alone: descriptors, transfers, stall, unlink, the device gone', async () => {
  const server = net.createServer();
  cleanups.push(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  const accepted = once(server, 'connection') as Promise<[net.Socket]>;
  const device = new UsbipDevice({ host: '127.0.0.1', port, busId: '3-7', vendorId: 1, productId: 2, resource: 'X' });
  cleanups.push(() => device.close());
  const opening = device.open();
  const [socket] = await accepted;
  cleanups.push(() => socket.destroy());
  const read = reader(socket);
  const answer = (sequence: string, status: string, length: string, data = ''): void => {
    socket.write(
      bytes(`00000003 ${sequence} ${zeros(12)} ${status} ${length} ${zeros(4)} ffffffff ${zeros(12)} ${data}`),
    );
  };
  expect((await read(40)).toString('hex')).toBe(`0111800300000000332d37${zeros(29)}`);
  const about = `${zeros(256)} 332d37 ${zeros(29)} 00000003 00000007 00000003 0001 0002 0100 000000 01 01 01`;
  socket.write(bytes(`0111 0003 00000000 ${about}`));
  const id = '00030007';
  const submit = (sequence: string, isIn: number, endpoint: string, length: string, setup: string): string =>
    `00000001${sequence}${id}0000000${isIn}${endpoint}${zeros(4)}${length}${zeros(4)}ffffffff${zeros(4)}${setup}`;
  expect((await read(48)).toString('hex')).toBe(submit('00000001', 1, '00000000', '00000012', '8006000100001200'));
  answer('00000001', '00000000', '00000012', '120100020000004001000200000100000001');
  expect((await read(48)).toString('hex')).toBe(submit('00000002', 1, '00000000', '00000009', '8006000200000900'));
  answer('00000002', '00000000', '00000009', '090219000101 00c001');
  expect((await read(48)).toString('hex')).toBe(submit('00000003', 1, '00000000', '00000019', '8006000200001900'));
  answer('00000003', '00000000', '00000019', '090219000101 00c001 090400000100000000 07058202000200');
  await opening;
  expect(device.configuration.interfaces[0]?.endpoints).toEqual([
    { number: 2, direction: 'in', type: 'bulk', packetSize: 512 },
  ]);

  const out = device.transferOut(1, bytes('aabb'));
  expect((await read(50)).toString('hex')).toBe(`${submit('00000004', 0, '00000001', '00000002', zeros(8))}aabb`);
  answer('00000004', 'ffffffe0', '00000000');
  expect(await out).toEqual({ status: 'stall', bytesWritten: 0 });

  const controller = new AbortController();
  const given = device.transferIn(2, 512, { signal: controller.signal });
  await read(48);
  controller.abort();
  expect((await read(48)).toString('hex')).toBe(`0000000200000006${id}${zeros(8)}00000005${zeros(24)}`);
  socket.write(bytes(`00000004 00000006 ${zeros(12)} ffffff98 ${zeros(24)}`));
  await expect(given).rejects.toMatchObject({ code: 'call.cancelled' });

  // Answered while it was being taken back: the bytes are given, none is lost.
  const crossing = new AbortController();
  const kept = device.transferIn(2, 512, { signal: crossing.signal });
  await read(48);
  crossing.abort();
  await read(48);
  answer('00000007', '00000000', '00000001', '55');
  socket.write(bytes(`00000004 00000008 ${zeros(12)} 00000000 ${zeros(24)}`));
  expect(await kept).toMatchObject({ status: 'ok', bytes: Uint8Array.of(0x55) });

  const waiting = device.transferIn(2, 512);
  await read(48);
  answer('00000009', 'ffffffed', '00000000');
  await expect(waiting).rejects.toMatchObject({ code: 'transport.closed' });
  expect((await device.gone).code).toBe('transport.closed');
});
