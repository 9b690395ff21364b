import type { Clock } from '../../core/clock.ts';
import { cobsBound, encodeCobs } from '../../protocol/cobs.ts';
import {
  PACKET,
  PACKET_CRC_BYTES,
  PACKET_HEADER_BYTES,
  packetBytes,
  sealPacket,
  writePacketHeader,
} from '../../protocol/packet.ts';
import type { DaqLedger } from './daq-ledger.ts';
import type { DaqOutput } from './daq-output.ts';
import type { DaqSettings } from './daq-settings.ts';
import type { DaqStream } from './daq-stream.ts';
import { RowClock } from './row-clock.ts';
import type { Signal } from './signal.ts';

/** Packets stay below this; at 10 × 1 MS/s one is 0.8 ms. */
const MAX_PACKET_BYTES = 16_384;

/** Sends packets in blocks of about 5 ms, one write each; format in protocol/packet.ts. */
export class PacketStream implements DaqStream {
  readonly run: number;
  dropped = 0;
  readonly #channels: number;
  readonly #rowsPerPacket: number;
  readonly #signal: Signal;
  readonly #output: DaqOutput;
  readonly #ledger: DaqLedger | undefined;
  readonly #rows: RowClock;
  readonly #packet = new Uint8Array(MAX_PACKET_BYTES);
  readonly #view = new DataView(this.#packet.buffer);
  readonly #codes = new Int16Array(this.#packet.buffer);
  #next = 0;

  constructor(settings: DaqSettings, signal: Signal, output: DaqOutput, ledger: DaqLedger | undefined, clock: Clock) {
    this.run = settings.runs;
    this.#channels = settings.channels;
    this.#rowsPerPacket = Math.floor(
      (MAX_PACKET_BYTES - PACKET_HEADER_BYTES - PACKET_CRC_BYTES) / 2 / settings.channels,
    );
    this.#signal = signal;
    this.#output = output;
    this.#ledger = ledger;
    this.#rows = new RowClock(clock, settings.rateHz, (rows, missed) => this.#make(rows, missed));
  }

  reply(text: string): void {
    const bytes = new TextEncoder().encode(text).subarray(0, MAX_PACKET_BYTES - 1 - PACKET_CRC_BYTES);
    this.#packet[0] = PACKET.reply;
    this.#packet.set(bytes, 1);
    void this.#output.send(this.#frame(sealPacket(this.#packet, this.#view, 1 + bytes.length)));
  }

  end(): void {
    this.#rows.tick();
    const header = { type: PACKET.end, channels: this.#channels, rows: 0, run: this.run, firstRow: this.#next };
    writePacketHeader(this.#view, header);
    void this.#output.send(this.#frame(sealPacket(this.#packet, this.#view, PACKET_HEADER_BYTES)));
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#rows[Symbol.dispose]();
  }

  #make(rows: number, missed: number): void {
    this.#drop(missed);
    this.#signal.look(rows);
    const frameBytes = cobsBound(packetBytes(this.#channels, this.#rowsPerPacket)) + 1;
    const packets = Math.ceil(rows / this.#rowsPerPacket);
    // One write for the whole block; the buffer then belongs to the socket.
    const block = this.#output.isFaulty ? undefined : new Uint8Array(packets * frameBytes);
    let filled = 0;
    for (let left = rows; left > 0; left -= this.#rowsPerPacket) {
      const count = Math.min(left, this.#rowsPerPacket);
      if (!this.#output.hasRoom(filled + frameBytes)) {
        this.#drop(count);
        continue;
      }
      const firstRow = this.#next;
      const length = this.#build(count);
      if (block) {
        filled = encodeCobs(this.#packet, length, block, filled) + 1;
        this.#ledger?.packet(this.#packet, this.run, firstRow, count, this.#channels);
      } else {
        const copy = this.#ledger && this.#packet.slice(0, length);
        const sent = this.#output.send(this.#frame(length));
        if (copy)
          void sent.then((went) => went && this.#ledger?.packet(copy, this.run, firstRow, count, this.#channels));
      }
    }
    if (block && filled > 0) void this.#output.send(block.subarray(0, filled));
  }

  #drop(rows: number): void {
    this.dropped += rows;
    this.#next += rows;
  }

  #build(rows: number): number {
    const header = { type: PACKET.data, channels: this.#channels, rows, run: this.run, firstRow: this.#next };
    writePacketHeader(this.#view, header);
    this.#signal.fill(this.#codes, PACKET_HEADER_BYTES / 2, this.#next, rows, this.#channels);
    this.#next += rows;
    return sealPacket(this.#packet, this.#view, PACKET_HEADER_BYTES + this.#channels * rows * 2);
  }

  /** The packet as a frame of its own, 0x00 at its end. */
  #frame(length: number): Uint8Array {
    const frame = new Uint8Array(cobsBound(length) + 1);
    return frame.subarray(0, encodeCobs(this.#packet, length, frame) + 1);
  }
}
