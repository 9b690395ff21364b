import type { MathChannel, MathState } from '../../contract/math-schema.ts';
import type { ChannelBook } from '../acquisition/channel-book.ts';
import type { SampleFan } from '../acquisition/sample-fan.ts';
import type { StreamRegistry } from '../acquisition/stream-registry.ts';
import type { StateBoard } from '../state/state-board.ts';
import { MATH_INSTRUMENT } from './math-lane.ts';
import { createMathStage, type MathStage, parseChannels } from './math-stage.ts';

export interface MathDeskParts {
  fan: SampleFan;
  registry: StreamRegistry;
  channels: ChannelBook;
  board: StateBoard;
  /** Something that belongs into the bench file has changed. */
  touched(): void;
}

/** The computed channels of the bench. */
export class MathDesk implements Disposable {
  readonly #parts: MathDeskParts;
  #channels: readonly MathChannel[] = [];
  #stage: MathStage | undefined;
  #tap: Disposable | undefined;

  constructor(parts: MathDeskParts) {
    this.#parts = parts;
  }

  get channels(): readonly MathChannel[] {
    return this.#channels;
  }

  get states(): MathState[] {
    return this.#stage?.states ?? [];
  }

  /** Puts a list in the place of the present one; integrals begin anew. Throws math.malformed, and changes nothing. */
  set(channels: readonly MathChannel[]): MathState[] {
    parseChannels(channels);
    this.#put(channels);
    this.#parts.touched();
    return this.states;
  }

  /** The list of a bench file. One that cannot be read is left out. */
  load(channels: readonly MathChannel[]): void {
    const readable = channels.filter((channel) => {
      try {
        parseChannels([channel]);
        return true;
      } catch {
        return false;
      }
    });
    try {
      this.#put(readable);
    } catch {
      this.#put([]);
    }
  }

  [Symbol.dispose](): void {
    this.#tap?.[Symbol.dispose]();
    this.#stage?.[Symbol.dispose]();
  }

  #put(channels: readonly MathChannel[]): void {
    const { fan, registry, channels: book } = this.#parts;
    const stage = createMathStage({
      channels,
      sink: fan,
      registry,
      scaleOf: (channel) => book.scaleOf(channel),
      changed: () => this.#show(),
    });
    this[Symbol.dispose]();
    book.removeOf(MATH_INSTRUMENT);
    this.#channels = channels;
    this.#stage = stage;
    for (const channel of channels) this.#declare(channel);
    this.#tap = fan.add(stage);
    this.#show();
  }

  #declare({ name, label, unit }: MathChannel): void {
    const { channels: book } = this.#parts;
    const columns = [{ channel: name, unit }];
    book.declare({
      instrument: MATH_INSTRUMENT,
      instrumentLabel: 'Math',
      stream: `${MATH_INSTRUMENT}/${name}`,
      columns,
      rateHz: 0,
    });
    if (label !== '') book.change({ channel: `${MATH_INSTRUMENT}/${name}`, label });
  }

  #show(): void {
    this.#parts.board.publish('math.changed', { math: this.states });
  }
}
