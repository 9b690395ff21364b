import type { Batch } from '../../core/batch.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import type { SampleSink, StreamGap } from '../sample-sink.ts';

/**
 * Passes what sources produce to every consumer, in the order of the list: the recorder first, so that nothing a screen or a rule
 * does can come between the wire and the file. A consumer added while streams are open is told of them first. One may leave
 * while a batch is passed on: the others still get it, each once.
 */
export class SampleFan implements SampleSink {
  /** A set, not a list: taking one out of a list while it is gone through skips its neighbour. */
  #sinks = new Set<SampleSink>();
  readonly #open = new Map<number, StreamInfo>();

  /** Streams open now, in order of opening. */
  get streams(): StreamInfo[] {
    return [...this.#open.values()];
  }

  /** `first`: goes before all others (the recorder). Disposing takes it out. */
  add(sink: SampleSink, place: 'first' | 'last' = 'last'): Disposable {
    for (const info of this.#open.values()) sink.streamOpened(info);
    if (place === 'first') this.#sinks = new Set([sink, ...this.#sinks]);
    else this.#sinks.add(sink);
    return { [Symbol.dispose]: () => void this.#sinks.delete(sink) };
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
