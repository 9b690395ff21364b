import type { LineEnd } from '../../../core/resource-shape.ts';
import { Adapter, type AdapterParts } from './adapter.ts';
import { type LineOptions, lineKey, openLine } from './open-line.ts';

interface Shared {
  adapter: Promise<Adapter>;
  users: number;
}

const shared = new Map<string, Shared>();
/** Lines being closed: a serial port opens again only when it is closed. */
const closing = new Map<string, Promise<void>>();

/** An adapter in use; dispose to give it back, the last one closes it. */
export interface AdapterUse extends AsyncDisposable {
  readonly adapter: Adapter;
}

/** Adapters open in this process; for tests. */
export function openAdapters(): number {
  return shared.size;
}

/**
 * The adapter at a line: opened once for all instruments behind it (a Prologix serves one connection). Options of the line are those of the first
 * that opens it; so is the signal, which cancels the opening for all that wait for it.
 */
export async function shareAdapter(line: LineEnd, resource: string, options: LineOptions): Promise<AdapterUse> {
  const key = lineKey(line);
  const entry = shared.get(key) ?? open(key, line, resource, options);
  entry.users++;
  let isGiven = false;
  const giveBack = async (): Promise<void> => {
    if (isGiven) return;
    isGiven = true;
    entry.users--;
    if (entry.users > 0) return;
    forget(key, entry);
    const closed = close(await entry.adapter).finally(() => {
      if (closing.get(key) === closed) closing.delete(key);
    });
    closing.set(key, closed);
    await closed;
  };
  try {
    return { adapter: await entry.adapter, [Symbol.asyncDispose]: giveBack };
  } catch (error) {
    entry.users--;
    throw error;
  }
}

function open(key: string, line: LineEnd, resource: string, options: LineOptions): Shared {
  const adapter = openWhenClosed(key, {
    resource,
    isSerial: line.kind === 'serial',
    open: (signal) => openLine(line, resource, { ...options, signal }),
    signal: options.signal,
  });
  const entry: Shared = { adapter, users: 0 };
  shared.set(key, entry);
  adapter.then(
    // One that ended is opened anew by the next.
    ({ closed }) => void closed.then(() => forget(key, entry)),
    () => forget(key, entry),
  );
  return entry;
}

async function openWhenClosed(key: string, parts: AdapterParts): Promise<Adapter> {
  await closing.get(key);
  return Adapter.open(parts);
}

async function close(adapter: Adapter): Promise<void> {
  await adapter[Symbol.asyncDispose]();
}

function forget(key: string, entry: Shared): void {
  if (shared.get(key) === entry) shared.delete(key);
}
