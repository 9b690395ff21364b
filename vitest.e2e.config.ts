import { defineConfig } from 'vitest/config';
import { provideMapGroupBy } from './test/map-group-by.ts';

provideMapGroupBy();

/** End to end: the built program in a real Chromium or Electron. Two files at a time: each has a browser of its own, and much of it is waiting. */
export default defineConfig({
  test: {
    // Tests send nothing into the network of whoever runs them.
    env: { LABWIRE_NETWORK_SEARCH: 'off' },
    include: ['test/e2e/**/*.e2e.test.ts'],
    testTimeout: 240_000,
    hookTimeout: 240_000,
    // What is polled for comes when it comes; a second is short on a busy machine.
    expect: { poll: { timeout: 60_000 } },
    globalSetup: ['test/e2e/host-setup.ts'],
    maxWorkers: 2,
  },
});
