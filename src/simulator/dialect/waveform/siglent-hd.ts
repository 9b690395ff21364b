import { type Command, command, field, query, setting } from '../../scpi/command.ts';
import { ScpiError } from '../../scpi/error-queue.ts';
import { choice } from '../../scpi/parameter.ts';
import { definiteBlock } from './definite-block.ts';
import type { WaveformDialect } from './waveform-dialect.ts';
import { waveformSource } from './waveform-source.ts';

/** 12 bits in the upper bits of 16; the guide's table of the preamble. */
const CODES_PER_DIVISION = 7680;
const ADC_BITS = 12;
const DESCRIPTOR_BYTES = 346;
/** Small, so that a memory is read in parts. */
const MOST_POINTS = 500;

/** `:WAVeform` of newer Siglent scopes on the frames of the simulated scope: signed, the low byte first; a binary preamble, an LF too many behind blocks. */
export const siglentHdWaveforms: WaveformDialect = ({ scope, family }): Command[] => {
  const wave = { source: 1, width: 'BYTE', start: 0, interval: 1, points: 0 };
  const samples = (): Float64Array => {
    const found = scope.frame()?.samples.get(wave.source);
    if (!found) throw new ScpiError(-230);
    return found;
  };
  const preamble = (): Uint8Array => {
    const { scale = 1, offset = 0 } = scope.channel(wave.source) ?? {};
    const bytes = new Uint8Array(DESCRIPTOR_BYTES);
    bytes.set(new TextEncoder().encode('WAVEDESC'));
    const view = new DataView(bytes.buffer);
    view.setInt16(0x20, wave.width === 'WORD' ? 1 : 0, true);
    view.setInt32(0x24, DESCRIPTOR_BYTES, true);
    view.setInt32(0x74, samples().length, true);
    view.setFloat32(0x9c, scale, true);
    view.setFloat32(0xa0, offset, true);
    view.setFloat32(0xa4, CODES_PER_DIVISION, true);
    view.setInt16(0xac, ADC_BITS, true);
    view.setFloat32(0xb0, scope.frame()?.stepS ?? 0, true);
    view.setFloat64(0xb4, scope.timebase.offset, true);
    view.setFloat32(0x148, 1, true);
    return terminated(bytes);
  };
  const data = (): Uint8Array => {
    const { scale = 1, offset = 0 } = scope.channel(wave.source) ?? {};
    const all = samples();
    const left = Math.max(0, Math.ceil((all.length - wave.start) / wave.interval));
    const count = Math.min(left, MOST_POINTS, wave.points === 0 ? left : wave.points);
    const width = wave.width === 'WORD' ? 2 : 1;
    const bytes = new Uint8Array(count * width);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < count; i++) {
      const volts = (all[wave.start + i * wave.interval] ?? 0) + offset;
      const code = Math.max(-32_768, Math.min(32_767, Math.round((volts / scale) * CODES_PER_DIVISION)));
      if (width === 2) view.setInt16(i * 2, code, true);
      else view.setInt8(i, code >> 8);
    }
    return terminated(bytes);
  };
  return [
    command('WAVeform:SOURce', [waveformSource(family)], ([n]) => {
      wave.source = n;
    }),
    command('WAVeform:WIDTh', [choice('BYTE', 'WORD')], ([width]) => {
      wave.width = width;
    }),
    command('WAVeform:BYTeorder', [choice('LSB', 'MSB')], () => {}),
    ...setting('WAVeform:STARt', '', String, () => field(wave, 'start', { min: 0, max: 1e9 })),
    ...setting('WAVeform:INTerval', '', String, () => field(wave, 'interval', { min: 1, max: 1e9 })),
    ...setting('WAVeform:POINt', '', String, () => field(wave, 'points', { min: 0, max: 1e9 })),
    query('WAVeform:MAXPoint?', [], () => String(MOST_POINTS)),
    query('WAVeform:PREamble?', [], preamble),
    query('WAVeform:DATA?', [], data),
    query('ACQuire:POINts?', [], () => samples().length.toExponential(2)),
  ];
};

function terminated(bytes: Uint8Array): Uint8Array {
  const block = definiteBlock(bytes);
  const reply = new Uint8Array(block.length + 1);
  reply.set(block);
  reply[block.length] = 10;
  return reply;
}
