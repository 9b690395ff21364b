import type { StreamHistory } from './stream-history.ts';
import type { FrameDraft, WatchFill, WatchPart } from './watch-part.ts';

/** Sends the newest row of one stream when it is another than the one sent last. Rows between are not lost: nobody asked for them. */
export class LatestPart implements WatchPart {
  readonly streamId: number;
  readonly channels: readonly number[];
  /** Newest only: nothing is promised. */
  readonly unsent = undefined;
  readonly #id: number;
  readonly #stream: StreamHistory;
  #sentRow = -1;

  constructor(id: number, stream: StreamHistory, channels: readonly number[]) {
    this.streamId = stream.info.id;
    this.channels = channels;
    this.#id = id;
    this.#stream = stream;
  }

  get fill(): WatchFill {
    return { stream: this.streamId, from: Math.max(0, this.#stream.endRow - 1), to: this.#stream.endRow, n: 1 };
  }

  collect(draft: FrameDraft): number {
    const latest = this.#stream.isClosed ? undefined : this.#stream.latest();
    if (!latest || latest.row === this.#sentRow) return 0;
    const { row, timeNs } = latest;
    const values = Float64Array.from(this.channels, (channel) => latest.valueOf(channel));
    const head = { id: this.#id, isReply: false, stream: this.streamId, channels: this.channels };
    if (draft.offer({ kind: 'latest', ...head, row, timeNs, values })) {
      this.#sentRow = row;
      draft.arrived(latest.arrivedNs);
    }
    return 0;
  }
}
