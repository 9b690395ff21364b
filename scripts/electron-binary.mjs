// Whether Electron can run here, and if not, why in one line. Never `require('electron')`: outside Electron that downloads it.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './bootstrap.mjs';
import { readText } from './stamps.mjs';

const PACKAGE = join(ROOT, 'node_modules', 'electron');
const REACH_LIMIT_MS = 3_000;
const FETCH_LIMIT_MS = 300_000;

/** Path of Electron's binary if it is installed, else undefined. */
export function electronPath() {
  const name = readText(join(PACKAGE, 'path.txt'));
  const folder = process.env.ELECTRON_OVERRIDE_DIST_PATH ?? join(PACKAGE, 'dist');
  if (name !== undefined && existsSync(join(folder, name))) return join(folder, name);
  return undefined;
}

function canConnect(host) {
  return new Promise((done) => {
    const socket = connect({ host, port: 443 });
    const finish = (reason) => {
      socket.destroy();
      done(reason);
    };
    socket.setTimeout(REACH_LIMIT_MS, () => finish(`${host} does not answer`));
    socket.once('connect', () => finish(undefined));
    socket.once('error', (error) => finish(`${host}: ${error.code ?? error.message}`));
  });
}

function isInCache() {
  const roots = {
    darwin: join(homedir(), 'Library', 'Caches', 'electron'),
    win32: join(process.env.LOCALAPPDATA ?? homedir(), 'electron', 'Cache'),
  };
  const root =
    process.env.electron_config_cache ??
    roots[process.platform] ??
    join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'electron');
  const { version } = JSON.parse(readText(join(PACKAGE, 'package.json')) ?? '{}');
  const zip = `electron-v${version}-${process.platform}-${process.arch}.zip`;
  return existsSync(root) && readdirSync(root, { recursive: true }).some((path) => String(path).endsWith(zip));
}

/** Fetches the binary; returns why not, in words for one line, or undefined when it is there. */
async function fetchBinary(say) {
  const proxied =
    process.env.ELECTRON_GET_USE_PROXY || process.env.ELECTRON_MIRROR || process.env.npm_config_electron_mirror;
  if (!proxied && !isInCache()) {
    const reason = await canConnect('github.com');
    if (reason) return `its binary is not installed and cannot be fetched (${reason})`;
  }
  say('labwire: fetching Electron (about 120 MB, once) …');
  return await new Promise((done) => {
    const child = spawn(process.execPath, [join(PACKAGE, 'install.js')], { stdio: ['ignore', 'ignore', 'pipe'] });
    const timer = setTimeout(() => child.kill(), FETCH_LIMIT_MS);
    let text = '';
    child.stderr.on('data', (chunk) => (text += chunk));
    child.on('close', (code) => {
      clearTimeout(timer);
      if (code === 0 && electronPath()) done(undefined);
      else done(`fetching its binary failed (${text.trim().split('\n')[0]?.slice(0, 120) || 'no reason given'})`);
    });
  });
}

/** Why an installed binary cannot run here, in words for one line, or undefined. */
function whyNotRunnable(path) {
  if (process.platform === 'linux') {
    if (!process.env.DISPLAY && !process.env.WAYLAND_DISPLAY)
      return 'there is no display (DISPLAY and WAYLAND_DISPLAY are unset)';
    if (process.getuid() === 0) return 'its sandbox does not run as root; start Labwire as an ordinary user';
    const helper = join(path, '..', 'chrome-sandbox');
    const isSetuid = existsSync(helper) && statSync(helper).uid === 0 && (statSync(helper).mode & 0o4000) !== 0;
    if (readText('/proc/sys/kernel/apparmor_restrict_unprivileged_userns')?.trim() === '1' && !isSetuid) {
      return `AppArmor keeps its sandbox from starting; allow it once with: sudo chown root:root "${helper}" && sudo chmod 4755 "${helper}"`;
    }
  }
  const probe = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 20_000 });
  if (probe.status === 0) return undefined;
  return `its binary does not run (${(probe.stderr || probe.error?.message || `code ${probe.status}`).trim().split('\n')[0]})`;
}

/** `{path}` of a binary that runs here, or `{reason}`: why there is none. */
export async function findElectron(say) {
  const missing = electronPath() ? undefined : await fetchBinary(say);
  if (missing) return { reason: missing };
  const path = electronPath();
  const reason = whyNotRunnable(path);
  return reason ? { reason } : { path };
}
