import type { Clock } from '../../core/clock.ts';
import { createDeferred } from '../../core/deferred.ts';
import { LabError } from '../../core/errors.ts';
import type { Wire } from './session.ts';

export interface TransactionParts {
  clock: Clock;
  /** Longest; then the wire is taken away. */
  limitMs: number;
  resource: string;
  /** The wire itself; its steps are put in order here. */
  wire: Wire;
  /** Gets what ends the transaction before its time. */
  onStop(stop: (reason: LabError) => void): void;
}

/**
 * Runs the steps with the wire to themselves. Steps started without waiting run one after the other all the same; the transaction ends when the
 * last of them has. After that its wire throws `call.invalid`. Throws what the steps throw, `transport.timeout` beyond the limit, or the reason it was
 * stopped for.
 */
export async function runTransaction<T>(steps: (wire: Wire) => Promise<T>, parts: TransactionParts): Promise<T> {
  const { clock, limitMs, resource, wire, onStop } = parts;
  let over: LabError | undefined;
  let last: Promise<unknown> = Promise.resolve();
  const inOrder = <R>(step: () => Promise<R>): Promise<R> => {
    const result = last.then(() => (over ? Promise.reject(over) : step()));
    last = result.catch(() => {});
    return result;
  };
  const ordered: Wire = {
    write: (text) => inOrder(() => wire.write(text)),
    query: (text, timeoutMs, expect) => inOrder(() => wire.query(text, timeoutMs, expect)),
    queryBlock: (text, timeoutMs, options) => inOrder(() => wire.queryBlock(text, timeoutMs, options)),
  };
  const ended = createDeferred<never>();
  const end = (reason: LabError): void => {
    over ??= reason;
    ended.reject(over);
  };
  onStop(end);
  const timer = clock.after(limitMs, () =>
    end(new LabError('transport.timeout', `A transaction held ${resource} longer than ${limitMs} ms and was ended.`)),
  );
  try {
    return await Promise.race([steps(ordered), ended.promise]);
  } finally {
    timer[Symbol.dispose]();
    over ??= new LabError('call.invalid', 'The transaction is over; its wire may not be used any more.');
    await last;
  }
}
