import { afterAll, expect, it } from 'vitest';
import { openScopes } from '../../src/core/scope.ts';
import { REAL_FAULTS, REAL_TIMEOUT_MS, runMessageFaults } from './message-faults.ts';
import { serveVxi11 } from './vxi11-bench.ts';

afterAll(() => expect(openScopes()).toEqual([]));

it(`${REAL_FAULTS} faults over VXI-11`, { timeout: REAL_TIMEOUT_MS }, async () => {
  await runMessageFaults({ name: 'vxi11', seed: 300, open: serveVxi11 });
});

it('the same device gives wrong answers over a way whose clear does nothing', async () => {
  const run = runMessageFaults({
    name: 'vxi11 without clear',
    seed: 400,
    faults: 200,
    async open(device) {
      const way = await serveVxi11(device);
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
