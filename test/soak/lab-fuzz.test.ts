import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { createInflate } from '../../src/engine/lab/node-inflate.ts';
import { readBinary } from '../../src/lab/neurograph/media-note.ts';
import { readVital } from '../../src/lab/vital/frame-reader.ts';

/** A million broken frames of NeuroGraph and of VITAL: no throw that is not ours, no hang, and no memory kept. */

interface Vectors {
  neurograph_binary: { hex: string }[];
  vital_binary_from_spec: { hex: string }[];
}

const vectors = JSON.parse(
  readFileSync(new URL('../fixtures/lab/golden-vectors.json', import.meta.url), 'utf8'),
) as Vectors;
const frames = [...vectors.neurograph_binary, ...vectors.vital_binary_from_spec].map(({ hex }) =>
  Uint8Array.from(Buffer.from(hex, 'hex')),
);
const ROUNDS = 1_000_000;

test(`${ROUNDS} broken frames`, () => {
  const { stackTraceLimit } = Error;
  // What is refused is refused by an error of the package or of zlib: their stacks are most of the time.
  Error.stackTraceLimit = 0;
  try {
    const random = seededRandom(1_000_000);
    const inflate = createInflate();
    const counts = { read: 0, refused: 0 };
    let startBytes = 0;
    for (let i = 0; i < ROUNDS; i++) {
      if (i === ROUNDS / 10) startBytes = process.memoryUsage().arrayBuffers;
      const bytes = (frames[random.below(frames.length)] as Uint8Array).slice();
      const end = random.next() < 0.3 ? random.below(bytes.length + 1) : bytes.length;
      for (let flips = random.below(4); flips > 0; flips--) bytes[random.below(bytes.length)] = random.below(256);
      const cut = bytes.subarray(0, end);
      const vital = readVital(cut, inflate, 1 << 20);
      counts['fault' in vital ? 'refused' : 'read']++;
      try {
        const media = readBinary(cut, inflate);
        counts['fault' in media ? 'refused' : 'read']++;
      } catch (thrown) {
        counts.refused++;
        expect(thrown).toMatchObject({ code: expect.stringMatching(/^(protocol|server)\./) });
      }
    }
    expect(counts.read).toBeGreaterThan(ROUNDS / 100);
    expect(counts.refused).toBeGreaterThan(ROUNDS / 2);
    expect(process.memoryUsage().arrayBuffers - startBytes).toBeLessThan(256 * 1024 * 1024);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
});
