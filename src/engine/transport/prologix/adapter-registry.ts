import type { LineEnd } from '../../../core/resource-shape.ts';
import { LinePool } from '../line-pool.ts';
import { Adapter } from './adapter.ts';
import { type LineOptions, lineKey, openLine } from './open-line.ts';

const adapters = new LinePool<Adapter>();

/** An adapter in use; dispose to give it back, the last one closes it. */
export interface AdapterUse extends AsyncDisposable {
  readonly adapter: Adapter;
}

/** Adapters open in this process; for tests. */
export function openAdapters(): number {
  return adapters.size;
}

/**
 * The adapter at a line: opened once for all instruments behind it (a Prologix serves one connection). Options of the line are those of the first
 * that opens it. Throws as `Adapter.open`, the cancellation of the signal.
 */
export async function shareAdapter(line: LineEnd, resource: string, options: LineOptions): Promise<AdapterUse> {
  const share = await adapters.share(
    lineKey(line),
    (signal) =>
      Adapter.open({
        resource,
        isSerial: line.kind === 'serial',
        open: (current) => openLine(line, resource, { ...options, signal: current }),
        signal,
      }),
    options.signal,
  );
  return { adapter: share.value, [Symbol.asyncDispose]: () => share[Symbol.asyncDispose]() };
}
