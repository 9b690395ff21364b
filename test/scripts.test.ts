import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const SCRIPTS = resolve(import.meta.dirname, '..', 'scripts');
const folder = mkdtempSync(join(tmpdir(), 'labwire-scripts-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const url = (name: string): string => JSON.stringify(pathToFileURL(join(SCRIPTS, name)).href);

function run(code: string): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    child.stderr.on('data', (chunk) => (text += chunk));
    child.on('close', (exit) => (exit === 0 ? done(text) : fail(new Error(text))));
  });
}

test('the lock lets one process in at a time, also past a dead owner', async () => {
  const lock = join(folder, 'lock');
  const counter = join(folder, 'counter');
  writeFileSync(counter, '0');
  // A pid that has ended: nobody holds this lock any more.
  writeFileSync(lock, `${spawnSync(process.execPath, ['-e', '']).pid} 1`);
  const code = `
    import { withLock } from ${url('lock.mjs')};
    import { readFileSync, writeFileSync } from 'node:fs';
    for (let round = 0; round < 5; round++) {
      await withLock(${JSON.stringify(lock)}, { say: () => {} }, async () => {
        const count = Number(readFileSync(${JSON.stringify(counter)}, 'utf8'));
        await new Promise((done) => setTimeout(done, 5));
        writeFileSync(${JSON.stringify(counter)}, String(count + 1));
      });
    }`;
  await Promise.all(Array.from({ length: 4 }, () => run(code)));
  expect(readFileSync(counter, 'utf8')).toBe('20');
  expect(existsSync(lock)).toBe(false);
});

test('the lock is given back when the work throws, and when the process is told to end', async () => {
  const lock = join(folder, 'lock-ends');
  const hold = `import { withLock } from ${url('lock.mjs')};
    await withLock(${JSON.stringify(lock)}, { say: () => {} }, `;
  await expect(run(`${hold} () => { throw new Error('the work failed'); });`)).rejects.toThrow('the work failed');
  expect(existsSync(lock)).toBe(false);

  const child = spawn(process.execPath, [
    '--input-type=module',
    '-e',
    `${hold} () => { console.log('in'); return new Promise((done) => setTimeout(done, 60000)); });`,
  ]);
  await new Promise((done) => child.stdout.once('data', done));
  expect(existsSync(lock)).toBe(true);
  child.kill('SIGTERM');
  await new Promise((done) => child.once('exit', done));
  expect(existsSync(lock)).toBe(false);
});

test('a stamp changes with a content, a name, and a file that comes or goes', async () => {
  const code = `
    import { hashOf } from ${url('stamps.mjs')};
    import { rmSync, writeFileSync } from 'node:fs';
    const folder = ${JSON.stringify(folder)};
    const hashes = [hashOf(folder, ['a', 'b'])];
    for (const text of ['', 'x', 'xy']) { writeFileSync(folder + '/a', text); hashes.push(hashOf(folder, ['a', 'b'])); }
    hashes.push(hashOf(folder, ['a']), hashOf(folder, ['a', 'b'], 'linux'));
    rmSync(folder + '/a');
    console.log(new Set(hashes).size, hashes.length, hashOf(folder, ['a', 'b']) === hashes[0]);`;
  expect((await run(code)).trim()).toBe('6 6 true');
});

test('missing system packages are named with the command that installs them', async () => {
  const code = `
    delete process.env.LABWIRE_CHROMIUM;
    process.env.PATH = ${JSON.stringify(folder)};
    const { missingPackagesText } = await import(${url('system-packages.mjs')});
    console.log(missingPackagesText().join('\\n'));`;
  const text = await run(code);
  expect(text).toContain('chromium is missing: needed for');
  expect(text).toContain('socat is missing: needed for');
  expect(text).toMatch(/install.*chromium socat/);
});

test('a host that does not exist is refused in one line', () => {
  const { status, stderr } = spawnSync(process.execPath, [join(SCRIPTS, 'start.mjs')], {
    encoding: 'utf8',
    env: { ...process.env, LABWIRE_HOST: 'toaster' },
  });
  expect(status).toBe(1);
  expect(stderr).toBe('labwire: LABWIRE_HOST is "toaster"; it may be auto, electron, browser.\n');
});
