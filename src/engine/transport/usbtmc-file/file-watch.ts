import { watch } from 'node:fs';
import { access } from 'node:fs/promises';

/** Every message written to a watched file is an event as well: it is looked at once in a while. */
const LOOK_MS = 100;

/**
 * Tells once the file is gone. The driver tells of an unplugged instrument only those who ask, but its file vanishes. Where files cannot be watched
 * (the system's limit is reached), nothing is told: the next call of the driver does.
 */
export function onVanished(path: string, tell: () => void): Disposable {
  let timer: NodeJS.Timeout | undefined;
  const look = (): void => {
    timer = undefined;
    access(path).catch(tell);
  };
  try {
    const watcher = watch(path, () => {
      timer ??= setTimeout(look, LOOK_MS);
    });
    watcher.on('error', () => {});
    return {
      [Symbol.dispose]() {
        watcher.close();
        clearTimeout(timer);
      },
    };
  } catch {
    return { [Symbol.dispose]() {} };
  }
}
