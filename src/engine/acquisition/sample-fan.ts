import type { Batch } from '../../core/batch.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import type { SampleSink, StreamGap } from '../sample-sink.ts';

/**
 * Passes what sources produce to every consumer, in the order of the list: the recorder first, so that nothing a screen or a rule
 * does can come between the wire and the file. A consumer added while streams are open is told of them first.
 */
export class SampleFan implements SampleSink {
  readonly #sinks: SampleSink[] = [];
  readonly #open = new Map<number, StreamInfo>();

  /** Streams open now, in order of opening. */
  get streams(): StreamInfo[] {
    return [...this.#open.values()];
  }

  /** `first`: goes before all others (the recorder). Disposing takes it out. */
  add(sink: SampleSink, place: 'first' | 'last' = 'last'): Disposable {
    for (const info of this.#open.values()) sink.streamOpened(info);
    if (place === 'first') this.#sinks.unshift(sink);
    else this.#sinks.push(sink);
    return {
      [Symbol.dispose]: () => {
        const index = this.#sinks.indexOf(sink);
        if (index >= 0) this.#sinks.splice(index, 1);
      },
    };
  }

  streamOpened(info: StreamInfo): void {
    this.#open.set(info.id, info);
    for (const sink of this.#sinks) sink.streamOpened(info);
  }

  batch(batch: Batch): void {
    for (const sink of this.#sinks) sink.batch(batch);
  }

  gap(gap: StreamGap): void {
    for (const sink of this.#sinks) sink.gap(gap);
  }

  streamClosed(stream: number): void {
    this.#open.delete(stream);
    for (const sink of this.#sinks) sink.streamClosed(stream);
  }
}
