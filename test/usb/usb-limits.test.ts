import { once } from 'node:events';
import net from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { LabError } from '../../src/core/errors.ts';
import { usbtmcEndpoints } from '../../src/engine/transport/usb/usbtmc-function.ts';
import type { UsbEndpointInfo } from '../../src/protocol/usb-descriptor.ts';
import { encodeImportRequest, encodeSubmit } from '../../src/protocol/usbip.ts';
import { USBTMC_REQUEST, USBTMC_STATUS } from '../../src/protocol/usbtmc.ts';
import type { SetupPacket, UsbPeripheral } from '../../src/simulator/usb/usb-peripheral.ts';
import { UsbtmcPeripheral } from '../../src/simulator/usb/usbtmc-peripheral.ts';
import { createTestDevice } from '../conformance/test-device.ts';
import { exportPeripheral } from './usb-bench.ts';

const opened: { [Symbol.asyncDispose](): PromiseLike<void> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

it('endpoints whose packets hold nothing are none: reading one would never wait', () => {
  const bulk = (direction: 'in' | 'out'): UsbEndpointInfo => ({ number: 1, direction, type: 'bulk', packetSize: 64 });
  const interrupt: UsbEndpointInfo = { number: 2, direction: 'in', type: 'interrupt', packetSize: 0 };
  const face = { number: 0, classCode: 0xfe, subclassCode: 3, protocolCode: 1 };
  const sound = usbtmcEndpoints({ ...face, endpoints: [bulk('in'), bulk('out'), interrupt] });
  expect(sound).toMatchObject({ isUsb488: true, interruptIn: undefined });
  const broken = { ...bulk('in'), packetSize: 0 };
  expect(usbtmcEndpoints({ ...face, endpoints: [broken, bulk('out')] })).toBeUndefined();
});

it('a status byte given up while its request is on the bus rejects with the reason, not with a timeout', async () => {
  const controller = new AbortController();
  // Takes the request, and never tells the byte.
  class Silent extends UsbtmcPeripheral {
    override async control(setup: SetupPacket, data: Uint8Array) {
      if (setup.request !== USBTMC_REQUEST.readStatusByte) return super.control(setup, data);
      controller.abort(new LabError('call.cancelled', 'enough'));
      return { outcome: 'ok' as const, data: Uint8Array.of(USBTMC_STATUS.success, setup.value, 0) };
    }
  }
  const bench = await exportPeripheral(new Silent(createTestDevice()));
  opened.push(bench);
  const transport = await bench.open();
  opened.push(transport);
  await expect(transport.control?.statusByte?.(controller.signal)).rejects.toMatchObject({ code: 'call.cancelled' });
});

it('RAW: a device that halts its endpoint again and again ends the connection', async () => {
  const bulk = { type: 'bulk', packetSize: 64 } as const;
  let halts = 0;
  const peripheral: UsbPeripheral = {
    descriptor: new UsbtmcPeripheral(createTestDevice()).descriptor,
    configuration: {
      value: 1,
      interfaces: [
        {
          number: 0,
          classCode: 0xff,
          subclassCode: 0,
          protocolCode: 0,
          endpoints: [
            { number: 1, direction: 'out', ...bulk },
            { number: 1, direction: 'in', ...bulk },
          ],
        },
      ],
    },
    strings: ['Labwire', 'Broken', 'B1'],
    attach() {},
    detach() {},
    reset() {},
    clearHalt: () => void halts++,
    control: async () => ({ outcome: 'stall', data: new Uint8Array(0) }),
    out: async () => 'ok',
    in: async () => ({ outcome: 'stall', data: new Uint8Array(0) }),
  };
  const bench = await exportPeripheral(peripheral, 'RAW');
  opened.push(bench);
  const transport = await bench.open();
  opened.push(transport);
  await expect(transport.read()).rejects.toMatchObject({ code: 'transport.failed' });
  expect(await transport.closed).toMatchObject({ code: 'transport.failed' });
  expect(halts).toBeLessThan(10);
});

it('the exporter ends a client that gives one number to two requests', async () => {
  const bench = await exportPeripheral(new UsbtmcPeripheral(createTestDevice()));
  opened.push(bench);
  const socket = net.connect(bench.server.port, '127.0.0.1');
  socket.write(encodeImportRequest('1-1'));
  const none = new Uint8Array(0);
  const about = { kind: 'submit', sequence: 9, deviceId: 0, isIn: true, length: 64 } as const;
  const request = encodeSubmit({ ...about, endpoint: 2, setup: new Uint8Array(8), data: none });
  socket.write(Buffer.concat([request, request]));
  await once(socket.resume(), 'close');
});
