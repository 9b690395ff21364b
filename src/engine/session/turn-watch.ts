/** Hears of the exchanges under one signal. */
export interface TurnWatch {
  /** One waits for its turn. */
  queued(): void;
  /** One has the wire. */
  begins(): void;
}

const watches = new WeakMap<AbortSignal, TurnWatch>();

/** From now on the watch hears of the exchanges that are given this very signal; one made of it (`AbortSignal.any`) does not count. */
export function watchTurns(signal: AbortSignal, watch: TurnWatch): void {
  watches.set(signal, watch);
}

/** The watch of a signal, if somebody wants to know. */
export function turnWatch(signal: AbortSignal): TurnWatch | undefined {
  return watches.get(signal);
}
