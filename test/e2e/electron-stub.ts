import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Marks the place of the fuses in Electron's binary (@electron/fuses). */
const FUSE_SENTINEL = 'dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX';
const FUSE_COUNT = 9;

/** A file that holds a fuse wire, all fuses off, as Electron's binary does. */
function binary(): Buffer {
  const wire = Buffer.concat([
    Buffer.from(FUSE_SENTINEL),
    Buffer.from([1, FUSE_COUNT]),
    Buffer.from('0'.repeat(FUSE_COUNT)),
  ]);
  return Buffer.concat([Buffer.alloc(4096), wire, Buffer.alloc(4096)]);
}

export type Platform = 'linux' | 'win32' | 'darwin';

function plist(name: string): string {
  const entries = {
    CFBundleName: name,
    CFBundleExecutable: name,
    CFBundleIdentifier: 'com.github.Electron',
    CFBundlePackageType: 'APPL',
  };
  const text = Object.entries(entries).map(([key, value]) => `<key>${key}</key><string>${value}</string>`);
  return `<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict>${text.join('')}</dict></plist>`;
}

function makeBundle(folder: string, name: string): void {
  mkdirSync(join(folder, 'Contents', 'MacOS'), { recursive: true });
  mkdirSync(join(folder, 'Contents', 'Resources'), { recursive: true });
  writeFileSync(join(folder, 'Contents', 'Info.plist'), plist(name));
  writeFileSync(join(folder, 'Contents', 'MacOS', name), name, { mode: 0o755 });
}

/** On macOS the fuses lie in the framework, not in the executable. */
function makeMacStub(folder: string): void {
  const app = join(folder, 'Electron.app');
  makeBundle(app, 'Electron');
  const frameworks = join(app, 'Contents', 'Frameworks');
  for (const kind of ['', ' (GPU)', ' (Plugin)', ' (Renderer)']) {
    makeBundle(join(frameworks, `Electron Helper${kind}.app`), `Electron Helper${kind}`);
  }
  const locale = join(frameworks, 'Electron Framework.framework', 'Versions', 'A', 'Resources', 'en.lproj');
  mkdirSync(locale, { recursive: true });
  writeFileSync(join(locale, 'locale.pak'), '');
  writeFileSync(join(frameworks, 'Electron Framework.framework', 'Electron Framework'), binary(), { mode: 0o755 });
}

/** A folder that electron-builder takes for an unpacked Electron. */
export function makeElectronStub(folder: string, platform: Platform, version: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'version'), version);
  for (const name of ['LICENSE', 'LICENSES.chromium.html']) writeFileSync(join(folder, name), name);
  if (platform === 'darwin') {
    makeMacStub(folder);
    return;
  }
  mkdirSync(join(folder, 'resources'), { recursive: true });
  mkdirSync(join(folder, 'locales'), { recursive: true });
  writeFileSync(join(folder, 'locales', 'en-US.pak'), '');
  writeFileSync(join(folder, platform === 'linux' ? 'electron' : 'electron.exe'), binary(), { mode: 0o755 });
}
