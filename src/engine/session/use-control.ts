import type { Clock } from '../../core/clock.ts';
import { createDeferred } from '../../core/deferred.ts';
import { LabError } from '../../core/errors.ts';
import type { TransportControl } from '../transport/transport.ts';
import type { Exchanger } from './exchanger.ts';
import { lacksError } from './session-message.ts';
import type { WireKeeper } from './wire-keeper.ts';

export interface ControlParts {
  clock: Clock;
  timeoutMs: number;
  keeper: WireKeeper;
  exchanger: Exchanger;
}

/** Uses what the way has beside bytes. Throws `transport.unsupported` if it has nothing, what the control throws, `transport.timeout`. */
export async function useControl<T>(
  use: (control: TransportControl, signal: AbortSignal) => Promise<T>,
  { clock, timeoutMs, keeper, exchanger }: ControlParts,
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
