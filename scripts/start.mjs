// npm start: the desktop app where Electron runs, else the same app in the browser.
//
//     npm start                                   the window, or the browser
//     npm start -- --no-open --port 8080          the browser host without opening a browser, on port 8080
//     npm start -- --data DIR                     another data folder
//
// LABWIRE_HOST=auto|electron|browser decides the host by hand.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bootstrap, ROOT } from './bootstrap.mjs';
import { findElectron } from './electron-binary.mjs';

const HOSTS = ['auto', 'electron', 'browser'];
const args = process.argv.slice(2);
const host = process.env.LABWIRE_HOST || 'auto';

/** Runs the window until it is closed; its exit code is ours. */
function runElectron(path) {
  // Set, this variable would turn Electron into a plain Node.
  const { ELECTRON_RUN_AS_NODE: _, ...env } = process.env;
  const child = spawn(path, [ROOT, ...args], { stdio: 'inherit', env });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  child.on('close', (code, signal) => {
    process.exitCode = code ?? (signal ? 1 : 0);
  });
}

/** The browser host runs in this process; told who launched it, it ends with npm. */
async function runBrowserHost() {
  const cli = join(ROOT, 'out', 'main', 'cli.js');
  process.argv = [process.argv[0], cli, 'serve', ...args];
  if (process.env.npm_lifecycle_event === 'start') process.env.LABWIRE_LAUNCHER_PID ??= String(process.ppid);
  await import(pathToFileURL(cli).href);
}

async function start() {
  if (!HOSTS.includes(host)) throw new Error(`LABWIRE_HOST is "${host}"; it may be ${HOSTS.join(', ')}.`);
  await bootstrap();
  if (host === 'browser') return await runBrowserHost();
  // Options of the browser host ask for it.
  const asked = host === 'auto' && args.some((arg) => /^--(no-open|port)\b/.test(arg));
  if (asked) return await runBrowserHost();
  const electron = await findElectron(console.log);
  if (electron.path) return runElectron(electron.path);
  if (host === 'electron') throw new Error(`LABWIRE_HOST=electron, but Electron cannot run: ${electron.reason}.`);
  console.log(`labwire: in the browser, because Electron cannot run: ${electron.reason}.`);
  await runBrowserHost();
}

try {
  await start();
} catch (error) {
  console.error(`labwire: ${error.message}`);
  process.exitCode = 1;
}
