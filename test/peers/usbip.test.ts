import { afterAll, beforeAll, expect, it } from 'vitest';
import { listUsbip } from '../../src/engine/transport/usb/list-usb.ts';
import { openUsbipServer, type UsbipServer } from '../../src/simulator/usb/usbip-server.ts';
import { UsbtmcPeripheral } from '../../src/simulator/usb/usbtmc-peripheral.ts';
import { createTestDevice } from '../conformance/test-device.ts';
import { runPeer } from './peer-program.ts';

/** Of the Debian package usbip (Linux tools/usb/usbip); /usr/sbin is not on every PATH. */
const USBIP = '/usr/sbin/usbip';

let server: UsbipServer;
beforeAll(async () => {
  server = await openUsbipServer();
  server.plug(new UsbtmcPeripheral(createTestDevice(), { vendorId: 0x1ab1, productId: 0x04ce, serial: 'DS1' }));
  server.plug(new UsbtmcPeripheral(createTestDevice(), { vendorId: 0x0957, productId: 0x0607, packetSize: 64 }));
});
afterAll(() => server?.[Symbol.asyncDispose]());

it('usbip of Linux lists our simulated devices, with their ids and class', async () => {
  const { status, stdout, stderr } = await runPeer(USBIP, ['list', '-r', '127.0.0.1']);
  const text = `${stdout.toString()}${stderr}`;
  expect(status, text).toBe(0);
  expect(text).toMatch(/1-1:.*\(1ab1:04ce\)/);
  expect(text).toMatch(/1-2:.*\(0957:0607\)/);
  expect(text).toMatch(/Test and Measurement|\(fe\/03\/01\)/);
});

it('asks for what our own list asks for', async () => {
  const rows = await listUsbip(server);
  expect(rows.map(({ resource }) => resource)).toEqual([
    'USBIP0::127.0.0.1::0x1AB1::0x04CE::DS1::INSTR',
    'USBIP0::127.0.0.1::0x0957::0x0607::1::INSTR',
  ]);
});
