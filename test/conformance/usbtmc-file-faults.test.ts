import { afterAll, expect, it } from 'vitest';
import { openScopes } from '../../src/core/scope.ts';
import { openUsbtmcFile } from '../../src/engine/transport/usbtmc-file/open-usbtmc-file.ts';
import { createKernelDriver } from '../usb/kernel-driver.ts';
import {
  type FaultyWay,
  type MessageFaults,
  REAL_FAULTS,
  REAL_TIMEOUT_MS,
  runMessageFaults,
} from './message-faults.ts';

/** Plugged in again whenever it is opened again: a cut of this instrument is its unplugging. */
const serve: MessageFaults['open'] = async (device): Promise<FaultyWay> => {
  const kernel = createKernelDriver(device);
  const { driver, path } = kernel;
  return {
    open() {
      kernel.plugIn();
      return openUsbtmcFile({ path, canonical: `USBTMC${path}::INSTR` }, { driver, sliceMs: 100 });
    },
    dispose: async () => kernel.dispose(),
  };
};

afterAll(() => expect(openScopes()).toEqual([]));

it(`${REAL_FAULTS} faults over /dev/usbtmcN, the driver's calls injected`, { timeout: REAL_TIMEOUT_MS }, async () => {
  const results = await runMessageFaults({ name: '/dev/usbtmcN', seed: 1900, open: serve });
  expect(results).toHaveLength(8);
});

it('the same device gives wrong answers over a way whose clear does nothing', async () => {
  const run = runMessageFaults({
    name: '/dev/usbtmcN without clear',
    seed: 2000,
    faults: 200,
    async open(device) {
      const way = await serve(device);
      return {
        ...way,
        async open() {
          const transport = await way.open();
          Object.assign(transport.control ?? {}, { clear: async () => {} });
          return transport;
        },
      };
    },
  });
  await expect(run).rejects.toThrow(/answers to other questions/);
});
