/** A signal that aborts after a time, or with another; dispose it when what it bounds is over. */
export interface TimeLimit extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * Bounds work by `ms` of real time, and by `outer`. In place of `AbortSignal.any([outer, AbortSignal.timeout(ms)])`: such a pair does not hold its
 * timeout, so a garbage collection in the meantime may take it, and what waits for it waits for ever (seen on Node 20).
 */
export function timeLimit(ms: number, outer?: AbortSignal): TimeLimit {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(outer?.reason);
  if (outer?.aborted) onAbort();
  const timer = setTimeout(() => controller.abort(new DOMException(`Longer than ${ms} ms.`, 'TimeoutError')), ms);
  outer?.addEventListener('abort', onAbort, { once: true });
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      outer?.removeEventListener('abort', onAbort);
    },
  };
}
