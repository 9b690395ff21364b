import { EventEmitter } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { closeAllWindows } from './browser-window.ts';
import { createDeferred } from './deferred.ts';
import { strict } from './strict.ts';
import { utilityMetrics } from './utility-process.ts';

const SECOND_SIGNAL = 'SIGUSR2';

/** Electron's `app`: paths, lifecycle, single instance. `begin` makes it ready, after main has been imported. */
class App extends EventEmitter {
  readonly isPackaged = false;
  root = '';
  /** Closes Chromium; set by the host. */
  closeBrowser: () => Promise<void> = () => Promise.resolve();
  private readonly paths = new Map<string, string>();
  private readonly ready = createDeferred<void>();
  private lock: string | undefined;
  private quitting = false;
  sandboxed = false;

  whenReady(): Promise<void> {
    return this.ready.promise;
  }

  begin(): void {
    this.emit('will-finish-launching');
    this.ready.resolve();
    this.emit('ready');
  }

  enableSandbox(): void {
    this.sandboxed = true;
  }

  getAppPath(): string {
    return this.root;
  }

  getAppMetrics(): { type: string; pid: number | undefined; name: string }[] {
    return utilityMetrics();
  }

  getVersion(): string {
    return String(this.manifest().version);
  }

  getName(): string {
    return String(this.manifest().productName);
  }

  setPath(name: string, path: string): void {
    this.paths.set(name, path);
  }

  getPath(name: string): string {
    const set = this.paths.get(name);
    if (set !== undefined) return set;
    if (name === 'userData') return join(homedir(), '.config', this.getName());
    if (name === 'temp') return tmpdir();
    if (name === 'home') return homedir();
    if (name === 'documents') return join(homedir(), 'Documents');
    throw new Error(`This host has no path "${name}".`);
  }

  /** A lock file with our pid; a second instance signals the first, whose `second-instance` then comes without arguments. */
  requestSingleInstanceLock(): boolean {
    mkdirSync(this.getPath('userData'), { recursive: true });
    const path = join(this.getPath('userData'), 'instance.lock');
    for (;;) {
      try {
        const file = openSync(path, 'wx');
        writeSync(file, String(process.pid));
        closeSync(file);
        this.lock = path;
        process.on(SECOND_SIGNAL, () => this.emit('second-instance', {}, [], ''));
        return true;
      } catch {
        const pid = Number(readFileSync(path, 'utf8'));
        try {
          process.kill(pid, SECOND_SIGNAL);
          return false;
        } catch {
          rmSync(path, { force: true });
        }
      }
    }
  }

  quit(): void {
    if (this.quitting) return;
    let prevented = false;
    const event = { preventDefault: () => (prevented = true) };
    this.emit('before-quit', event);
    if (prevented) return;
    this.quitting = true;
    if (!closeAllWindows()) {
      this.quitting = false;
      return;
    }
    this.emit('will-quit', event);
    if (!prevented) this.exit(0);
  }

  /** Ends at once; asks nobody. */
  exit(code = 0): void {
    this.quitting = true;
    if (this.lock !== undefined) rmSync(this.lock, { force: true });
    this.emit('quit', {}, code);
    void this.closeBrowser().finally(() => process.exit(code));
  }

  allWindowsClosed(): void {
    if (this.quitting) return;
    if (!this.emit('window-all-closed')) this.quit();
  }

  private manifest(): Record<string, unknown> {
    return JSON.parse(readFileSync(join(this.root, 'package.json'), 'utf8'));
  }
}

export const appShim = new App();
export const app = strict('app', appShim);
