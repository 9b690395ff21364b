import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { SerialPort } from 'serialport';

/** Modbus as anybody writes it in an hour: what the benchmark holds ours against. One unit, function 3, no time-outs. */
export const UNIT = 1;

export interface BareModbus {
  /** Registers of the answer, joined by commas. */
  query(): Promise<string>;
  close(): Promise<void>;
}

/** CRC-16 of MODBUS over Serial Line 6.2.2 by table, low byte first. */
const CRC_TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1;
  return crc;
});

function crcOf(bytes: Uint8Array, length: number): number {
  let crc = 0xffff;
  for (let index = 0; index < length; index++) crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ (bytes[index] ?? 0)) & 0xff] ?? 0);
  return crc;
}

export function rtuFrame(pdu: Buffer): Buffer {
  const frame = Buffer.alloc(pdu.length + 3);
  frame[0] = UNIT;
  pdu.copy(frame, 1);
  frame.writeUInt16LE(crcOf(frame, pdu.length + 1), pdu.length + 1);
  return frame;
}

export function tcpFrame(transaction: number, pdu: Buffer): Buffer {
  const frame = Buffer.alloc(pdu.length + 7);
  frame.writeUInt16BE(transaction, 0);
  frame.writeUInt16BE(pdu.length + 1, 4);
  frame[6] = UNIT;
  pdu.copy(frame, 7);
  return frame;
}

function wordsOf(pdu: Buffer): string {
  assert.equal(pdu[0], 3);
  const words: number[] = [];
  for (let place = 2; place < pdu.length; place += 2) words.push(pdu.readUInt16BE(place));
  return words.join(',');
}

/** One frame out, wait for the frame of its number. */
export async function openBareTcp(port: number, question: Buffer): Promise<BareModbus> {
  const socket = net.connect({ host: '127.0.0.1', port, noDelay: true });
  await once(socket, 'connect');
  let transaction = 0;
  let reply: Buffer = Buffer.alloc(0);
  let done: (words: string) => void = () => {};
  socket.on('data', (bytes: Buffer) => {
    reply = reply.length > 0 ? Buffer.concat([reply, bytes]) : bytes;
    if (reply.length < 6 || reply.length < 6 + reply.readUInt16BE(4)) return;
    assert.equal(reply.readUInt16BE(0), transaction);
    const words = wordsOf(reply.subarray(7));
    reply = Buffer.alloc(0);
    done(words);
  });
  return {
    query: () =>
      new Promise((resolve) => {
        done = resolve;
        transaction = (transaction + 1) & 0xffff;
        socket.write(tcpFrame(transaction, question));
      }),
    close: async () => void socket.destroy(),
  };
}

/**
 * The same on a serial port: one frame out, wait for as many bytes as its count says, look at the checksum. `silenceMs`: between an answer and the next
 * question, by a timer of whole ms.
 */
export async function openBareRtu(path: string, question: Buffer, silenceMs: number): Promise<BareModbus> {
  const port = new SerialPort({ path, baudRate: 115_200, autoOpen: false });
  await new Promise<void>((resolve, reject) => port.open((error) => (error ? reject(error) : resolve())));
  let reply: Buffer = Buffer.alloc(0);
  let heardMs = 0;
  let done: (words: string) => void = () => {};
  port.on('data', (bytes: Buffer) => {
    reply = reply.length > 0 ? Buffer.concat([reply, bytes]) : bytes;
    if (reply.length < 3 || reply.length < 5 + (reply[2] ?? 0)) return;
    assert.equal(reply.readUInt16LE(reply.length - 2), crcOf(reply, reply.length - 2));
    const words = wordsOf(reply.subarray(1, -2));
    heardMs = performance.now();
    reply = Buffer.alloc(0);
    done(words);
  });
  return {
    query: () =>
      new Promise((resolve) => {
        done = resolve;
        const leftMs = heardMs + silenceMs - performance.now();
        if (leftMs > 0) setTimeout(() => port.write(rtuFrame(question)), Math.ceil(leftMs));
        else port.write(rtuFrame(question));
      }),
    close: () => new Promise<void>((resolve) => port.close(() => resolve())),
  };
}
