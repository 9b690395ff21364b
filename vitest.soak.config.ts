import { defineConfig } from 'vitest/config';
import { provideMapGroupBy } from './test/map-group-by.ts';

provideMapGroupBy();

/** What takes minutes: `npm run soak`. */
export default defineConfig({
  test: {
    // Tests send nothing into the network of whoever runs them.
    env: { LABWIRE_NETWORK_SEARCH: 'off', LABWIRE_CUT: 'all', LABWIRE_NIGHT_HOURS: '8' },
    // Of the cut recordings and of the night npm test takes a part only.
    include: [
      'test/soak/**/*.test.ts',
      'src/engine/recording/cut.test.ts',
      'src/engine/recording/recorder-night.test.ts',
    ],
    testTimeout: 600_000,
    hookTimeout: 600_000,
    // What is polled for comes when it comes; a second is short on a busy machine.
    expect: { poll: { timeout: 20_000 } },
    fileParallelism: false,
  },
});
