import { defineConfig } from 'vitest/config';
import { provideMapGroupBy } from './test/map-group-by.ts';

provideMapGroupBy();

/** Programs no one here wrote, in a private network: scripts/private-network.mjs. */
export default defineConfig({
  test: {
    include: ['test/peers/**/*.test.ts'],
    testTimeout: 240_000,
    hookTimeout: 240_000,
    // What is polled for comes when it comes; a second is short on a busy machine.
    expect: { poll: { timeout: 60_000 } },
    fileParallelism: false,
  },
});
