import { defineConfig } from 'vitest/config';
import { provideMapGroupBy } from './test/map-group-by.ts';

provideMapGroupBy();

/** End to end: the built program in a real Chromium or Electron. One file at a time: they share two cores with a browser. */
export default defineConfig({
  test: {
    // Tests send nothing into the network of whoever runs them.
    env: { LABWIRE_NETWORK_SEARCH: 'off' },
    include: ['test/e2e/**/*.e2e.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
});
