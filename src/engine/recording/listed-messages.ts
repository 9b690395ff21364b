import { createStreamDigest, type StreamDigest } from './digest.ts';

/** Counts a message that is no row in the digest of its chunk: how many, and from when to when. */
export function listMessage(
  digests: Map<number, StreamDigest>,
  channel: number,
  sequence: number,
  logNs: bigint,
): void {
  let digest = digests.get(channel);
  if (!digest) {
    digest = { ...createStreamDigest(channel, 0), firstRow: sequence, firstNs: logNs, lastNs: logNs };
    digests.set(channel, digest);
  }
  digest.batches++;
  digest.rows++;
  digest.endRow = sequence + 1;
  if (logNs < digest.firstNs) digest.firstNs = logNs;
  if (logNs > digest.lastNs) digest.lastNs = logNs;
}
