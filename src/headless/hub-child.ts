import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { LabError } from '../core/errors.ts';
import type { KeptChild } from '../core/kept-process.ts';

/**
 * Starts the process that shares the bench of a data folder. It is told to end by the message `{ kind: 'close' }`, and ends by itself when this process is
 * gone (its channel closes). Throws share.failed when it is not built.
 */
export function startHubChild(entry: string, dataFolder: string): KeptChild {
  if (!existsSync(entry)) {
    throw new LabError(
      'share.failed',
      `The hub is not built (${entry}), so the bench is not shared. Run npm run build.`,
    );
  }
  // Of its own group, so that Ctrl-C reaches this process alone, which then ends it in order.
  const child = fork(entry, ['--data', dataFolder], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    detached: process.platform !== 'win32',
  });
  return {
    close: () => {
      if (child.connected) child.send({ kind: 'close' }, () => {});
      else child.kill('SIGKILL');
    },
    kill: () => void child.kill('SIGKILL'),
    onExit: (listener) => {
      child.once('exit', (code, signal) => listener(signal ?? `code ${code}`));
      child.once('error', (error) => {
        if (child.pid === undefined) listener(error.message);
      });
    },
  };
}
