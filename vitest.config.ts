import { defineConfig } from 'vitest/config';
import { provideMapGroupBy } from './test/map-group-by.ts';

provideMapGroupBy();

export default defineConfig({
  test: {
    // Tests send nothing into the network of whoever runs them.
    env: { LABWIRE_NETWORK_SEARCH: 'off' },
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['test/e2e/**', 'test/soak/**', 'test/peers/**', 'node_modules/**'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 3,
  },
});
