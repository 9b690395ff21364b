import type { Client } from '../../contract/client.ts';
import { viewFrame } from '../../contract/frame-read.ts';
import type { RawFrameBlock } from '../../contract/frames.ts';
import { LabError } from '../../core/errors.ts';
import type { StreamInfo } from '../../core/stream-info.ts';

export interface RawHistoryRequest {
  channels: string[];
  fromNs: bigint;
  toNs: bigint;
  /** Rows at most. */
  limit: number;
  signal?: AbortSignal | undefined;
}

/** A piece of the past; its columns are copies. */
export interface RawHistoryPiece {
  stream: number;
  block: RawFrameBlock;
}

/** Requests under way of one client number their frames from here. */
let lastRequest = 1_000_000;

/** Rows of the past, from the engine's memory or its flight recorder. Throws what `history.read` throws. */
export async function readRawHistory(
  client: Client,
  { channels, fromNs, toNs, limit, signal }: RawHistoryRequest,
): Promise<{ pieces: RawHistoryPiece[]; streams: StreamInfo[]; nextNs: bigint | undefined }> {
  const request = ++lastRequest;
  const pieces: RawHistoryPiece[] = [];
  let fault: LabError | undefined;
  const stop = client.onFrame((buffer) => {
    try {
      for (const block of viewFrame(buffer).blocks)
        if (block.isReply && block.id === request && block.kind === 'raw') pieces.push({ stream: block.stream, block });
    } catch (thrown) {
      fault = LabError.from(thrown);
    }
  });
  try {
    const answer = await client.call(
      'history.read',
      { request, channels, fromNs: String(fromNs), toNs: String(toNs), raw: true, limit },
      { signal },
    );
    if (fault) throw fault;
    const nextNs = answer.nextNs === null ? undefined : BigInt(answer.nextNs);
    return { pieces, streams: answer.streams as StreamInfo[], nextNs };
  } finally {
    stop();
  }
}
