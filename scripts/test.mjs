// npm test: types, lint, build, unit and seam suites, end-to-end suites; each timed; the sum on the last line.
//
//     npm test                        everything
//     npm test -- ring pyramid        only test files whose names contain one of these words
//     node scripts/test.mjs --only types,lint,unit,peers,e2e
//
// LABWIRE_CI=1: a missing system package or peer is a failure, not a skip.
import { join } from 'node:path';
import { bootstrap, ROOT } from './bootstrap.mjs';
import { elapsed } from './console.mjs';
import { inPrivateNetwork, privateNetworkUnavailable } from './private-network.mjs';
import { findProgram, missingPackages, missingPackagesText } from './system-packages.mjs';
import { runHere, runVitest } from './vitest-run.mjs';

const tool = (...path) => join(ROOT, 'node_modules', ...path);

async function check(program, args) {
  const code = await runHere(process.execPath, [program, ...args]);
  return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 };
}

async function checkTypes() {
  const tsc = tool('typescript', 'bin', 'tsc');
  const results = await Promise.all(['pure', 'node', 'web'].map((name) => check(tsc, ['-p', `tsconfig.${name}.json`])));
  return sum(results);
}

function sum(results) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const result of results) for (const key of Object.keys(total)) total[key] += result[key];
  return total;
}

function textOf({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** Without a browser the end-to-end suites are one skip with its reason; in CI the missing package has failed already. */
async function runEndToEnd(filters) {
  if (process.env.E2E_HOST !== 'electron' && process.env.LABWIRE_CI !== '1' && !findProgram('chromium')) {
    console.log('labwire: e2e: skipped, because chromium is missing: sudo apt-get install -y chromium');
    return { passed: 0, failed: 0, skipped: 1 };
  }
  return await runVitest('vitest.e2e.config.ts', filters);
}

/** Programs no one here wrote, against our simulator; in CI a missing one has failed already. */
async function runPeers(filters) {
  const reason = privateNetworkUnavailable();
  if (reason !== undefined) {
    console.log(`labwire: peers: skipped: ${reason}`);
    return { passed: 0, failed: process.env.LABWIRE_CI === '1' ? 1 : 0, skipped: 1 };
  }
  return await runVitest('vitest.peers.config.ts', filters, inPrivateNetwork);
}

const SUITES = {
  types: checkTypes,
  lint: () => check(tool('@biomejs', 'biome', 'bin', 'biome'), ['check', '.']),
  unit: (filters) => runVitest('vitest.config.ts', filters),
  peers: runPeers,
  e2e: runEndToEnd,
};

function readArguments(args) {
  const at = args.indexOf('--only');
  const filters = args.filter((_, index) => at < 0 || (index !== at && index !== at + 1));
  const names =
    at < 0 ? (filters.length > 0 ? ['unit', 'peers', 'e2e'] : Object.keys(SUITES)) : (args[at + 1] ?? '').split(',');
  const unknown = names.filter((name) => !Object.hasOwn(SUITES, name));
  if (unknown.length > 0)
    throw new Error(`No suite "${unknown.join(', ')}". There are: ${Object.keys(SUITES).join(', ')}.`);
  return { names, filters };
}

async function main() {
  const { names, filters } = readArguments(process.argv.slice(2));
  const start = performance.now();
  // Nothing in a test may try to download Electron.
  process.env.LABWIRE_HOST ??= 'browser';
  const results = [];
  if (process.env.LABWIRE_CI === '1' && missingPackages().length > 0) {
    for (const line of missingPackagesText()) console.log(line);
    results.push({ name: 'system packages', passed: 0, failed: missingPackages().length, skipped: 0 });
  }
  await bootstrap();
  for (const name of names) {
    const begun = performance.now();
    console.log(`\nlabwire: ${name} …`);
    const result = await SUITES[name](filters);
    results.push({ name, ...result });
    console.log(`labwire: ${name}: ${textOf(result)} in ${elapsed(begun)}`);
  }
  const total = sum(results);
  console.log(`\nlabwire: tests took ${elapsed(start)}`);
  // Last, so that whoever sees only the end of the output knows which.
  for (const line of results.flatMap((result) => result.unsteady ?? [])) console.log(`labwire: unsteady: ${line}`);
  for (const result of results.filter(({ failed }) => failed > 0))
    for (const line of result.failures ?? [result.name]) console.log(`labwire: FAILED: ${line}`);
  console.log(`\n${textOf(total)}`);
  if (total.failed > 0) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(`labwire: ${error.message}\n\n0 passed, 1 failed`);
  process.exitCode = 1;
}
