import { viewFrame } from '../src/contract/frame-read.ts';
import { columnRow, columnRows } from '../src/core/decimate.ts';
import { RecordedHistory } from '../src/engine/recording/recorded-history.ts';
import { openRecording } from '../src/engine/recording/recording.ts';
import { median } from './bench-table.ts';
import { expectedExtent, POLLED, polledAt } from './zoom-recording.ts';

export interface View {
  name: string;
  /** ns since 1970. */
  fromNs: string;
  toNs: string;
  width: number;
  raw: boolean;
}

export interface Views {
  path: string;
  view: View;
  /** Key of the stream looked at. */
  stream: string;
}

export interface Look {
  openMs: number;
  /** Opening included. */
  coldMs: number;
  warmMs: number;
  /** More than before opening, MiB. */
  heldMb: number;
  columns: number;
  frameBytes: number;
}

const WARM_PASSES = 21;

/** Opens a recording, paints one view of it, checks what is seen, and paints it again. */
export async function lookInto({ path, view, stream }: Views): Promise<Look> {
  const before = heldBytes();
  const start = performance.now();
  await using recording = await openRecording(path);
  const opened = performance.now();
  const info = recording.streams.find(({ info: { key } }) => key === stream)?.info;
  if (!info) throw new Error(`there is no stream ${stream}`);
  const history = new RecordedHistory(recording);
  const request = {
    request: 1,
    channels: [`${info.instrument}/${info.columns[0]?.channel}`],
    fromNs: BigInt(view.fromNs),
    toNs: BigInt(view.toNs),
    width: view.width,
    raw: view.raw,
    limit: 100_000,
  };
  const paint = async (): Promise<ArrayBuffer[]> => {
    const frames: ArrayBuffer[] = [];
    const { nextNs } = await history.read(request, (frame) => frames.push(frame));
    if (nextNs !== null) throw new Error('the view does not fit in one answer');
    return frames;
  };
  const frames = await paint();
  const coldMs = performance.now() - start;
  const heldMb = (heldBytes() - before) / 2 ** 20;
  const columns = check(frames, stream);
  const warm: number[] = [];
  for (let pass = 0; pass < WARM_PASSES; pass++) {
    const again = performance.now();
    await paint();
    warm.push(performance.now() - again);
  }
  const frameBytes = frames.reduce((sum, frame) => sum + frame.byteLength, 0);
  return { openMs: opened - start, coldMs, warmMs: median(warm), heldMb, columns, frameBytes };
}

function heldBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().rss;
}

/** Throws unless every column is what the signal makes it; gives how many there are. */
function check(frames: readonly ArrayBuffer[], stream: string): number {
  const instrument = POLLED.findIndex(({ key }) => key === stream);
  const expect = instrument < 0 ? expectedExtent : (from: number, to: number) => polledExtent(from, to, instrument);
  let count = 0;
  for (const block of frames.flatMap((frame) => viewFrame(frame).blocks)) {
    if (block.kind === 'columns') {
      const { columns } = block;
      for (let at = 0; at < columns.length; at++) {
        const row = columnRow(columns, at);
        const { min, max } = expect(row, row + columnRows(columns, at));
        if (columns.min[0]?.[at] !== Math.fround(min) || columns.max[0]?.[at] !== Math.fround(max)) {
          throw new Error(
            `column at row ${row} is ${columns.min[0]?.[at]} to ${columns.max[0]?.[at]}, not ${min} to ${max}`,
          );
        }
      }
      count += columns.length;
    } else if (block.kind === 'raw') {
      const { batch } = block;
      for (let at = 0; at < batch.rows; at++) {
        const { min } = expect(batch.seq + at, batch.seq + at + 1);
        if (batch.columns[0]?.[at] !== Math.fround(min)) throw new Error(`row ${batch.seq + at} is not ${min}`);
      }
      count += batch.rows;
    }
  }
  if (count === 0) throw new Error('nothing was seen');
  return count;
}

function polledExtent(from: number, to: number, instrument: number): { min: number; max: number } {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let row = from; row < to; row++) {
    const value = polledAt(row, instrument);
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}
