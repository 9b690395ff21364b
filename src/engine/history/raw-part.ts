import { batchOf, pageRows } from './read-history.ts';
import type { StreamHistory } from './stream-history.ts';
import type { FrameDraft, WatchFill, WatchPart } from './watch-part.ts';

/** Rows of one watch in one frame, at most; the rest comes with the next. */
const PAGE_BYTES = 256 * 1024;

/** Sends every row of one stream from the cursor on; rows let go meanwhile are declared as skipped. */
export class RawPart implements WatchPart {
  readonly streamId: number;
  readonly channels: readonly number[];
  readonly #id: number;
  readonly #stream: StreamHistory;
  #cursor: number;
  #gapRow: number;

  /** Begins after `afterRow` if the screen has rows already, else with the next row that comes. */
  constructor(id: number, stream: StreamHistory, channels: readonly number[], afterRow?: number) {
    this.streamId = stream.info.id;
    this.channels = channels;
    this.#id = id;
    this.#stream = stream;
    this.#cursor = afterRow === undefined ? stream.endRow : Math.min(afterRow + 1, stream.endRow);
    this.#gapRow = this.#cursor - 1;
  }

  get fill(): WatchFill {
    return { stream: this.streamId, from: this.#cursor, to: this.#stream.endRow, n: 1 };
  }

  get unsent(): { from: number; to: number } | undefined {
    const { endRow } = this.#stream;
    const from = Math.max(this.#cursor, this.#stream.beginRow);
    return endRow > from ? { from, to: endRow } : undefined;
  }

  collect(draft: FrameDraft): number {
    const stream = this.#stream;
    if (this.#cursor >= stream.endRow) return 0;
    const head = { id: this.#id, isReply: false, stream: this.streamId };
    for (const gap of stream.runs.gaps(this.#gapRow + 1, stream.endRow)) {
      if (!draft.offer({ kind: 'gap', ...head, ...gap })) return 0;
      this.#gapRow = gap.seq;
    }
    // Rows before its first were never here to be sent.
    this.#cursor = Math.max(this.#cursor, stream.beginRow);
    let skipped = 0;
    const first = stream.ring.firstRow ?? stream.endRow;
    if (first > this.#cursor) {
      if (!draft.offer({ kind: 'skipped', ...head, from: this.#cursor, to: first, reason: 'history' })) return 0;
      skipped = first - this.#cursor;
      this.#cursor = first;
    }
    this.#sendRows(draft);
    return skipped;
  }

  #sendRows(draft: FrameDraft): void {
    const head = { id: this.#id, isReply: false, stream: this.streamId };
    let leftBytes = PAGE_BYTES;
    for (let page = this.#stream.ring.pageAt(this.#cursor); page && leftBytes > 0; ) {
      const from = Math.max(0, this.#cursor - page.firstRow);
      const to = Math.min(page.rows, from + pageRows(page, this.channels.length, leftBytes));
      const batch = batchOf(page, this.channels, from, to);
      if (!draft.offer({ kind: 'raw', ...head, channels: this.channels, batch })) return;
      draft.arrived(page.arrivedNs);
      leftBytes -= (to - from) * this.channels.length * (page.columns[0]?.BYTES_PER_ELEMENT ?? 4);
      this.#cursor = page.firstRow + to;
      if (this.#cursor >= this.#stream.endRow) return;
      page = this.#stream.ring.pageAt(this.#cursor);
    }
  }
}
