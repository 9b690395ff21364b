import { type ForkOptions, type UtilityProcess, utilityProcess } from 'electron';

/**
 * Starts one of our Node programs as a process of its own. Always so, never by `child_process.fork`: that starts Electron as Node by
 * ELECTRON_RUN_AS_NODE, which a packed program refuses (its fuse `runAsNode` is off). Programs inside app.asar start like this too.
 *
 * When V8 gives up (no memory left) Electron emits `error` before `exit`; unheard it would be thrown in the shell, which outlives what it has started. Its
 * report holds the environment, so only the place is said.
 */
export function forkUtility(
  entry: string,
  args: string[],
  options: ForkOptions & { serviceName: string },
): UtilityProcess {
  const child = utilityProcess.fork(entry, args, { stdio: 'inherit', ...options });
  child.on('error', (kind, location) => {
    console.error(`labwire: ${options.serviceName} cannot go on (${kind}, ${location}).`);
  });
  return child;
}
