import type { Client } from '../contract/client.ts';
import { viewFrame } from '../contract/frame-read.ts';
import type { FrameBlock } from '../contract/frames.ts';

/** Takes a block; it borrows the frame, so what is kept must be copied. `arrivedNs`: newest arrival in the frame, engine time. */
export type BlockTaker = (block: FrameBlock, arrivedNs: bigint) => void;

/**
 * The sample frames of one client, read once and handed to whoever watches. A frame is acknowledged when all have taken it: that is this
 * screen's credit, so nobody else may acknowledge.
 */
export interface SampleFrames {
  /** Blocks of a watch number. Gives the function that stops. */
  onWatch(watch: number, take: BlockTaker): () => void;
  /** Blocks of an answer to `history.read` under this request number. Gives the function that stops. */
  onReply(request: number, take: BlockTaker): () => void;
  /** A request number nobody else of this screen uses. */
  nextRequest(): number;
}

const byClient = new WeakMap<Client, SampleFrames>();

/** The frames of a client; the same object every time. */
export function framesOf(client: Client): SampleFrames {
  const known = byClient.get(client);
  if (known) return known;
  const frames = createSampleFrames(client);
  byClient.set(client, frames);
  return frames;
}

function createSampleFrames(client: Client): SampleFrames {
  const watches = new Map<number, BlockTaker>();
  const replies = new Map<number, BlockTaker>();
  let lastRequest = 0;
  client.onFrame((buffer) => {
    const frame = viewFrame(buffer);
    try {
      for (const block of frame.blocks) {
        (block.isReply ? replies : watches).get(block.id)?.(block, frame.arrivedNs);
      }
    } finally {
      if (frame.number !== 0) client.tell('watch.seen', { frame: frame.number });
    }
  });
  const add = (map: Map<number, BlockTaker>, id: number, take: BlockTaker) => {
    map.set(id, take);
    return () => {
      if (map.get(id) === take) map.delete(id);
    };
  };
  return {
    onWatch: (watch, take) => add(watches, watch, take),
    onReply: (request, take) => add(replies, request, take),
    nextRequest: () => ++lastRequest,
  };
}
