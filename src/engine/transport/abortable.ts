import { cancellation } from './read-buffer.ts';

const ONCE = { once: true };

/** The promise, or at once the cancellation when the signal aborts; what was begun goes on by itself. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(cancellation(signal));
    signal.addEventListener('abort', onAbort, ONCE);
    if (signal.aborted) onAbort();
    promise.then(
      (value) => {
        signal.removeEventListener('abort', onAbort);
        resolve(value);
      },
      (error: unknown) => {
        signal.removeEventListener('abort', onAbort);
        reject(error);
      },
    );
  });
}
