import type { StreamPlace, StreamSink, StreamTask } from '../lablink/socket/stream-task.ts';
import type { Acquisition } from './acquisition.ts';
import type { AcquisitionBook } from './acquisition-book.ts';
import { acquisitionStats, acquisitionWindow } from './acquisition-shape.ts';

export interface AcquisitionStreamAsk {
  acquisition: string;
  intervalMs: number;
  /** Newest rows in each message. */
  window: number;
  acquisitions: AcquisitionBook;
  nowNs: () => bigint;
}

/** The newest rows of an acquisition, again and again: windows overlap, as LabLink's do. */
export class AcquisitionTask implements StreamTask {
  readonly #place: StreamPlace;
  readonly #ask: AcquisitionStreamAsk;
  readonly #sink: StreamSink;
  #intervalMs: number;
  #window: number;
  #timer: Disposable | undefined;

  /** Throws hub.unknown. */
  constructor(place: StreamPlace, ask: AcquisitionStreamAsk, sink: StreamSink) {
    this.#place = place;
    this.#ask = ask;
    this.#sink = sink;
    this.#intervalMs = ask.intervalMs;
    this.#window = ask.window;
    ask.acquisitions.get(ask.acquisition);
    this.#wait(0);
  }

  pace(intervalMs: number): void {
    this.#intervalMs = intervalMs;
    this.#timer?.[Symbol.dispose]();
    this.#wait(intervalMs);
  }

  /** Newest rows in each message from now on. */
  set window(rows: number) {
    this.#window = rows;
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }

  #wait(ms: number): void {
    this.#timer = this.#place.after(ms, () => {
      const acquisition = this.#ask.acquisitions.all.find(({ id }) => id === this.#ask.acquisition);
      if (!acquisition) {
        this.#sink.ended('The acquisition was deleted.');
        return;
      }
      this.#sink.data(acquisitionMessage(acquisition, this.#window, this.#ask.nowNs()));
      this.#wait(this.#intervalMs);
    });
  }
}

function acquisitionMessage(acquisition: Acquisition, window: number, nowNs: bigint): Record<string, unknown> {
  return {
    acquisition_id: acquisition.id,
    state: acquisition.state,
    stats: acquisitionStats(acquisition, nowNs),
    data: acquisition.ring.length === 0 ? null : acquisitionWindow(acquisition, window),
  };
}
