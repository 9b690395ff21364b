import { expect, it } from 'vitest';
import { seededRandom } from '../../core/seeded-random.ts';
import { type ChunkCodec, openCodec } from './chunk-codec.ts';
import { unpackFrame } from './packed-frame.ts';

const random = seededRandom(11);
const content = Uint8Array.from({ length: 20_000 }, () => random.below(64));

async function codecOf(name: string): Promise<ChunkCodec> {
  const codec = await openCodec(name);
  if (!codec) throw new Error(`${name} does not load`);
  return codec;
}

it.each(['lz4', 'zstd'])('a torn frame (%s) is told from a library that fails', async (name) => {
  const codec = await codecOf(name);
  const frame = await codec.pack(content);
  expect(await unpackFrame(codec, frame, content.byteLength)).toEqual(content);
  // The end never reached the platter, its headers did.
  const torn = frame.slice().fill(0, frame.byteLength >> 1);
  const found = await unpackFrame(codec, torn, content.byteLength);
  // Where a frame carries no sum the chunk does.
  if (typeof found !== 'string') expect(found).not.toEqual(content);
  const failing: ChunkCodec = { ...codec, unpack: () => Promise.reject(new Error('out of memory')) };
  await expect(unpackFrame(failing, frame, content.byteLength)).rejects.toThrow('out of memory');
  await expect(unpackFrame(failing, torn, content.byteLength)).rejects.toThrow('out of memory');
});

it('a library that failed once and works again gives the content', async () => {
  const codec = await codecOf('lz4');
  let calls = 0;
  const once: ChunkCodec = {
    ...codec,
    unpack: (bytes, size) => (calls++ === 0 ? Promise.reject(new Error('out of memory')) : codec.unpack(bytes, size)),
  };
  expect(await unpackFrame(once, await codec.pack(content), content.byteLength)).toEqual(content);
});
