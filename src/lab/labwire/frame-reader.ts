import { LabError } from '../../core/errors.ts';
import { inflateGuarded } from '../../protocol/lab/compression.ts';
import { decodeColumns, type InflateRaw } from '../../protocol/lab/labwire-columns.ts';
import {
  FRAME_FLAG,
  FRAME_TYPE,
  framesOfBatch,
  type LabwireFrame,
  parseFrame,
} from '../../protocol/lab/labwire-frame.ts';
import type { Inflate } from '../ports.ts';
import type { LabwireStream } from './labwire-stream.ts';

/** Reads binary messages to rows of the streams they are of. */
export class FrameReader {
  readonly #inflate: InflateRaw;
  readonly #streamOf: (handle: number) => LabwireStream | undefined;
  /** Takes a piece of a transfer. */
  readonly #chunk: (frame: LabwireFrame) => void;
  /** Rows the server named as left out, not counting those not asked for. */
  dropped = 0;

  constructor(
    inflate: Inflate,
    streamOf: (handle: number) => LabwireStream | undefined,
    chunk: (frame: LabwireFrame) => void = () => {},
  ) {
    this.#chunk = chunk;
    this.#inflate = (bytes, maxBytes) =>
      inflateGuarded(inflate, 'deflate', bytes, { maxBytes, maxRatio: 200, freeBytes: 64 * 1024 });
    this.#streamOf = streamOf;
  }

  /**
   * Hands the rows of a message on; gives the stream and the number after its last row, or undefined where they are of no wanted stream or the answer to a
   * question. Throws protocol.malformed, protocol.too-long.
   */
  read(message: Uint8Array): { stream: LabwireStream; end: number } | undefined {
    const frame = parseFrame(message);
    if (frame.type !== FRAME_TYPE.batch) return this.#samples(frame);
    let last: { stream: LabwireStream; end: number } | undefined;
    for (const one of framesOfBatch(frame)) last = this.#samples(one) ?? last;
    return last;
  }

  #samples(frame: LabwireFrame): { stream: LabwireStream; end: number } | undefined {
    if (frame.type === FRAME_TYPE.chunk) this.#chunk(frame);
    // Pictures and the like: nothing here asks for any.
    if (frame.type !== FRAME_TYPE.samples) return undefined;
    const stream = this.#streamOf(frame.handle);
    if (!stream?.form || stream.epoch === undefined) return undefined;
    if (frame.channels !== stream.form.columns.length)
      throw new LabError(
        'protocol.malformed',
        `The lab server sent ${frame.channels} columns for ${stream.key}, which has ${stream.form.columns.length}. They are left out; the numbering shows them as lost.`,
      );
    const { seq, skipped, rows } = frame;
    if (skipped && skipped.reason !== 'rate' && !stream.wishes.isWished(skipped.reason)) this.dropped += skipped.n;
    const decoded = decodeColumns(frame, stream.form.form, this.#inflate);
    const isReplay = (frame.flags & FRAME_FLAG.replay) !== 0;
    const isHandedOn = stream.arrived(seq, stream.epoch, decoded, skipped, isReplay);
    return isHandedOn ? { stream, end: seq + rows } : undefined;
  }
}
