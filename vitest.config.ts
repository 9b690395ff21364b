import { defineConfig } from 'vitest/config';
import { provideMapGroupBy } from './test/map-group-by.ts';

provideMapGroupBy();

const NEVER = ['test/e2e/**', 'test/soak/**', 'test/peers/**', 'node_modules/**'];

/**
 * Files that need a process of their own: they count the handles or the memory of their process, replace a module, its clock
 * or its environment, run the command line in it, or are about what the engine keeps of an address (ports come again).
 */
const ALONE = [
  'src/main/**/*.test.ts',
  'src/engine/session/**/*.test.ts',
  'src/engine/transport/**/*.test.ts',
  'src/engine/calls/session-calls.test.ts',
  'test/cli/**/*.test.ts',
  'test/conformance/**/*.test.ts',
  'test/lab/labwire-frame.test.ts',
  'test/lab/link-real.test.ts',
  'test/lab/power-meter.test.ts',
  'test/usb/**/*.test.ts',
  'test/vendor-visa/**/*.test.ts',
];

/** The others share three processes: loading the same modules anew for each file took a fifth of the suite's time. */
export default defineConfig({
  test: {
    // Tests send nothing into the network of whoever runs them.
    env: { LABWIRE_NETWORK_SEARCH: 'off' },
    testTimeout: 240_000,
    hookTimeout: 240_000,
    // What is polled for comes when it comes; a second is short on a busy machine.
    expect: { poll: { timeout: 60_000 } },
    maxWorkers: 3,
    projects: [
      { extends: true, test: { name: 'alone', include: ALONE, exclude: NEVER } },
      {
        extends: true,
        test: {
          name: 'shared',
          isolate: false,
          setupFiles: ['test/no-scope-left.ts'],
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [...NEVER, ...ALONE],
        },
      },
    ],
  },
});
