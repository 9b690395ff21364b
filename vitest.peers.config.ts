import { defineConfig } from 'vitest/config';
import { provideMapGroupBy } from './test/map-group-by.ts';

provideMapGroupBy();

/** Programs no one here wrote, in a private network: scripts/private-network.mjs. */
export default defineConfig({
  test: {
    include: ['test/peers/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // What is polled for comes when it comes; a second is short on a busy machine.
    expect: { poll: { timeout: 20_000 } },
    fileParallelism: false,
  },
});
