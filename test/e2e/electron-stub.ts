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

/** A folder that electron-builder takes for an unpacked Electron of Linux or Windows. */
export function makeElectronStub(folder: string, platform: 'linux' | 'win32', version: string): void {
  mkdirSync(join(folder, 'resources'), { recursive: true });
  mkdirSync(join(folder, 'locales'), { recursive: true });
  writeFileSync(join(folder, platform === 'linux' ? 'electron' : 'electron.exe'), binary(), { mode: 0o755 });
  writeFileSync(join(folder, 'version'), version);
  for (const name of ['LICENSE', 'LICENSES.chromium.html', 'locales/en-US.pak']) {
    writeFileSync(join(folder, name), name);
  }
}
