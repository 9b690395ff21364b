import { existsSync } from 'node:fs';
import { LabError } from '../core/errors.ts';
import { type KeptChild, KeptProcess, type KeptProcessOptions } from '../core/kept-process.ts';
import { forkUtility } from './utility-fork.ts';

/** The hub lets its clients go within 5 s; the quit waits for it. */
const CLOSE_LIMIT_MS = 6_000;

/**
 * The process that shares the bench: a child of the shell, not of the engine, which it finds through the data folder; so each may die alone.
 * `start` throws share.failed when it is not built.
 */
export function createHubProcess(entry: string, dataFolder: string, ended: KeptProcessOptions['ended']): KeptProcess {
  return new KeptProcess({
    name: 'The hub',
    clock: {
      monotonicMs: () => performance.now(),
      after: (ms, callback) => {
        const timer = setTimeout(callback, ms);
        return { [Symbol.dispose]: () => clearTimeout(timer) };
      },
    },
    fork: () => fork(entry, dataFolder),
    ended,
    closeLimitMs: CLOSE_LIMIT_MS,
  });
}

function fork(entry: string, dataFolder: string): KeptChild {
  if (!existsSync(entry)) {
    throw new LabError(
      'share.failed',
      `The hub is not built (${entry}), so the bench is not shared. Build Labwire again.`,
    );
  }
  const child = forkUtility(entry, ['--data', dataFolder], { serviceName: 'Labwire hub' });
  return {
    close: () => child.postMessage({ kind: 'close' }),
    kill: () => void child.kill(),
    onExit: (listener) => void child.once('exit', (code) => listener(`code ${code}`)),
  };
}
