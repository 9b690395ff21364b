import { createWriteStream, type WriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PACKET_HEADER_BYTES } from '../../protocol/packet.ts';

/** Rows the DAQ really sent, as its own record has them. */
export interface SentPacket {
  run: number;
  firstRow: number;
  rows: number;
  channels: number;
  /** Channel by channel: `rows` of channel 0, then of channel 1, … */
  codes: Int16Array;
}

/** One line of text mode as it was sent. */
export interface SentLine {
  run: number;
  row: number;
  text: string;
}

const RECORD_HEADER_BYTES = 24;

/**
 * What the DAQ sent, row by row. `daq.packet.bin`: records of u32 run, u32 channels, u32 rows, u32 0, f64 first row and the int16 codes as in
 * the packet. `daq.text.txt`: `run row line` for each line. Packets that were dropped are not in it.
 */
export class DaqLedger implements AsyncDisposable {
  readonly #stream: WriteStream;

  constructor(folder: string, format: 'packet' | 'text') {
    this.#stream = createWriteStream(join(folder, format === 'packet' ? PACKET_FILE : TEXT_FILE));
  }

  /** `packet` is borrowed. */
  packet(packet: Uint8Array, run: number, firstRow: number, rows: number, channels: number): void {
    const codesBytes = rows * channels * 2;
    const record = new Uint8Array(RECORD_HEADER_BYTES + codesBytes);
    const view = new DataView(record.buffer);
    view.setUint32(0, run, true);
    view.setUint32(4, channels, true);
    view.setUint32(8, rows, true);
    view.setFloat64(16, firstRow, true);
    record.set(packet.subarray(PACKET_HEADER_BYTES, PACKET_HEADER_BYTES + codesBytes), RECORD_HEADER_BYTES);
    this.#stream.write(record);
  }

  lines(text: string, run: number, firstRow: number): void {
    const lines = text.split('\n').slice(0, -1);
    this.#stream.write(lines.map((line, index) => `${run} ${firstRow + index} ${line}\n`).join(''));
  }

  flush(): Promise<void> {
    return new Promise((resolve) => this.#stream.write('', () => resolve()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stream.closed) return;
    await new Promise<void>((resolve) => this.#stream.end(() => resolve()));
  }
}

const PACKET_FILE = 'daq.packet.bin';
const TEXT_FILE = 'daq.text.txt';

/** The packets in the order they were sent. */
export async function readSentPackets(folder: string): Promise<SentPacket[]> {
  const bytes = await readFile(join(folder, PACKET_FILE));
  const packets: SentPacket[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + RECORD_HEADER_BYTES <= bytes.length; ) {
    const channels = view.getUint32(at + 4, true);
    const rows = view.getUint32(at + 8, true);
    const start = at + RECORD_HEADER_BYTES;
    const end = start + rows * channels * 2;
    if (end > bytes.length) break;
    const codes = new Int16Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + end));
    packets.push({ run: view.getUint32(at, true), firstRow: view.getFloat64(at + 16, true), rows, channels, codes });
    at = end;
  }
  return packets;
}

/** The lines in the order they were sent. */
export async function readSentLines(folder: string): Promise<SentLine[]> {
  const text = await readFile(join(folder, TEXT_FILE), 'utf8');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const [run = '', row = ''] = line.split(' ', 2);
      return { run: Number(run), row: Number(row), text: line.slice(run.length + row.length + 2) };
    });
}
