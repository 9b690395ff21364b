import { openUsbtmcFile } from '../../src/engine/transport/usbtmc-file/open-usbtmc-file.ts';
import { createKernelDriver } from '../usb/kernel-driver.ts';
import { describeMessageTransport } from './message-suite.ts';
import { createTestDevice } from './test-device.ts';

describeMessageTransport({
  name: "/dev/usbtmcN, the driver's calls injected (no such device here)",
  has: { clear: true, trigger: true, statusByte: true, serviceRequest: false, lock: false, remoteLocal: true },
  async open() {
    const device = createTestDevice();
    const { driver, path, unplug, dispose } = createKernelDriver(device);
    return {
      transport: await openUsbtmcFile({ path, canonical: `USBTMC${path}::INSTR` }, { driver, sliceMs: 100 }),
      device,
      unplug: async () => unplug(),
      dispose: async () => dispose(),
    };
  },
});
