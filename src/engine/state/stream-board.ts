import type { StreamInfo } from '../../core/stream-info.ts';
import type { SampleSink, StreamGap } from '../sample-sink.ts';
import type { EventLog } from './event-log.ts';
import type { StateBoard } from './state-board.ts';

/** A source that loses rows all the time raises one event per stream and second, with the sum. */
const GAP_INTERVAL_NS = 1_000_000_000n;

interface GapSum {
  saidNs: bigint;
  unsaid: number;
}

/** Tells screens which streams are open and where something is missing; it looks at no sample. */
export class StreamBoard implements SampleSink {
  readonly #board: StateBoard;
  readonly #events: EventLog;
  readonly #gaps = new Map<number, GapSum>();

  constructor(board: StateBoard, events: EventLog) {
    this.#board = board;
    this.#events = events;
  }

  streamOpened(info: StreamInfo): void {
    this.#board.publish('stream.opened', { stream: info });
  }

  batch(): void {}

  gap(gap: StreamGap): void {
    const sum = this.#gaps.get(gap.stream) ?? { saidNs: 0n, unsaid: 0 };
    this.#gaps.set(gap.stream, sum);
    if (gap.toNs - sum.saidNs < GAP_INTERVAL_NS) {
      sum.unsaid += gap.lost;
      return;
    }
    const info = this.#board.state.streams.find(({ id }) => id === gap.stream);
    const lost = gap.lost + sum.unsaid;
    this.#gaps.set(gap.stream, { saidNs: gap.toNs, unsaid: 0 });
    this.#events.add({
      kind: 'gap',
      atNs: gap.fromNs,
      severity: 'warning',
      text: `Gap: ${gap.reason}`,
      ...(info ? { instrument: info.instrument } : {}),
      data: { stream: info?.key ?? '', fromNs: String(gap.fromNs), toNs: String(gap.toNs), lost },
    });
  }

  streamClosed(stream: number): void {
    this.#gaps.delete(stream);
    this.#board.publish('stream.closed', { stream });
  }
}
