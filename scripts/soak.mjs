// npm run soak [word…]: the suites of test/soak, which take minutes: long recordings, packaging.
import { bootstrap } from './bootstrap.mjs';
import { elapsed } from './console.mjs';
import { runVitest } from './vitest-run.mjs';

try {
  const start = performance.now();
  await bootstrap();
  const { passed, failed, skipped } = await runVitest('vitest.soak.config.ts', process.argv.slice(2));
  console.log(
    `\nlabwire: soak took ${elapsed(start)}\n\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`,
  );
  if (failed > 0) process.exitCode = 1;
} catch (error) {
  console.error(`labwire: ${error.message}`);
  process.exitCode = 1;
}
