import { type BatchHeader, type Column, layNewBatch } from '../core/batch.ts';
import { type ColumnBlock, columnRow } from '../core/decimate.ts';
import {
  align,
  BLOCK,
  blockBytes,
  FLAG,
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  type Frame,
  type FrameBlock,
  listBytes,
  SKIP_REASONS,
} from './frames.ts';

/** A frame in a buffer of its own, of exactly its size. */
export function encodeFrame(frame: Frame): ArrayBuffer {
  const sizes = frame.blocks.map(blockBytes);
  const buffer = new ArrayBuffer(sizes.reduce((sum, size) => sum + size, FRAME_HEADER_BYTES));
  const view = new DataView(buffer);
  view.setUint32(0, FRAME_MAGIC, true);
  view.setUint32(4, frame.number, true);
  view.setBigInt64(8, frame.arrivedNs, true);
  let offset = FRAME_HEADER_BYTES;
  for (const [index, block] of frame.blocks.entries()) {
    const size = sizes[index] ?? 0;
    writeBlock(view, offset, size, block);
    offset += size;
  }
  return buffer;
}

function flagsOf(block: FrameBlock): number {
  let flags = block.isReply ? FLAG.reply : 0;
  if (block.kind !== 'columns' && block.kind !== 'segment') return flags;
  const { columns } = block;
  if (block.kind === 'columns' && block.isRestart) flags |= FLAG.restart;
  if (columns.min[0] instanceof Float64Array) flags |= FLAG.float64;
  if (columns.timeS) flags |= FLAG.timed;
  if (columns.isAfterGap) flags |= FLAG.afterGap;
  if (columns.isPartial) flags |= FLAG.partial;
  if (columns.flags) flags |= FLAG.flags;
  return flags;
}

function writeBlock(view: DataView<ArrayBuffer>, at: number, size: number, block: FrameBlock): void {
  view.setUint8(at, BLOCK[block.kind]);
  view.setUint16(at + 2, flagsOf(block), true);
  view.setUint32(at + 4, size, true);
  view.setUint32(at + 8, block.id, true);
  view.setUint32(at + 12, block.stream, true);
  switch (block.kind) {
    case 'columns':
      writeColumns(view, at, at + 48, block.columns, block.channels);
      break;
    case 'segment':
      view.setFloat64(at + 48, block.xOriginS, true);
      view.setFloat64(at + 56, block.number, true);
      writeColumns(view, at, at + 64, block.columns, block.channels);
      break;
    case 'raw': {
      const header: BatchHeader = { ...block.batch, stream: block.stream, channels: block.channels.length };
      const batch = layNewBatch(view.buffer, writeList(view, at + 16, block.channels), header);
      if (block.batch.times) batch.times?.set(block.batch.times);
      for (const [index, column] of block.batch.columns.entries()) batch.columns[index]?.set(column);
      break;
    }
    case 'latest':
      view.setFloat64(at + 16, block.row, true);
      view.setBigInt64(at + 24, block.timeNs, true);
      new Float64Array(view.buffer, writeList(view, at + 32, block.channels), block.channels.length).set(block.values);
      break;
    case 'skipped':
      view.setFloat64(at + 16, block.from, true);
      view.setFloat64(at + 24, block.to, true);
      view.setUint32(at + 32, SKIP_REASONS.indexOf(block.reason), true);
      break;
    case 'gap': {
      const reason = new TextEncoder().encode(block.reason);
      view.setFloat64(at + 16, block.seq, true);
      view.setBigInt64(at + 24, block.fromNs, true);
      view.setBigInt64(at + 32, block.toNs, true);
      view.setFloat64(at + 40, block.lost, true);
      view.setUint32(at + 48, reason.length, true);
      new Uint8Array(view.buffer, at + 52, reason.length).set(reason);
      break;
    }
  }
}

function writeList(view: DataView<ArrayBuffer>, at: number, channels: readonly number[]): number {
  view.setUint16(at, channels.length, true);
  for (const [index, channel] of channels.entries()) view.setUint16(at + 2 + index * 2, channel, true);
  return at + listBytes(channels.length);
}

function writeColumns(
  view: DataView<ArrayBuffer>,
  at: number,
  listAt: number,
  block: ColumnBlock,
  channels: readonly number[],
): void {
  view.setUint8(at + 1, Math.log2(block.n));
  view.setFloat64(at + 16, block.firstRow, true);
  view.setUint32(at + 24, block.length, true);
  view.setUint32(at + 28, block.firstRow + block.rows - columnRow(block, block.length - 1), true);
  view.setBigInt64(at + 32, block.t0Ns, true);
  view.setFloat64(at + 40, block.dtS, true);
  let offset = writeList(view, listAt, channels);
  if (block.timeS) {
    new Float64Array(view.buffer, offset, block.length).set(block.timeS);
    offset += block.length * 8;
  }
  const put = (column: Column): void => {
    if (column instanceof Float64Array) new Float64Array(view.buffer, offset, block.length).set(column);
    else new Float32Array(view.buffer, offset, block.length).set(column);
    offset += column.byteLength;
  };
  for (let index = 0; index < channels.length; index++) {
    put(block.min[index] as Column);
    if (block.n > 1) put(block.max[index] as Column);
  }
  if (block.flags) new Uint8Array(view.buffer, align(offset), block.flags.length).set(block.flags);
}
