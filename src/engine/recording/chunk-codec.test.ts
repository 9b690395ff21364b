import { execFileSync } from 'node:child_process';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { memoryDisk } from '../../../test/fixtures/memory-disk.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import { openCodec } from './chunk-codec.ts';
import { type ChunkMessage, readChunk } from './chunk-reader.ts';
import { decodeChunkHead, encodeChunkHead } from './chunk-record.ts';
import { lz4FrameBound } from './lz4-frame.ts';
import { zstdFrameSize } from './zstd-frame.ts';

const PAYLOAD = new TextEncoder().encode('the data of the message, the data of the message');

/** A message record as https://mcap.dev/spec#message-op0x05 has it: channel 7, sequence 9, times 100 and 200. */
function messageRecord(): Uint8Array {
  const bytes = new Uint8Array(31 + PAYLOAD.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x05);
  view.setBigUint64(1, BigInt(22 + PAYLOAD.byteLength), true);
  view.setUint16(9, 7, true);
  view.setUint32(11, 9, true);
  view.setBigUint64(15, 100n, true);
  view.setBigUint64(23, 200n, true);
  bytes.set(PAYLOAD, 31);
  return bytes;
}

/** An LZ4 frame of one block stored as it is: magic, descriptor (version 1, blocks of 64 KiB, its checksum), size with the high bit, end mark. */
function plainLz4(content: Uint8Array): Uint8Array {
  const size = content.byteLength;
  const head = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82, size & 255, size >> 8, 0, 0x80];
  return Uint8Array.from([...head, ...content, 0, 0, 0, 0]);
}

/** A Zstandard frame of one raw block: magic, descriptor (single segment, size in one byte), size, header of the last block (RFC 8878, 3.1.1.2). */
function plainZstd(content: Uint8Array): Uint8Array {
  const size = content.byteLength;
  const block = (size << 3) | 1;
  return Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, size, block & 255, block >> 8, 0, ...content]);
}

/** A chunk record, byte by byte as https://mcap.dev/spec#chunk-op0x06 has it. */
function chunkRecord(compression: string, stored: Uint8Array, unpackedBytes: number, crc: number): Uint8Array {
  const name = new TextEncoder().encode(compression);
  const bytes = new Uint8Array(49 + name.byteLength + stored.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x06);
  view.setBigUint64(1, BigInt(40 + name.byteLength + stored.byteLength), true);
  view.setBigUint64(9, 100n, true);
  view.setBigUint64(17, 100n, true);
  view.setBigUint64(25, BigInt(unpackedBytes), true);
  view.setUint32(33, crc, true);
  view.setUint32(37, name.byteLength, true);
  bytes.set(name, 41);
  view.setBigUint64(41 + name.byteLength, BigInt(stored.byteLength), true);
  bytes.set(stored, 49 + name.byteLength);
  return bytes;
}

async function read(chunk: Uint8Array): Promise<ChunkMessage[]> {
  const file = await memoryDisk({ '/f': chunk }).open('/f', 'read');
  return readChunk(file, { offset: 0, length: chunk.byteLength });
}

const records = messageRecord();

describe('a chunk', () => {
  it.each([
    ['', records],
    ['lz4', plainLz4(records)],
    ['zstd', plainZstd(records)],
  ])('with compression ‘%s’, made by hand, is read', async (compression, stored) => {
    const [message, ...more] = await read(chunkRecord(compression, stored, records.byteLength, crc32(records)));
    expect(more).toEqual([]);
    expect(message).toMatchObject({ channel: 7, sequence: 9, logNs: 100n, publishNs: 200n });
    expect([...(message?.data ?? [])]).toEqual([...PAYLOAD]);
  });

  it.each(['', 'lz4', 'zstd'])('has the header the specification draws: ‘%s’', (compression) => {
    const expected = chunkRecord(compression, new Uint8Array(1000), 5000, 0xdeadbeef);
    const head = { startNs: 100n, endNs: 100n, unpackedBytes: compression === '' ? 1000 : 5000, crc: 0xdeadbeef };
    const made = encodeChunkHead({ ...head, compression, storedBytes: 1000 });
    if (compression !== '') expect([...made]).toEqual([...expected.subarray(0, made.byteLength)]);
    expect(made.byteLength + 1000).toBe(expected.byteLength);
    expect(decodeChunkHead(made)).toEqual({ ...head, compression, storedBytes: 1000, length: made.byteLength + 1000 });
  });

  it.each([
    ['another frame than it says', 'lz4', plainZstd(records), records.byteLength],
    ['and the other way round', 'zstd', plainLz4(records), records.byteLength],
    ['no frame', 'lz4', records, records.byteLength],
    ['nothing', 'zstd', new Uint8Array(0), records.byteLength],
    ['a longer content than it says', 'lz4', plainLz4(records), records.byteLength - 1],
    ['a shorter content than it says', 'zstd', plainZstd(records), records.byteLength + 1],
    ['an impossible length', 'lz4', plainLz4(records), 2 ** 50],
    ['half a frame', 'zstd', plainZstd(records).subarray(0, 40), records.byteLength],
  ])('with %s gives an error with a code', async (_, compression, stored, unpackedBytes) => {
    const chunk = chunkRecord(compression, stored, unpackedBytes, crc32(records));
    await expect(read(chunk)).rejects.toMatchObject({ code: 'recording.malformed' });
  });

  it.each(['lz4', 'zstd'])(
    'that is whole but not what was written (%s) is told by its checksum',
    async (compression) => {
      const other = records.slice();
      other[40] = 0;
      const stored = compression === 'lz4' ? plainLz4(other) : plainZstd(other);
      const chunk = chunkRecord(compression, stored, records.byteLength, crc32(records));
      await expect(read(chunk)).rejects.toThrow(/checksum/);
    },
  );
});

describe('a small frame that would fill the memory', () => {
  it('is refused by what the headers of its LZ4 blocks allow', async () => {
    const codec = await openCodec('lz4');
    const bomb = (await codec?.pack(new Uint8Array(128 << 20))) ?? new Uint8Array(0);
    expect(bomb.byteLength).toBeLessThan(1 << 20);
    expect(lz4FrameBound(bomb)).toBeGreaterThanOrEqual(128 << 20);
    await expect(codec?.unpack(bomb, 1000)).rejects.toThrow(/no such LZ4 frame/);
    await expect(read(chunkRecord('lz4', bomb, 1000, 0))).rejects.toMatchObject({ code: 'recording.malformed' });
  });

  it('is refused by the size a Zstandard frame says, and if it says none at the size it should have', async () => {
    const codec = await openCodec('zstd');
    const bomb = (await codec?.pack(new Uint8Array(128 << 20))) ?? new Uint8Array(0);
    expect(bomb.byteLength).toBeLessThan(1 << 20);
    expect(zstdFrameSize(bomb)).toBe(128 << 20);
    await expect(codec?.unpack(bomb, 1000)).rejects.toThrow(/no such Zstandard frame/);
    // Window of 1 KiB, no size; blocks of type 1 repeat a byte 1024 times, 8192 of them.
    const silent = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x00];
    for (let block = 0; block < 8192; block++) {
      const head = (1024 << 3) | (1 << 1) | (block === 8191 ? 1 : 0);
      silent.push(head & 255, (head >> 8) & 255, head >> 16, 0);
    }
    const frame = Uint8Array.from(silent);
    expect(zstdFrameSize(frame)).toBe('unsaid');
    expect((await codec?.unpack(frame, 8 << 20))?.every((byte) => byte === 0)).toBe(true);
    await expect(codec?.unpack(frame, 1000)).rejects.toThrow();
    expect((await codec?.unpack(plainZstd(records), records.byteLength))?.byteLength).toBe(records.byteLength);
  });
});

describe.each(['lz4', 'zstd'])('%s', (name) => {
  it('gives back any bytes', async () => {
    const codec = await openCodec(name);
    const random = seededRandom(4);
    for (let index = 0; index < 60; index++) {
      const bytes = new Uint8Array(1 + random.below(index < 50 ? 5000 : 3_000_000));
      const repeats = random.next();
      let value = 0;
      for (let at = 0; at < bytes.byteLength; at++) {
        if (random.next() > repeats) value = random.below(256);
        bytes[at] = value;
      }
      const packed = (await codec?.pack(bytes)) ?? new Uint8Array(0);
      const unpacked = await codec?.unpack(packed, bytes.byteLength);
      expect(Buffer.compare(unpacked ?? bytes.subarray(1), bytes)).toBe(0);
      // Columns are laid over it, and slices must be copies.
      expect(Buffer.isBuffer(unpacked)).toBe(false);
    }
  });

  it('reads what the program of that name makes', async (context) => {
    const bytes = new TextEncoder().encode('samples and more samples, '.repeat(5000));
    let packed: Uint8Array;
    try {
      packed = execFileSync(name, ['-c'], { input: bytes, maxBuffer: 64 << 20 });
    } catch {
      context.skip();
      return;
    }
    const codec = await openCodec(name);
    expect(Buffer.compare((await codec?.unpack(packed, bytes.byteLength)) ?? bytes.subarray(1), bytes)).toBe(0);
  });
});

it('random bytes are no frame, and no crash', async () => {
  const random = seededRandom(6);
  for (let index = 0; index < 3000; index++) {
    const content = Uint8Array.from({ length: random.below(60) }, () => random.below(256));
    const frame = random.next() < 0.5 ? plainLz4(content) : plainZstd(content);
    const bytes = frame.map((byte) => (random.next() < 0.1 ? random.below(256) : byte));
    for (const name of ['lz4', 'zstd']) {
      const codec = await openCodec(name);
      const found = await codec?.unpack(bytes, content.byteLength).catch(() => undefined);
      if (found) expect(found.byteLength).toBe(content.byteLength);
    }
  }
});
