import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { extractAll, listPackage } from '@electron/asar';
import { FuseState, FuseV1Options, getCurrentFuseWire } from '@electron/fuses';
import { afterAll, expect, test } from 'vitest';
import { findRunningEngine, type RunningEngine } from '../../src/headless/running-engine.ts';
import { LabScreen } from '../lab/lab-screen.ts';
import { freePort } from '../servers/free-port.ts';
import type { Platform } from './electron-stub.ts';
import { makeElectronStub } from './electron-stub.ts';
import { launch } from './launch.ts';

const ROOT = resolve(import.meta.dirname, '..', '..');
const work = mkdtempSync(join(tmpdir(), 'labwire-packaging-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const electronVersion = manifest.devDependencies.electron;

interface Packed {
  /** Folder of app.asar. */
  resources: string;
  /** What the fuses are read from. */
  fuses: string;
}

/** Packs a folder for a platform with a stub in place of Electron's binary; where it is. */
function pack(platform: Platform): Packed {
  const stub = join(work, `electron-${platform}`);
  const output = join(work, platform);
  makeElectronStub(stub, platform, electronVersion);
  const args = [
    join(ROOT, 'node_modules', 'electron-builder', 'out', 'cli', 'cli.js'),
    { linux: '--linux', win32: '--win', darwin: '--mac' }[platform],
    'dir',
    '--x64',
    '--publish=never',
    `-c.electronDist=${stub}`,
    `-c.directories.output=${output}`,
    // Editing a Windows executable's resources needs a real one.
    ...(platform === 'darwin' ? ['-c.mac.identity=null'] : []),
    ...(platform === 'win32' ? ['-c.win.signAndEditExecutable=false', '-c.disableAsarIntegrity=true'] : []),
  ];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  expect(status, `${stdout}\n${stderr}`).toBe(0);
  if (platform === 'darwin') {
    const contents = join(output, 'mac', 'Labwire.app', 'Contents');
    return { resources: join(contents, 'Resources'), fuses: join(output, 'mac', 'Labwire.app') };
  }
  const folder = join(output, platform === 'linux' ? 'linux-unpacked' : 'win-unpacked');
  return {
    resources: join(folder, 'resources'),
    fuses: join(folder, platform === 'linux' ? 'labwire' : 'Labwire.exe'),
  };
}

const ALLOWED = [
  /^\/(out|out\/main|out\/main\/chunks|out\/preload|out\/renderer|out\/renderer\/assets)$/,
  /^\/out\/main\/(chunks\/)?[\w.-]+\.js$/,
  /^\/out\/preload\/index\.cjs$/,
  /^\/out\/renderer\/((index|login)\.html|(assets\/)?[\w.-]+\.(js|css|woff2?|svg|png))$/,
  /^\/(package\.json|LICENSE|resources|resources\/icon\.png)$/,
  /^\/resources\/instruments(\/[a-z0-9-]+\.yaml)?$/,
  /^\/node_modules(\/|$)/,
];

/** Packages of node_modules by name. */
function packagesOf(list: string[]): Set<string> {
  return new Set(list.flatMap((path) => /^\/node_modules\/((?:@[^/]+\/)?[^/@]+)\//.exec(path)?.[1] ?? []));
}

test.each(['linux', 'win32', 'darwin'] as const)(
  'the package for %s holds what is allowed, with its fuses set',
  async (platform) => {
    const packed = pack(platform);
    const list = listPackage(join(packed.resources, 'app.asar'), { isPack: false }).map((path) =>
      path.replaceAll('\\', '/'),
    );
    expect(list.filter((path) => !ALLOWED.some((allowed) => allowed.test(path)))).toEqual([]);
    for (const entry of ['index', 'engine-entry', 'cli', 'hub', 'simulator', 'export-worker', 'vendor-visa']) {
      expect(list).toContain(`/out/main/${entry}.js`);
    }
    const packages = packagesOf(list);
    for (const name of Object.keys(manifest.dependencies)) expect(packages).toContain(name);
    for (const name of ['electron', 'vite', 'vitest', 'typescript', 'playwright-core', 'react'])
      expect(packages).not.toContain(name);

    const fuses = await getCurrentFuseWire(packed.fuses);
    const isOn = (fuse: FuseV1Options): boolean => fuses[fuse] === FuseState.ENABLE;
    expect({
      runAsNode: isOn(FuseV1Options.RunAsNode),
      nodeOptions: isOn(FuseV1Options.EnableNodeOptionsEnvironmentVariable),
      inspect: isOn(FuseV1Options.EnableNodeCliInspectArguments),
      filePrivileges: isOn(FuseV1Options.GrantFileProtocolExtraPrivileges),
      cookies: isOn(FuseV1Options.EnableCookieEncryption),
      integrity: isOn(FuseV1Options.EnableEmbeddedAsarIntegrityValidation),
      asarOnly: isOn(FuseV1Options.OnlyLoadAppFromAsar),
    }).toEqual({
      runAsNode: false,
      nodeOptions: false,
      inspect: false,
      filePrivileges: false,
      cookies: true,
      integrity: true,
      asarOnly: true,
    });
  },
);

/** Where a package begins; of one that is made for `import` only, as its manifest says. */
function entryOf(load: NodeJS.Require, app: string, name: string): string {
  try {
    return load.resolve(name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_PACKAGE_PATH_NOT_EXPORTED') throw error;
  }
  const folder = join(app, 'node_modules', name);
  const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    exports: { '.': { import: string } };
  };
  return join(folder, exports['.'].import);
}

/** Switches sharing on in the app that runs on the folder; gives the address. */
async function share(dataFolder: string): Promise<string> {
  let found: RunningEngine | undefined;
  while (!found) found = await findRunningEngine(dataFolder, 'packaging suite');
  using client = found.client;
  using screen = await LabScreen.open(client);
  const port = await freePort();
  await client.call('settings.set', { share: { ...screen.state.settings.share, on: true, port } });
  return await screen.until('the hub', (state) => state.share.state === 'on' && state.share.urls[0], 60_000);
}

test('every package resolves inside the package, and the packed app boots on the test host', async () => {
  const resources = join(work, 'linux', 'linux-unpacked', 'resources');
  const app = join(work, 'extracted', 'resources', 'app');
  extractAll(join(resources, 'app.asar'), app);
  const load = createRequire(join(app, 'package.json'));
  for (const name of Object.keys(manifest.dependencies)) {
    const entry = entryOf(load, app, name);
    expect(entry.startsWith(app) && existsSync(entry), `${name} resolves to ${entry}`).toBe(true);
  }
  // Packages with native parts: those of this platform are packed, too, and load.
  for (const name of ['serialport', 'usb', 'koffi']) load(name);
  expect(existsSync(join(app, 'out', 'main', 'index.js'))).toBe(true);
  const running = await launch({ root: app });
  try {
    expect(await running.page.title()).toContain('Labwire');
    // The hub is another entry: what it imports is in the package, and so is the page it gives out.
    const url = await share(running.dataFolder);
    expect(await (await fetch(`${url}/login`)).text()).toContain('Log in');
  } finally {
    expect(await running.close()).toBe(0);
  }
});
