import { McapRecordBuilder } from '@mcap/core';
import { expect, it } from 'vitest';
import { BATCH_FLAG, type Batch, createBatch } from '../../core/batch.ts';
import { type SeededRandom, seededRandom } from '../../core/seeded-random.ts';
import { copyMessageBatch, messagesIn, takeBatches } from './chunk-reader.ts';

function randomBatch(random: SeededRandom, stream: number): Batch {
  const flags = (random.below(2) ? BATCH_FLAG.float64 : 0) | (random.below(2) ? BATCH_FLAG.timed : 0);
  const shape = { stream, rows: random.below(40), channels: 1 + random.below(3), flags };
  const head = { seq: random.below(1e6), lost: random.below(3), t0Ns: 5n, arrivedNs: 6n, dtS: 0.5, xOriginS: 0 };
  const batch = createBatch({ ...shape, ...head });
  for (const column of batch.columns) for (let row = 0; row < column.length; row++) column[row] = random.below(1000);
  return batch;
}

/** The records of a chunk with messages of channels 1 and 2, at any alignment. */
function makeChunk(random: SeededRandom, second: number): Uint8Array<ArrayBuffer> {
  const builder = new McapRecordBuilder();
  for (let index = 0; index < 30; index++) {
    const channelId = random.below(100) < second ? 2 : 1;
    const data = new Uint8Array(randomBatch(random, 9).buffer);
    builder.writeMessage({ channelId, sequence: index, logTime: 1n, publishTime: 2n, data });
  }
  const chunk = new Uint8Array(random.below(9) + builder.length);
  chunk.set(builder.buffer, chunk.byteLength - builder.length);
  return chunk.subarray(chunk.byteLength - builder.length);
}

it('batches taken from a chunk are those in its messages, whether they are most of it or few', () => {
  const random = seededRandom(3);
  for (const second of [0, 10, 50, 90, 100]) {
    for (let turn = 0; turn < 5; turn++) {
      const chunk = makeChunk(random, second);
      const copies = messagesIn(chunk).flatMap((message) =>
        message.channel === 2 ? [copyMessageBatch(message, 4)!] : [],
      );
      const taken = takeBatches(messagesIn(chunk), 2, 4);
      expect(taken.map(({ buffer: _, ...batch }) => batch)).toEqual(copies.map(({ buffer: _, ...batch }) => batch));
      // What is small keeps no chunk in memory, and what is most of it is not in memory twice.
      const isShared = taken.some(({ buffer }) => buffer === chunk.buffer);
      if (second === 100) expect(isShared).toBe(true);
      if (second === 10) expect(isShared).toBe(false);
    }
  }
});
