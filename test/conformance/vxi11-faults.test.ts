import { afterAll, expect, it } from 'vitest';
import { openScopes } from '../../src/core/scope.ts';
import { REAL_FAULTS, REAL_TIMEOUT_MS, runMessageFaults } from './message-faults.ts';
import { serveVxi11 } from './vxi11-bench.ts';

afterAll(() => expect(openScopes()).toEqual([]));

it(`${REAL_FAULTS} faults over VXI-11`, { timeout: REAL_TIMEOUT_MS }, async () => {
  await runMessageFaults({ name: 'vxi11', seed: 300, open: serveVxi11 });
});
