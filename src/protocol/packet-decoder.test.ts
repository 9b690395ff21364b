import { expect, test } from 'vitest';
import { cobsBound, encodeCobs } from './cobs.ts';
import { PACKET, PACKET_HEADER_BYTES, packetBytes, sealPacket, writePacketHeader } from './packet.ts';
import { PacketDecoder } from './packet-decoder.ts';

const SCALES = [
  { scale: 0.001, offset: 0 },
  { scale: 2, offset: -5 },
];

function frame(packet: Uint8Array, length: number): Uint8Array {
  const framed = new Uint8Array(cobsBound(length) + 1);
  return framed.subarray(0, encodeCobs(packet, length, framed) + 1);
}

function dataPacket(firstRow: number, rows: number, run = 1): Uint8Array {
  const bytes = new Uint8Array(packetBytes(2, rows));
  const view = new DataView(bytes.buffer);
  writePacketHeader(view, { type: PACKET.data, channels: 2, rows, run, firstRow });
  for (let row = 0; row < rows; row++) {
    view.setInt16(PACKET_HEADER_BYTES + row * 2, firstRow + row, true);
    view.setInt16(PACKET_HEADER_BYTES + (rows + row) * 2, -(firstRow + row), true);
  }
  return frame(bytes, sealPacket(bytes, view, bytes.length - 4));
}

function replyPacket(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length + 5);
  bytes[0] = PACKET.reply;
  new TextEncoder().encodeInto(text, bytes.subarray(1));
  return frame(bytes, sealPacket(bytes, new DataView(bytes.buffer), text.length + 1));
}

function endPacket(rows: number, run = 1): Uint8Array {
  const bytes = new Uint8Array(packetBytes(2, 0));
  const view = new DataView(bytes.buffer);
  writePacketHeader(view, { type: PACKET.end, channels: 2, rows: 0, run, firstRow: rows });
  return frame(bytes, sealPacket(bytes, view, PACKET_HEADER_BYTES));
}

function hear() {
  const rows: number[] = [];
  const second: number[] = [];
  const events: string[] = [];
  const decoder = new PacketDecoder({
    scales: SCALES,
    maxRows: 64,
    sink: {
      rows(columns, count, lost, firstRow) {
        if (lost > 0) events.push(`lost ${lost} before ${firstRow}`);
        rows.push(...(columns[0]?.subarray(0, count) ?? []));
        second.push(...(columns[1]?.subarray(0, count) ?? []));
      },
      reply: (text) => events.push(`reply ${text}`),
      ended: (count, lost) => events.push(`end ${count} lost ${lost}`),
    },
  });
  return { rows, second, events, decoder };
}

function join(...pieces: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

const values = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => Math.fround((from + i) * 0.001));

// Made with Python: struct, zlib.crc32 and a COBS of two lines.
test('golden bytes of a packet', () => {
  expect([...dataPacket(0, 2)]).toEqual([
    4, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 7, 255, 255, 114, 79, 63, 241, 0,
  ]);
});

test('rows are decoded and scaled, in any chunks', () => {
  const stream = join(dataPacket(0, 100), replyPacket('1000'), dataPacket(100, 3), endPacket(103));
  for (const piece of [1, 2, 13, 64, 10_000]) {
    const heard = hear();
    for (let at = 0; at < stream.length; at += piece) heard.decoder.push(stream.subarray(at, at + piece));
    expect(heard.rows).toEqual(values(0, 103));
    expect(heard.second).toEqual(Array.from({ length: 103 }, (_, i) => -2 * i - 5));
    expect(heard.events).toEqual(['reply 1000', 'end 103 lost 0']);
    expect(heard.decoder.malformed).toBe(0);
  }
});

test('a step of the counter is rows lost, also before the first and after the last', () => {
  const { decoder, rows, events } = hear();
  decoder.push(join(dataPacket(5, 2), dataPacket(10, 2), endPacket(20)));
  expect(rows).toEqual([...values(5, 7), ...values(10, 12)]);
  expect(events).toEqual(['lost 5 before 5', 'lost 3 before 10', 'end 20 lost 8']);
});

test('a damaged frame is counted and its rows are lost', () => {
  const { decoder, rows, events } = hear();
  const damaged = dataPacket(2, 2);
  damaged[8] = (damaged[8] ?? 0) ^ 0x40;
  decoder.push(join(dataPacket(0, 2), damaged, dataPacket(4, 2)));
  expect(rows).toEqual([...values(0, 2), ...values(4, 6)]);
  expect(events).toEqual(['lost 2 before 4']);
  expect(decoder.malformed).toBe(1);
});

test('packets in the wrong order give no row twice and none in the wrong place', () => {
  const { decoder, rows, events } = hear();
  decoder.push(join(dataPacket(0, 2), dataPacket(4, 2), dataPacket(2, 2), dataPacket(6, 2)));
  expect(rows).toEqual([...values(0, 2), ...values(4, 8)]);
  expect(events).toEqual(['lost 2 before 4']);
  expect(decoder.malformed).toBe(1);
});

test('the next run starts at zero; packets of another run are not mixed in', () => {
  const { decoder, rows, events } = hear();
  decoder.push(join(dataPacket(0, 2), dataPacket(2, 2, 9), endPacket(2), dataPacket(0, 2, 2)));
  expect(rows).toEqual([...values(0, 2), ...values(0, 2)]);
  expect(events).toEqual(['end 2 lost 0']);
  expect(decoder.malformed).toBe(1);
});

test('endless bytes without a zero stay bounded', () => {
  const { decoder, rows } = hear();
  for (let i = 0; i < 100; i++) decoder.push(new Uint8Array(10_000).fill(1));
  decoder.push(join(Uint8Array.of(0), dataPacket(0, 1)));
  expect(decoder.malformed).toBeGreaterThan(0);
  expect(rows).toEqual(values(0, 1));
});

test('random bytes never throw, and the packet after them is read', () => {
  let seed = 5;
  const next = () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed >>> 24;
  };
  const { decoder, rows } = hear();
  for (let round = 0; round < 500; round++) decoder.push(Uint8Array.from({ length: next() }, next));
  expect(rows).toEqual([]);
  decoder.push(join(Uint8Array.of(0), dataPacket(0, 3)));
  expect(rows).toEqual(values(0, 3));
});
