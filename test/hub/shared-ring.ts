import type { FrameSkip } from '../../src/protocol/lab/labwire-frame.ts';
import type { Priority } from '../../src/protocol/lab/priority.ts';
import { CursorSource, type FrameOrder, type SharedRows } from './cursor-source.ts';

/** Row numbers of a stream; the oldest go when more than `capacity` are kept. */
export class RingOfRows implements SharedRows {
  readonly capacity: number;
  endRow = 0;
  #holes: { from: number; to: number }[] = [];

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get firstRow(): number {
    return Math.max(0, this.endRow - this.capacity);
  }

  append(rows: number): void {
    this.endRow += rows;
    this.#holes = this.#holes.filter(({ to }) => to > this.firstRow);
  }

  /** Rows the source never gave. */
  hole(rows: number): void {
    this.#holes.push({ from: this.endRow, to: this.endRow + rows });
    this.endRow += rows;
  }

  run(row: number): { from: number; to: number } | undefined {
    let from = Math.max(row, this.firstRow);
    for (const hole of this.#holes) if (hole.from <= from && from < hole.to) from = hole.to;
    if (from >= this.endRow) return undefined;
    const next = this.#holes.find((hole) => hole.from > from);
    return { from, to: next?.from ?? this.endRow };
  }
}

/** Text of a frame: `key:seq,rows+n reason`. */
export function frameText(
  key: string,
  { seq, rows, skipped }: { seq: number; rows: number; skipped: FrameSkip | undefined },
): string {
  return `${key}:${seq},${rows}${skipped ? `+${skipped.n}${skipped.reason}` : ''}`;
}

export function ringSource(
  key: string,
  rows: RingOfRows,
  changes: { priority?: Priority; fromRow?: number; rowsPerFrame?: number; orders?: FrameOrder[] } = {},
): CursorSource {
  return new CursorSource({
    key,
    priority: changes.priority ?? 'NORMAL',
    rows,
    fromRow: changes.fromRow ?? rows.endRow,
    rowsPerFrame: changes.rowsPerFrame ?? 10,
    bytesPerRow: 4,
    encode: (order) => {
      changes.orders?.push(order);
      return frameText(key, order);
    },
  });
}
