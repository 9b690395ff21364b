import { LabError } from '../../../core/errors.ts';
import { abortable } from '../abortable.ts';
import { cancellation } from '../read-buffer.ts';
import type { LockOptions } from '../transport.ts';

/** What the library does for a lock. */
export interface LockCalls {
  lock(request: { timeoutMs: number; sharedKey?: string }): Promise<void>;
  unlock(): Promise<void>;
}

/**
 * Waits for a lock in slices, as reads wait for bytes: one that never comes holds neither a thread of the library nor the closing of the session.
 * Throws `transport.busy` when the time is over, `call.cancelled`; the lock is then not held.
 */
export async function waitForLock(
  { timeoutMs, sharedKey, signal }: LockOptions,
  sliceMs: number,
  calls: LockCalls,
): Promise<void> {
  const key = sharedKey === undefined ? {} : { sharedKey };
  for (let leftMs = Math.max(0, Math.round(timeoutMs)); ; leftMs -= sliceMs) {
    if (signal?.aborted) throw cancellation(signal);
    const locking = calls.lock({ timeoutMs: Math.min(leftMs, sliceMs), ...key });
    try {
      return await abortable(locking, signal);
    } catch (error) {
      if (signal?.aborted) {
        // Granted to somebody who no longer waits, it would never be given back.
        void locking.then(() => calls.unlock()).catch(() => {});
        throw error;
      }
      if (!(error instanceof LabError) || !isHeldByAnother(error)) throw error;
      if (leftMs <= sliceMs) throw busy(error);
    }
  }
}

function isHeldByAnother({ code }: LabError): boolean {
  return code === 'transport.busy' || code === 'transport.timeout';
}

/** Waiting for another's lock ends in the code of any wait. */
function busy(error: LabError): LabError {
  if (error.code === 'transport.busy') return error;
  return new LabError('transport.busy', `${error.message} Another program holds the lock.`, error.details);
}
