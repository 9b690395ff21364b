import type { PathSource } from '../../contract/discovery-schema.ts';
import type { LabError } from '../../core/errors.ts';
import type { Found } from './sighting.ts';

/** Where a search tells what it finds. */
export interface SearchPlace {
  readonly signal: AbortSignal;
  /** The same resource again replaces what was said of it. */
  found(found: Found): void;
  /** It is there no more. */
  lost(resource: string): void;
  /** 0…1, where it can be known. */
  progress(share: number): void;
}

/**
 * One way of looking for instruments. Duties: a look ends by itself in bounded time, and soon when the signal aborts; what a look before has found and this one does not
 * is gone. It throws `discovery.unavailable` where this way does not exist here, with the reason; any other error is why it failed.
 */
export interface Search {
  readonly source: PathSource;
  /** While somebody watches it looks again so long after the look before, ms. Absent: only when asked. */
  readonly againMs?: number;
  look(place: SearchPlace): Promise<void>;
  /** While somebody watches: calls back when there is something new to look at, until disposed; beside looking again. Where the system tells no such thing, never. */
  onChange?(listener: () => void): Disposable;
  /** Goes on telling until disposed; in place of looking again. `failed`, once at most: it hears nothing any more, and why; it is then disposed. */
  watch?(place: SearchPlace, failed: (error: LabError) => void): Disposable;
}
