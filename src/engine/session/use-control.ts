import type { Clock } from '../../core/clock.ts';
import { createDeferred } from '../../core/deferred.ts';
import { LabError } from '../../core/errors.ts';
import type { TransportControl } from '../transport/transport.ts';
import type { Job } from './exchange-job.ts';
import type { Exchanger } from './exchanger.ts';
import { lacksError } from './session-message.ts';
import type { WireKeeper } from './wire-keeper.ts';

export interface ControlParts {
  job: Job;
  clock: Clock;
  timeoutMs: number;
  keeper: WireKeeper;
  exchanger: Exchanger;
}

/**
 * Uses what the way has beside bytes. Throws `transport.unsupported` if it has nothing, what the control throws, `transport.timeout`, and
 * `safety.refused` as soon as Outputs off waits: nobody knows then whether it was done.
 */
export async function useControl<T>(
  use: (control: TransportControl, signal: AbortSignal) => Promise<T>,
  { job, clock, timeoutMs, keeper, exchanger }: ControlParts,
): Promise<T> {
  if (keeper.closeReason) throw keeper.closeReason;
  const { control } = keeper.wire.transport;
  if (!control) throw lacksError(keeper.resource, 'controls beside bytes');
  const controller = new AbortController();
  const late = createDeferred<never>();
  const timer = clock.after(timeoutMs, () => {
    late.reject(exchanger.timedOut('a control of the way', timeoutMs, 'was not carried out'));
    controller.abort();
  });
  job.stop = (reason) => {
    late.reject(reason);
    controller.abort(reason);
  };
  try {
    return await Promise.race([use(control, controller.signal), late.promise]);
  } catch (error) {
    // Refused (unsupported, locked by another) is an answer like any other.
    const hasEnded = ['transport.timeout', 'transport.closed', 'transport.failed'].includes(LabError.from(error).code);
    throw hasEnded ? keeper.failed(error) : error;
  } finally {
    timer[Symbol.dispose]();
  }
}
