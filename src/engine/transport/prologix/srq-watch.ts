import type { GpibAddress } from '../../../core/resource-shape.ts';
import type { Adapter } from './adapter.ts';

/** How often the SRQ line is looked at, as long as somebody wants to know. */
const PERIOD_MS = 100;
const RQS = 64;

type Listener = (statusByte: number | undefined) => void;

/** Everybody who waits for a service request behind one adapter; the line is one for all, so each is polled when it is asserted. */
interface Watch {
  listeners: Map<Listener, GpibAddress>;
  timer: ReturnType<typeof setTimeout> | undefined;
}

const watches = new WeakMap<Adapter, Watch>();

/** Calls back with the status byte when this instrument requests service; the serial poll that finds it out clears the request. */
export async function watchServiceRequests(
  adapter: Adapter,
  address: GpibAddress,
  listener: Listener,
): Promise<AsyncDisposable> {
  const watch = watches.get(adapter) ?? { listeners: new Map(), timer: undefined };
  watches.set(adapter, watch);
  const call: Listener = (statusByte) => listener(statusByte);
  watch.listeners.set(call, address);
  schedule(adapter, watch);
  return {
    async [Symbol.asyncDispose]() {
      watch.listeners.delete(call);
      if (watch.listeners.size > 0) return;
      clearTimeout(watch.timer);
      watch.timer = undefined;
    },
  };
}

function schedule(adapter: Adapter, watch: Watch): void {
  if (watch.timer || watch.listeners.size === 0 || adapter.ended) return;
  watch.timer = setTimeout(() => {
    void look(adapter, watch)
      // The adapter is busy, slow or gone: the next look tells.
      .catch(() => {})
      .finally(() => {
        watch.timer = undefined;
        schedule(adapter, watch);
      });
  }, PERIOD_MS);
}

async function look(adapter: Adapter, watch: Watch): Promise<void> {
  // Whoever measures goes first: a request waits as long as a transaction takes.
  const hold = await adapter.lock.acquire();
  try {
    if (!(await adapter.isServiceRequested())) return;
    for (const [listener, address] of [...watch.listeners]) {
      const byte = await adapter.statusByte(address);
      if (byte !== undefined && (byte & RQS) !== 0 && watch.listeners.has(listener)) listener(byte);
    }
  } finally {
    hold.release();
  }
}
