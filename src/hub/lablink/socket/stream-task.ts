import type { HubBench } from '../../bench/hub-bench.ts';

/** What a stream hands to its client. */
export interface StreamSink {
  data(data: Record<string, unknown>): void;
  /** Nothing follows; why. */
  ended(reason: string): void;
  /** Something went wrong with one turn; the stream goes on. */
  fault(thrown: unknown): void;
}

/** One stream of one client at work. Disposing ends it without a word. */
export interface StreamTask extends Disposable {
  /** Another interval from now on; ms. */
  pace(intervalMs: number): void;
}

/** What every stream needs. */
export interface StreamPlace {
  readonly bench: HubBench;
  /** Calls after `ms`. */
  after(ms: number, callback: () => void): Disposable;
}
