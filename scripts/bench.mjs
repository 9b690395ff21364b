// npm run bench [name…]: bundles benchmarks/NAME.bench.ts and runs it; all of them without a name.
// A benchmark is a program: it prints its table and sets a non-zero exit code when it misses its limit.
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bootstrap, ROOT } from './bootstrap.mjs';
import { elapsed } from './console.mjs';
import { runHere } from './vitest-run.mjs';

const FOLDER = join(ROOT, 'benchmarks');
const OUT = join(ROOT, '.labwire', 'benchmarks');
const ENDING = '.bench.ts';

/** Bundles one program so that plain Node runs it: our sources in, packages left in node_modules. */
async function bundle(entry, name) {
  const { build } = await import('vite');
  await build({
    configFile: false,
    root: ROOT,
    logLevel: 'warn',
    ssr: { target: 'node' },
    build: {
      ssr: entry,
      outDir: OUT,
      emptyOutDir: false,
      minify: false,
      target: 'node20',
      sourcemap: 'inline',
      rollupOptions: { output: { format: 'es', entryFileNames: `${name}.mjs`, chunkFileNames: `${name}-[hash].mjs` } },
    },
  });
  return join(OUT, `${name}.mjs`);
}

async function main() {
  await bootstrap();
  const known = existsSync(FOLDER) ? readdirSync(FOLDER).filter((file) => file.endsWith(ENDING)) : [];
  const names = known.map((file) => file.slice(0, -ENDING.length)).sort();
  const asked = process.argv.slice(2).filter((arg) => !arg.startsWith('-'));
  const options = process.argv.slice(2).filter((arg) => arg.startsWith('-'));
  const unknown = asked.filter((name) => !names.includes(name));
  if (unknown.length > 0)
    throw new Error(`No benchmark "${unknown.join(', ')}". There are: ${names.join(', ') || 'none'}.`);
  rmSync(OUT, { recursive: true, force: true });
  mkdirSync(OUT, { recursive: true });
  const missed = [];
  for (const name of asked.length > 0 ? asked : names) {
    const start = performance.now();
    const program = await bundle(join(FOLDER, `${name}${ENDING}`), name);
    const env = { ...process.env, LABWIRE_ROOT: ROOT };
    const code = await runHere(process.execPath, ['--expose-gc', '--enable-source-maps', program, ...options], env);
    console.log(`labwire: bench ${name}: ${code === 0 ? 'within its limits' : 'MISSED A LIMIT'}, ${elapsed(start)}\n`);
    if (code !== 0) missed.push(name);
  }
  if (missed.length > 0) throw new Error(`missed: ${missed.join(', ')}`);
}

try {
  await main();
} catch (error) {
  console.error(`labwire: ${error.message}`);
  process.exitCode = 1;
}
