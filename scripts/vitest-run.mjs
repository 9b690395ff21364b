// Runs one Vitest configuration and counts its tests.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './bootstrap.mjs';
import { readText } from './stamps.mjs';

/** Runs a program in the clone on this terminal and returns its exit code. */
export function runHere(program, args, env = process.env) {
  return new Promise((done, fail) => {
    const child = spawn(program, args, { cwd: ROOT, env, stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', fail);
    child.on('close', (code, signal) => done(code ?? (signal ? 1 : 0)));
  });
}

/**
 * Runs the tests of `config` (those whose file names contain one of `filters`; all without), by the command `wrap` makes of it. Returns `{passed, failed, skipped}`.
 * A file that fails to load, an error outside a test and a run that died count as one failure each, so none of them looks green.
 */
export async function runVitest(config, filters = [], wrap = (program, args) => ({ program, args })) {
  const folder = mkdtempSync(join(tmpdir(), 'labwire-vitest-'));
  const report = join(folder, 'report.json');
  const { program, args } = wrap(process.execPath, [
    join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    '--config',
    config,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...(filters.length > 0 ? ['--passWithNoTests', ...filters] : []),
  ]);
  const code = await runHere(program, args);
  const text = readText(report);
  rmSync(folder, { recursive: true, force: true });
  if (text === undefined) return { passed: 0, failed: 1, skipped: 0 };
  const result = JSON.parse(text);
  const broken = result.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  const failed = result.numFailedTests + broken.length;
  return {
    passed: result.numPassedTests,
    failed: code !== 0 && failed === 0 ? 1 : failed,
    skipped: result.numPendingTests + result.numTodoTests,
  };
}
