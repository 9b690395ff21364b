import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openScopes } from '../../src/core/scope.ts';
import { openVendor } from '../../src/engine/transport/vendor-visa/open-vendor.ts';
import { buildTestLibrary, type TestLibrary, whyNoLibrary } from '../vendor-visa/test-library.ts';
import { openVisaBridge } from '../vendor-visa/visa-bridge.ts';
import {
  type FaultyWay,
  type MessageFaults,
  REAL_FAULTS,
  REAL_TIMEOUT_MS,
  runMessageFaults,
} from './message-faults.ts';

/** Short, as the times of the sessions are: a device clear waits for the slice that a read given up is in. */
const SLICE_MS = 20;

afterAll(() => expect(openScopes()).toEqual([]));

describe.skipIf(whyNoLibrary)(`vendor VISA under faults${whyNoLibrary ? ` (skipped: ${whyNoLibrary})` : ''}`, () => {
  let built: TestLibrary;
  beforeAll(async () => {
    built = await buildTestLibrary('vendor-visa-faults');
  });
  afterAll(() => built?.dispose());

  const serve: MessageFaults['open'] = async (device): Promise<FaultyWay> => {
    const bridge = await openVisaBridge(device);
    const { library, spawn } = built;
    return {
      open: () => openVendor(bridge, { library, spawn, sliceMs: SLICE_MS }),
      dispose: () => bridge[Symbol.asyncDispose](),
    };
  };

  it(`${REAL_FAULTS} faults: no answer reaches another question`, { timeout: REAL_TIMEOUT_MS }, async () => {
    const results = await runMessageFaults({ name: 'vendor VISA', seed: 1700, open: serve });
    expect(results).toHaveLength(8);
    expect(built.children, 'one process serves them all').toHaveLength(1);
  });

  it('the same device gives wrong answers over a way whose clear does nothing', async () => {
    const run = runMessageFaults({
      name: 'vendor VISA without clear',
      seed: 1800,
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
});
