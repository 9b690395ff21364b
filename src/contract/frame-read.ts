import { type Column, viewBatch } from '../core/batch.ts';
import { type ColumnBlock, columnRow } from '../core/decimate.ts';
import { LabError } from '../core/errors.ts';
import {
  align,
  arraysPerChannel,
  BLOCK,
  type BlockHead,
  FLAG,
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  type Frame,
  type FrameBlock,
  type GapFrameBlock,
  listBytes,
  SKIP_REASONS,
} from './frames.ts';

/** Views a frame; its blocks borrow the buffer. Throws `link.malformed`: the sender does not speak this contract. */
export function viewFrame(buffer: ArrayBuffer): Frame {
  const view = new DataView(buffer);
  if (buffer.byteLength < FRAME_HEADER_BYTES || buffer.byteLength % 8 !== 0) throw malformed('its length');
  if (view.getUint32(0, true) !== FRAME_MAGIC) throw malformed('its first four bytes');
  const blocks: FrameBlock[] = [];
  for (let offset = FRAME_HEADER_BYTES; offset < buffer.byteLength; ) {
    const left = buffer.byteLength - offset;
    const size = left >= 32 ? view.getUint32(offset + 4, true) : 0;
    if (size < 32 || size % 8 !== 0 || size > left) throw malformed(`the length of a block at ${offset}`);
    const block = readBlock(buffer, offset, size);
    if (!block) throw malformed(`a block at ${offset}`);
    blocks.push(block);
    offset += size;
  }
  return { number: view.getUint32(4, true), arrivedNs: view.getBigInt64(8, true), blocks };
}

function malformed(what: string): LabError {
  return new LabError(
    'link.malformed',
    `A sample frame cannot be read (${what} is wrong). Nothing of it was shown. Reload the page; if it stays, screen and engine are of different builds.`,
  );
}

/** Undefined if any field does not fit the others. */
function readBlock(buffer: ArrayBuffer, at: number, size: number): FrameBlock | undefined {
  const view = new DataView(buffer, at, size);
  const flags = view.getUint16(2, true);
  const head = { id: view.getUint32(8, true), isReply: (flags & FLAG.reply) !== 0, stream: view.getUint32(12, true) };
  switch (view.getUint8(0)) {
    case BLOCK.columns: {
      const read = size >= 56 ? readColumns(buffer, at, size, 48, flags) : undefined;
      return read && { kind: 'columns', ...head, isRestart: (flags & FLAG.restart) !== 0, ...read };
    }
    case BLOCK.segment: {
      const read = size >= 72 ? readColumns(buffer, at, size, 64, flags) : undefined;
      return (
        read && {
          kind: 'segment',
          ...head,
          ...read,
          xOriginS: view.getFloat64(48, true),
          number: view.getFloat64(56, true),
        }
      );
    }
    case BLOCK.raw: {
      const channels = readList(view, 16);
      const start = 16 + listBytes(channels?.length ?? 0);
      const batch = channels && start < size ? viewBatch(buffer, at + start, size - start) : undefined;
      return channels && batch?.channels === channels.length ? { kind: 'raw', ...head, channels, batch } : undefined;
    }
    case BLOCK.latest: {
      const channels = readList(view, 32);
      if (!channels || size !== 32 + listBytes(channels.length) + channels.length * 8) return undefined;
      const values = new Float64Array(buffer, at + size - channels.length * 8, channels.length);
      return {
        kind: 'latest',
        ...head,
        channels,
        row: view.getFloat64(16, true),
        timeNs: view.getBigInt64(24, true),
        values,
      };
    }
    case BLOCK.skipped: {
      const reason = size === 40 ? SKIP_REASONS[view.getUint32(32, true)] : undefined;
      const [from, to] = [view.getFloat64(16, true), view.getFloat64(24, true)];
      return reason && isRow(from) && isRow(to) && from < to
        ? { kind: 'skipped', ...head, from, to, reason }
        : undefined;
    }
    case BLOCK.gap:
      return readGap(buffer, at, size, head);
  }
  return undefined;
}

function readGap(buffer: ArrayBuffer, at: number, size: number, head: BlockHead): GapFrameBlock | undefined {
  const view = new DataView(buffer, at, size);
  const length = size >= 56 ? view.getUint32(48, true) : size;
  const seq = view.getFloat64(16, true);
  if (align(52 + length) !== size || !isRow(seq)) return undefined;
  const reason = new TextDecoder().decode(new Uint8Array(buffer, at + 52, length));
  const [fromNs, toNs] = [view.getBigInt64(24, true), view.getBigInt64(32, true)];
  return { kind: 'gap', ...head, seq, fromNs, toNs, lost: view.getFloat64(40, true), reason };
}

function isRow(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function readList(view: DataView, at: number): number[] | undefined {
  const count = at + 2 <= view.byteLength ? view.getUint16(at, true) : 0;
  if (count === 0 || at + listBytes(count) > view.byteLength) return undefined;
  return Array.from({ length: count }, (_, index) => view.getUint16(at + 2 + index * 2, true));
}

function readColumns(
  buffer: ArrayBuffer,
  at: number,
  size: number,
  listAt: number,
  flags: number,
): { channels: number[]; columns: ColumnBlock } | undefined {
  const view = new DataView(buffer, at, size);
  const channels = readList(view, listAt);
  const log2 = view.getUint8(1);
  const length = view.getUint32(24, true);
  const firstRow = view.getFloat64(16, true);
  const lastRows = view.getUint32(28, true);
  if (!channels || log2 > 31 || length === 0 || !isRow(firstRow)) return undefined;
  const n = 2 ** log2;
  const isFloat64 = (flags & FLAG.float64) !== 0;
  const isTimed = (flags & FLAG.timed) !== 0;
  const valueBytes = length * channels.length * arraysPerChannel(n) * (isFloat64 ? 8 : 4);
  const flagBytes = flags & FLAG.flags ? length * channels.length : 0;
  const timeBytes = isTimed ? length * 8 : 0;
  let offset = listAt + listBytes(channels.length);
  if (offset + timeBytes + align(valueBytes) + align(flagBytes) !== size) return undefined;
  const lastRow = columnRow({ n, firstRow }, length - 1);
  const rows = lastRow + lastRows - firstRow;
  if (lastRows === 0 || !isRow(firstRow + rows) || lastRow + lastRows > (Math.floor(lastRow / n) + 1) * n)
    return undefined;
  const timeS = isTimed ? new Float64Array(buffer, at + offset, length) : undefined;
  offset += timeBytes;
  const next = (): Column => {
    const column = isFloat64
      ? new Float64Array(buffer, at + offset, length)
      : new Float32Array(buffer, at + offset, length);
    offset += column.byteLength;
    return column;
  };
  const min: Column[] = [];
  const max: Column[] = [];
  for (let index = 0; index < channels.length; index++) {
    const low = next();
    min.push(low);
    max.push(n === 1 ? low : next());
  }
  const columns: ColumnBlock = {
    n,
    firstRow,
    rows,
    length,
    t0Ns: view.getBigInt64(32, true),
    dtS: view.getFloat64(40, true),
    timeS,
    min,
    max,
    flags: flagBytes ? new Uint8Array(buffer, at + align(offset), flagBytes) : undefined,
    isAfterGap: (flags & FLAG.afterGap) !== 0,
    isPartial: (flags & FLAG.partial) !== 0,
  };
  return { channels, columns };
}
