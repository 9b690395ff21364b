import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from '../../../core/errors.ts';
import type { VisaChild, VisaSpawn } from './visa-process.ts';

/** Calls that wait in the library hold a thread each. */
const THREADS = '64';

/** Starts visa-child.ts, built as `vendor-visa.js`, in a process of Node. Not for Electron with `runAsNode` off: there the shell forks it. */
export function forkVisaChild(path: string): VisaChild {
  const child = fork(path, [], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    // Of its own group, so that Ctrl-C reaches the engine alone.
    detached: process.platform !== 'win32',
    env: { ...process.env, UV_THREADPOOL_SIZE: THREADS },
  });
  // It must not keep an engine alive that is done.
  child.unref();
  child.channel?.unref();
  return {
    send: (message) => {
      child.send(message, () => {});
    },
    onMessage: (listener) => {
      child.on('message', listener);
    },
    onExit(listener) {
      let isTold = false;
      const tell = (how: string): void => {
        if (!isTold) listener(how);
        isTold = true;
      };
      child.on('error', (error) => tell(error.message));
      child.on('exit', (code, signal) => tell(signal ? `signal ${signal}` : `exit code ${code}`));
    },
    kill: () => {
      child.kill('SIGKILL');
    },
  };
}

/** The default: the built file beside the bundle that runs. Throws `resource.unsupported` where it cannot be started. */
export const forkBuiltVisa: VisaSpawn = () => {
  const isElectron = process.versions.electron !== undefined && !process.env.ELECTRON_RUN_AS_NODE;
  if (isElectron) {
    throw new LabError(
      'resource.unsupported',
      "This Labwire cannot start the process for the maker's VISA. Nothing was opened. Use labwire serve, or one of the other ways to the instrument.",
    );
  }
  const folders = [import.meta.dirname, join(import.meta.dirname, '..')];
  const path = folders.map((folder) => join(folder, 'vendor-visa.js')).find((file) => existsSync(file));
  if (path) return forkVisaChild(path);
  throw new LabError('resource.unsupported', "The process for the maker's VISA is not built. Run npm run build.");
};
