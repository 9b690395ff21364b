import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type SeededRandom, seededRandom } from '../../src/core/seeded-random.ts';
import {
  packAudio,
  packImage,
  packNeurographFrame,
  packVideo,
  parseNeurographFrame,
} from '../../src/protocol/lab/neurograph-frame.ts';

interface Vectors {
  neurograph_binary: { name: string; hex: string; len: number; json?: unknown }[];
  neurograph_binary_errors: { name: string; hex?: string; error?: string; result?: [string, string, unknown] }[];
}

const vectors = JSON.parse(
  readFileSync(new URL('../fixtures/lab/golden-vectors.json', import.meta.url), 'utf8'),
) as Vectors;
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

describe('270 272 the 8-byte header of NeuroGraph: golden vectors and every fault', () => {
  for (const { name, hex, len } of vectors.neurograph_binary) {
    test(name, () => {
      const bytes = bytesOf(hex);
      expect(bytes.length).toBe(len);
      const result = parseNeurographFrame(bytes);
      if (!('frame' in result)) throw new Error(result.fault);
      const { type, metadata, payload } = result.frame;
      // The library prints `", "` and ASCII only: what we pack is the same, byte for byte.
      const packed = hexOf(packNeurographFrame(type, metadata, payload));
      expect(hex.startsWith(packed)).toBe(true);
      expect(hex.slice(packed.length)).toBe(name.startsWith('trailing') ? hexOf(text('EXTRA')) : '');
    });
  }

  for (const { name, hex, error, result } of vectors.neurograph_binary_errors) {
    if (hex === undefined) continue;
    test(`fault: ${name}`, () => {
      const found = parseNeurographFrame(bytesOf(hex));
      if (result) {
        if (!('frame' in found)) throw new Error(found.fault);
        expect([found.frame.type, hexOf(found.frame.payload), found.frame.metadata]).toEqual(result);
        return;
      }
      const said = error?.replace('ValueError: ', '') ?? '';
      if (!('fault' in found)) throw new Error('no fault found');
      expect(found.fault).toBe(said);
    });
  }

  test('metadata of more than 65,535 bytes are not packed', () => {
    expect(packNeurographFrame('BINARY_DATA', 'x'.repeat(65_533), new Uint8Array(1)).length).toBe(8 + 65_535 + 1);
    expect(() => packNeurographFrame('BINARY_DATA', 'x'.repeat(65_534), new Uint8Array(1))).toThrow(
      expect.objectContaining({ code: 'protocol.too-long' }),
    );
  });
});

test('271 image, audio and video carry the metadata of the library', () => {
  const of = (name: string): string => vectors.neurograph_binary.find((vector) => vector.name === name)?.hex ?? '';
  expect(hexOf(packImage(bytesOf('ffd8ff'), 'jpeg', 1920, 1080))).toBe(of('IMAGE jpeg 1920x1080'));
  expect(hexOf(packImage(text('x'), 'jpeg', null, null))).toBe(of('IMAGE null dims'));
  expect(hexOf(packAudio(text('RIFF'), 'wav', 44_100, 2))).toBe(of('AUDIO wav 44100/2'));
  expect(hexOf(packVideo(new Uint8Array(3), 'mp4', 640, 480, 29.97))).toBe(of('VIDEO mp4 fps 29.97'));
});

test('274 compressed JSON is gzip with its sizes in the metadata', () => {
  const vector = vectors.neurograph_binary.find(({ name }) => name.startsWith('COMPRESSED_JSON'));
  const result = parseNeurographFrame(bytesOf(vector?.hex ?? ''));
  if (!('frame' in result)) throw new Error(result.fault);
  expect(result.frame.metadata).toEqual({ compression: 'gzip', original_size: 27, compressed_size: 44 });
  expect(JSON.parse(gunzipSync(result.frame.payload).toString())).toEqual(vector?.json);
});

test('114 a hundred thousand fuzzed frames never throw', () => {
  const random = seededRandom(20_270);
  const seeds = vectors.neurograph_binary.map(({ hex }) => bytesOf(hex));
  let frames = 0;
  for (let i = 0; i < 100_000; i++) {
    const bytes = fuzz(seeds[i % seeds.length] as Uint8Array, random);
    const result = parseNeurographFrame(bytes);
    if ('frame' in result) {
      frames++;
      if (result.frame.payload.length >= bytes.length) throw new Error('more payload than message');
    } else if (!/^(Binary message|Unsupported binary|Invalid (binary|metadata))/.test(result.fault)) {
      throw new Error(`a fault of another kind: ${result.fault}`);
    }
  }
  expect(frames).toBeGreaterThan(1000);
  expect(frames).toBeLessThan(99_000);
});

function fuzz(seed: Uint8Array, random: SeededRandom): Uint8Array {
  const bytes = seed.slice(0, random.next() < 0.3 ? Math.floor(random.next() * seed.length) : seed.length);
  for (let flips = Math.floor(random.next() * 3); flips > 0 && bytes.length > 0; flips--) {
    bytes[Math.floor(random.next() * bytes.length)] = Math.floor(random.next() * 256);
  }
  return bytes;
}
