// Runs one Vitest configuration and counts its tests.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
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

/** More failed files than this are no matter of the moment: they are not run again. */
const MAX_FILES_RUN_AGAIN = 3;

/**
 * Runs the tests of `config` (those whose file names contain one of `filters`; all without), by the command `wrap` makes of it.
 * Returns `{passed, failed, skipped, failures, unsteady}`; the last two are lines to print.
 * A file that fails to load, an error outside a test and a run that died count as one failure each, so none of them looks green.
 * Few files that failed, or ran when such an error came, run once more alone, with the machine to themselves: what holds then counts
 * as passed and is named as unsteady at the end of the output, as a defect to mend.
 */
export async function runVitest(config, filters = [], wrap = (program, args) => ({ program, args })) {
  const first = await runOnce(config, filters, wrap);
  if (first.files === undefined) return countsOf([], [`${config}: the run died with exit code ${first.code}`]);
  const failures = failuresOf(first, config);
  if (failures.length === 0) return countsOf(first.files, []);
  const suspects = new Set([
    ...first.files.filter(isFailed).map(({ name }) => name),
    ...first.stray.map(({ file }) => file),
  ]);
  if (suspects.size > MAX_FILES_RUN_AGAIN || suspects.has(undefined)) return countsOf(first.files, failures);

  console.log('\nlabwire: once more, alone:');
  for (const line of failures) console.log(`  ${line}`);
  const again = await runOnce(
    config,
    [...suspects].map((name) => relative(ROOT, name)),
    wrap,
  );
  if (again.files === undefined) return countsOf(first.files, failures);
  const still = failuresOf(again, config);
  const merged = first.files.map((file) => again.files.find((other) => other.name === file.name) ?? file);
  const lasting = (line) => still.some((other) => fileOf(other) === fileOf(line));
  return { ...countsOf(merged, still), unsteady: failures.filter((line) => !lasting(line)) };
}

/** One run: its exit code, the report of each file, and the errors outside every test; without `files` the run died before it wrote any. */
async function runOnce(config, filters, wrap) {
  const folder = mkdtempSync(join(tmpdir(), 'labwire-vitest-'));
  const report = join(folder, 'report.json');
  const stray = join(folder, 'stray.json');
  const { program, args } = wrap(process.execPath, [
    join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    '--config',
    config,
    '--reporter=default',
    '--reporter=json',
    `--reporter=${join(ROOT, 'scripts', 'stray-errors.mjs')}`,
    `--outputFile.json=${report}`,
    ...(filters.length > 0 ? ['--passWithNoTests', ...filters] : []),
  ]);
  const code = await runHere(program, args, { ...process.env, LABWIRE_STRAY_ERRORS: stray });
  const [text, errors] = [readText(report), readText(stray)];
  rmSync(folder, { recursive: true, force: true });
  return {
    code,
    files: text === undefined ? undefined : JSON.parse(text).testResults,
    stray: errors === undefined ? [] : JSON.parse(errors),
  };
}

/** A line for each failure of a run; one at least if its exit code says so. */
function failuresOf({ code, files, stray }, config) {
  const lines = [
    ...files.filter(isFailed).flatMap(failuresIn),
    ...stray.map(
      ({ file, message }) =>
        `${file ? relative(ROOT, file) : config}: an error outside every test: ${firstLine(message)}`,
    ),
  ];
  return lines.length === 0 && code !== 0 ? [`${config}: an error outside every test`] : lines;
}

/** The file a line is about. */
function fileOf(line) {
  return line.split(': ', 1)[0];
}

function isFailed(file) {
  return file.status === 'failed' || file.assertionResults.some((test) => test.status === 'failed');
}

/** A line for each failure of a file: where, which test, the first line of what it said. */
function failuresIn(file) {
  const where = relative(ROOT, file.name);
  const failed = file.assertionResults.filter((test) => test.status === 'failed');
  if (failed.length === 0) return [`${where}: ${firstLine(file.message)}`];
  return failed.map((test) => `${where}: ${test.fullName}: ${firstLine(test.failureMessages[0])}`);
}

function firstLine(text = '') {
  return text.split('\n', 1)[0].slice(0, 200);
}

function countsOf(files, failures) {
  const tests = files.flatMap((file) => file.assertionResults);
  const count = (...statuses) => tests.filter((test) => statuses.includes(test.status)).length;
  return {
    passed: count('passed'),
    failed: failures.length,
    skipped: count('pending', 'skipped', 'todo'),
    failures,
    unsteady: [],
  };
}
