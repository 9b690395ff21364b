import { parseResource } from '../../src/core/resource.ts';
import { openUsb } from '../../src/engine/transport/usb/open-usb.ts';
import { usbResource } from '../../src/engine/transport/usb/usb-resource.ts';
import { UsbtmcPeripheral } from '../../src/simulator/usb/usbtmc-peripheral.ts';
import { createPackageBus } from '../usb/package-bus.ts';
import { describeMessageTransport } from './message-suite.ts';
import { createTestDevice } from './test-device.ts';

describeMessageTransport({
  name: 'USBTMC by the package usb (timeouts instead of cancelling, stalls that throw)',
  has: { clear: true, trigger: true, statusByte: true, serviceRequest: true, lock: false, remoteLocal: true },
  async open() {
    const device = createTestDevice();
    const bus = createPackageBus(new UsbtmcPeripheral(device, { serial: 'A1', vendorId: 0x1209 }));
    const identity = { vendorId: 0x1209, productId: 0x4c57, maker: undefined, product: undefined, serial: 'A1' };
    const parsed = parseResource(usbResource('USB0', identity));
    if (parsed.kind !== 'usb') throw new RangeError();
    return {
      transport: await openUsb(parsed, { load: bus.load }),
      device,
      unplug: async () => bus.unplug(),
      dispose: async () => {},
    };
  },
});
