/** Resolves when the signal aborts: Ctrl-C is how a command that runs until stopped ends well. */
export function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

/** Resolves after `ms` or when the signal aborts, whichever is first; true if the time has passed. Undefined: only the signal. */
export function pause(ms: number | undefined, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      resolve(false);
    };
    const timer = setTimeout(
      () => {
        signal.removeEventListener('abort', onAbort);
        resolve(true);
      },
      // A timer's longest; without a duration only the signal ends it.
      Math.min(ms ?? 0x7fff_ffff, 0x7fff_ffff),
    );
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
