// Makes a clone ready: installs the packages when the lockfile changed, builds when the sources changed. No dependencies.
//
//     node scripts/bootstrap.mjs            from prestart and pretest
//     await bootstrap({ say })              from the command line, which keeps stdout clean
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { step } from './console.mjs';
import { withLock } from './lock.mjs';
import { filesBelow, hashOf, readText, writeStamp } from './stamps.mjs';
import { missingPackagesText } from './system-packages.mjs';

/** The folder of the clone. */
export const ROOT = resolve(import.meta.dirname, '..');

const LOCK = join(ROOT, '.labwire', 'bootstrap.lock');
const INSTALL_STAMP = join(ROOT, 'node_modules', '.labwire-install');
const BUILD_STAMP = join(ROOT, 'out', '.labwire-build');
const BUILD_FILES = ['electron.vite.config.ts', 'package.json', 'package-lock.json', 'tsconfig.base.json'];
const NODE_NEEDED = [20, 19];

/** Runs a program in the clone and returns what it wrote; an exit code other than 0 throws with its last lines. */
function run(title, program, args, env = process.env) {
  return new Promise((done, fail) => {
    const child = spawn(program, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    child.stderr.on('data', (chunk) => (text += chunk));
    child.on('error', (error) => fail(new Error(`${title} could not start: ${error.message}`)));
    child.on('close', (code, signal) => {
      if (code === 0) done(text);
      else
        fail(
          new Error(
            `${title} ended with ${signal ?? `code ${code}`}:\n${text.trim().split('\n').slice(-40).join('\n')}`,
          ),
        );
    });
  });
}

function installHash() {
  return hashOf(ROOT, ['package-lock.json'], process.platform, process.arch);
}

/** Whether node_modules holds what the lockfile asks for, by npm's own list: then an install by hand is taken as it is. */
function isInstalledByHand() {
  const wanted = readText(join(ROOT, 'package-lock.json'));
  const found = readText(join(ROOT, 'node_modules', '.package-lock.json'));
  if (wanted === undefined || found === undefined) return false;
  const installed = JSON.parse(found).packages;
  return Object.entries(JSON.parse(wanted).packages).every(
    ([path, entry]) => path === '' || entry.optional || entry.peer || installed[path]?.version === entry.version,
  );
}

function needsInstall() {
  const hash = installHash();
  if (readText(INSTALL_STAMP)?.trim() === hash) return false;
  if (!isInstalledByHand()) return true;
  writeStamp(INSTALL_STAMP, hash);
  return false;
}

async function install() {
  const args = ['ci', '--include=dev', '--no-fund', '--no-audit'];
  // Under npm its own script is named by npm_execpath; by hand it is on PATH (and a .cmd on Windows, which needs a shell).
  const npm = process.env.npm_execpath;
  if (npm?.endsWith('.js')) await run('npm ci', process.execPath, [npm, ...args]);
  else if (process.platform === 'win32') await run('npm ci', 'cmd.exe', ['/d', '/s', '/c', `npm ${args.join(' ')}`]);
  else await run('npm ci', 'npm', args);
  writeStamp(INSTALL_STAMP, installHash());
}

/** Hash of all that a build depends on: the sources without their tests, the configuration and the lockfile. */
function buildHash() {
  const sources = filesBelow(ROOT, (path) => !path.endsWith('.test.ts') && !path.endsWith('.test.tsx'), 'src');
  return hashOf(ROOT, [...sources, ...BUILD_FILES]);
}

function needsBuild() {
  return readText(BUILD_STAMP)?.trim() !== buildHash();
}

async function build() {
  const hash = buildHash();
  rmSync(BUILD_STAMP, { force: true });
  const script = join(ROOT, 'node_modules', 'electron-vite', 'bin', 'electron-vite.js');
  await run('The build', process.execPath, [script, 'build'], { ...process.env, NODE_ENV: 'production' });
  writeStamp(BUILD_STAMP, hash);
}

/**
 * Installs and builds what is not up to date; quick (about 0.1 s) when all is. Says each step and its time by `say`.
 * Throws an Error that says what to do.
 */
export async function bootstrap({ say = console.log } = {}) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < NODE_NEEDED[0] || (major === NODE_NEEDED[0] && minor < NODE_NEEDED[1])) {
    throw new Error(
      `Labwire needs Node ${NODE_NEEDED.join('.')} or newer; this is ${process.versions.node}. Get it from https://nodejs.org.`,
    );
  }
  // A packed or published Labwire has no lockfile and nothing to build.
  if (readText(join(ROOT, 'package-lock.json')) === undefined) return;
  if (!needsInstall() && !needsBuild()) return;
  await withLock(LOCK, { say }, async () => {
    // Asked again: the process waited for may have done it.
    if (needsInstall()) await step(say, 'installing packages (npm ci)', install);
    if (needsBuild()) await step(say, 'building', build);
  });
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    await bootstrap();
    if (process.env.npm_lifecycle_event === 'pretest') for (const line of missingPackagesText()) console.log(line);
  } catch (error) {
    console.error(`labwire: ${error.message}`);
    process.exitCode = 1;
  }
}
