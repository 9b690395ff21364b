import { networkInterfaces } from 'node:os';

const LOOK_MS = 3_000;
/** A look so late means that the machine, or this process, slept. */
const SLEPT_MS = 15_000;

const listeners = new Set<() => void>();
let watch: NodeJS.Timeout | undefined;
let known = '';
let lastMs = 0;

/** Calls when an address came or went, or after a sleep. One timer for all; it keeps no process alive. */
export function watchNetwork(listener: () => void): Disposable {
  // Each call its own entry, even of the same function.
  const entry = (): void => listener();
  listeners.add(entry);
  if (!watch) {
    known = addresses();
    lastMs = Date.now();
    watch = setInterval(look, LOOK_MS);
    watch.unref();
  }
  return {
    [Symbol.dispose]() {
      listeners.delete(entry);
      if (listeners.size > 0) return;
      clearInterval(watch);
      watch = undefined;
    },
  };
}

/** Tells everybody at once: a host that hears of a wake by its system calls this. */
export function announceNetworkChange(): void {
  for (const listener of [...listeners]) listener();
}

function look(): void {
  const now = Date.now();
  const hasSlept = now - lastMs > SLEPT_MS;
  lastMs = now;
  const present = addresses();
  const hasChanged = present !== known;
  known = present;
  if (hasSlept || hasChanged) announceNetworkChange();
}

function addresses(): string {
  return Object.values(networkInterfaces())
    .flatMap((all) => (all ?? []).map(({ address }) => address))
    .sort()
    .join(' ');
}
