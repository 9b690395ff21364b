import { crc32 } from 'node:zlib';
import { PacketDecoder } from '../../protocol/packet-decoder.ts';
import type { OpenReader } from './stream-reader.ts';

/** A run in COBS packets (docs/protocols/daq.md): 16-bit codes, scaled on the way into Float32 columns. */
export const openPacketReader: OpenReader = (setup, onRows) => {
  let hasEnded = false;
  let arrived = 0n;
  const decoder = new PacketDecoder({
    crc: (bytes, start, end) => crc32(bytes.subarray(start, end)),
    scales: setup.columns.map(({ scale = 1, offset = 0 }) => ({ scale, offset })),
    sink: {
      rows: (columns, rows, lost) => onRows({ columns, rows, lost, arrivedNs: arrived }),
      // Commands are sent while the stream is stopped, so no reply is waited for here.
      reply: () => {},
      ended(_rows, lost) {
        hasEnded = true;
        if (lost > 0)
          onRows({ columns: setup.columns.map(() => new Float32Array(0)), rows: 0, lost, arrivedNs: arrived });
      },
    },
  });
  return {
    float64: false,
    get hasEnded() {
      return hasEnded;
    },
    get malformed() {
      return decoder.malformed;
    },
    push(bytes, arrivedNs) {
      arrived = arrivedNs;
      decoder.push(bytes);
    },
  };
};
