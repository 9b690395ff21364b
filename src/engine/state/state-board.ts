import { reduceBench } from '../../contract/bench-reducer.ts';
import type { BenchState } from '../../contract/bench-schema.ts';
import type { EventData, StateEvent, StateEventName } from '../../contract/events.ts';

export type BoardListener = (change: StateEvent) => void;

/**
 * What every screen sees beside samples, in one place. The engine changes it only by publishing events, through the same reducer
 * the screens use: engine and screens cannot disagree.
 */
export class StateBoard {
  #state: BenchState;
  readonly #listeners = new Set<BoardListener>();

  constructor(state: BenchState) {
    this.#state = state;
  }

  get state(): BenchState {
    return this.#state;
  }

  publish<N extends StateEventName>(event: N, data: EventData<N>): void {
    // The pair of name and data is right by the signature; TypeScript cannot see it through the union.
    const change = { event, data, revision: this.#state.revision + 1 } as StateEvent;
    this.#state = reduceBench(this.#state, change) ?? this.#state;
    for (const listener of this.#listeners) listener(change);
  }

  /** Another bench: screens are told to read it whole. */
  replace(pieces: Partial<BenchState>): void {
    const revision = this.#state.revision + 1;
    this.#state = { ...this.#state, ...pieces, revision };
    for (const listener of this.#listeners) listener({ event: 'bench.replaced', data: {}, revision });
  }

  onChange(listener: BoardListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }
}
