import { type SegmentHistory, segmentColumns } from './segment-history.ts';
import type { FrameDraft, WatchFill, WatchPart } from './watch-part.ts';

/** Sends the newest complete segment of one stream in about `width` columns; older ones that were never sent are passed over. */
export class SegmentPart implements WatchPart {
  readonly streamId: number;
  readonly channels: readonly number[];
  /** Newest only: nothing is promised. */
  readonly unsent = undefined;
  readonly #id: number;
  readonly #stream: SegmentHistory;
  readonly #width: number;
  #sent = -1;

  constructor(id: number, stream: SegmentHistory, channels: readonly number[], width: number) {
    this.streamId = stream.info.id;
    this.channels = channels;
    this.#id = id;
    this.#stream = stream;
    this.#width = width;
  }

  get fill(): WatchFill {
    const latest = this.#stream.latest;
    const from = latest?.number ?? 0;
    return { stream: this.streamId, from, to: from + (latest?.rows ?? 0), n: 1 };
  }

  collect(draft: FrameDraft): number {
    const latest = this.#stream.latest;
    if (!latest || latest.number === this.#sent) return 0;
    const columns = segmentColumns(latest, this.channels, this.#width);
    if (!columns) return 0;
    const { number, xOriginS } = latest;
    const head = { id: this.#id, isReply: false, stream: this.streamId, channels: this.channels };
    if (draft.offer({ kind: 'segment', ...head, columns, xOriginS, number })) {
      this.#sent = number;
      draft.arrived(latest.arrivedNs);
    }
    return 0;
  }
}
