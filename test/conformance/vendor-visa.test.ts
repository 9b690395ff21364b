import { afterAll, beforeAll, describe } from 'vitest';
import { openVendor } from '../../src/engine/transport/vendor-visa/open-vendor.ts';
import { buildTestLibrary, type TestLibrary, whyNoLibrary } from '../vendor-visa/test-library.ts';
import { openVisaBridge } from '../vendor-visa/visa-bridge.ts';
import { describeMessageTransport } from './message-suite.ts';
import { createTestDevice } from './test-device.ts';

describe(`vendor VISA${whyNoLibrary ? ` (skipped: ${whyNoLibrary})` : ''}`, () => {
  let built: TestLibrary | undefined;
  beforeAll(async () => {
    if (!whyNoLibrary) built = await buildTestLibrary('vendor-visa-conformance');
  });
  afterAll(() => built?.dispose());

  describeMessageTransport({
    name: "a maker's library in a process of its own",
    skip: whyNoLibrary !== undefined,
    has: {
      clear: true,
      trigger: true,
      statusByte: true,
      serviceRequest: false,
      lock: true,
      sharedLock: true,
      remoteLocal: true,
    },
    async open() {
      const device = createTestDevice();
      const bridge = await openVisaBridge(device);
      const { library, spawn } = built as TestLibrary;
      const open = () => openVendor(bridge, { library, spawn });
      return {
        transport: await open(),
        device,
        unplug: async () => bridge.unplug(),
        openOther: open,
        dispose: () => bridge[Symbol.asyncDispose](),
      };
    },
  });
});
