import type { Clock } from '../../core/clock.ts';
import type { ColumnInfo, StreamInfo, StreamKind } from '../../core/stream-info.ts';
import type { SampleSink } from '../sample-sink.ts';

export interface StreamShape {
  instrument: string;
  /** Name within the instrument: `poll`, `stream`, `waveform`. */
  stream: string;
  kind: StreamKind;
  columns: ColumnInfo[];
  rateHz: number;
}

/**
 * Gives streams their numbers (this run) and epochs (for ever) and announces them to the sink.
 * An epoch is the µs of opening, but always above the last one given, also of earlier runs: `lastEpoch` comes from the data folder.
 * `firstId`: a replay numbers its streams far away from the live ones, so that a screen which shows both cannot mix them up.
 */
export class StreamRegistry {
  readonly #sink: SampleSink;
  readonly #clock: Clock;
  readonly #keep: (epoch: number) => void;
  #nextId: number;
  #lastEpoch: number;

  constructor(sink: SampleSink, clock: Clock, lastEpoch = 0, keep: (epoch: number) => void = () => {}, firstId = 1) {
    this.#sink = sink;
    this.#clock = clock;
    this.#lastEpoch = lastEpoch;
    this.#keep = keep;
    this.#nextId = firstId;
  }

  open(shape: StreamShape): StreamInfo {
    const info = this.describe(shape);
    this.#sink.streamOpened(info);
    return info;
  }

  /** A numbered description without an announcement, for streams that only a file sees. */
  describe({ instrument, stream, kind, columns, rateHz }: StreamShape): StreamInfo {
    const epoch = Math.max(Number(this.#clock.nowNs() / 1000n), this.#lastEpoch + 1);
    this.#lastEpoch = epoch;
    this.#keep(epoch);
    return { id: this.#nextId++, key: `${instrument}/${stream}`, instrument, epoch, kind, columns, rateHz };
  }

  close(info: StreamInfo): void {
    this.#sink.streamClosed(info.id);
  }
}
