import { parseResource } from '../../src/core/resource.ts';
import type { Transport } from '../../src/engine/transport/transport.ts';
import { openUsb, type UsbOptions } from '../../src/engine/transport/usb/open-usb.ts';
import { resourceSerial } from '../../src/engine/transport/usb/usb-resource.ts';
import type { UsbPeripheral } from '../../src/simulator/usb/usb-peripheral.ts';
import { openUsbipServer, type UsbipServer } from '../../src/simulator/usb/usbip-server.ts';
import { UsbtmcPeripheral, type UsbtmcPeripheralOptions } from '../../src/simulator/usb/usbtmc-peripheral.ts';
import type { MessageDevice } from '../../src/simulator/wire/message-device.ts';

/** A USB/IP exporter with one device, and the resource it is opened by. */
export interface UsbBench {
  readonly server: UsbipServer;
  readonly peripheral: UsbtmcPeripheral;
  readonly resource: string;
  open(options?: UsbOptions): Promise<Transport>;
  unplug(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function openUsbBench(device: MessageDevice, options: UsbtmcPeripheralOptions = {}): Promise<UsbBench> {
  const peripheral = new UsbtmcPeripheral(device, options);
  const bench = await exportPeripheral(peripheral);
  return { ...bench, peripheral, [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose]() };
}

export async function exportPeripheral(
  peripheral: UsbPeripheral,
  ending = 'INSTR',
): Promise<Omit<UsbBench, 'peripheral'>> {
  const server = await openUsbipServer({ port: 0 });
  const busId = server.plug(peripheral);
  const { vendorId, productId } = peripheral.descriptor;
  const number = peripheral.configuration.interfaces[0]?.number ?? 0;
  const resource = `USBIP0::${server.host},${server.port}::${vendorId}::${productId}::${resourceSerial(peripheral.strings[2])}::${number}::${ending}`;
  return {
    server,
    resource,
    open: (options) => openUsbResource(resource, options),
    unplug: () => server.unplug(busId),
    [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose](),
  };
}

export function openUsbResource(resource: string, options: UsbOptions = {}): Promise<Transport> {
  const parsed = parseResource(resource);
  if (parsed.kind !== 'usb') throw new RangeError(resource);
  return openUsb(parsed, options);
}
