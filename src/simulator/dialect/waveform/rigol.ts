import { type Command, command, field, query, setting } from '../../scpi/command.ts';
import { ScpiError } from '../../scpi/error-queue.ts';
import { choice } from '../../scpi/parameter.ts';
import { definiteBlock } from './definite-block.ts';
import type { WaveformDialect } from './waveform-dialect.ts';
import { waveformSource } from './waveform-source.ts';

/** 25 codes a division of 8 bits, the middle is 127 (DS1000Z); the same picture in 16 bits is 256 times as fine. */
const CODES_PER_DIVISION = 25;
const MIDDLE = 127;

/** `:WAVeform` of Rigol scopes on the frames of the simulated scope: BYTE and WORD (low byte first), unsigned. */
export const rigolWaveforms: WaveformDialect = (model, definition): Command[] => {
  const { scope, family } = model;
  const most = Number(definition.waveform?.with.pointsPerRead ?? 250_000);
  const wave = { source: 1, mode: 'NORMal', format: 'BYTE', start: 1, stop: 1200 };
  const samples = (): Float64Array => {
    const found = scope.frame()?.samples.get(wave.source);
    if (!found) throw new ScpiError(-230);
    return found;
  };
  const scaling = (): { increment: number; origin: number; reference: number } => {
    const { scale = 1, offset = 0 } = scope.channel(wave.source) ?? {};
    const fine = wave.format === 'WORD' ? 256 : 1;
    const increment = scale / CODES_PER_DIVISION / fine;
    return { increment, origin: Math.round(offset / increment), reference: MIDDLE * fine };
  };
  const preamble = (): string => {
    const { length } = samples();
    const { increment, origin, reference } = scaling();
    const frame = scope.frame();
    const times = [(frame?.stepS ?? 0).toExponential(6), (frame?.startS ?? 0).toExponential(6), 0];
    const kind = [wave.format === 'WORD' ? 1 : 0, wave.mode === 'RAW' ? 2 : 0, length, 1];
    return [...kind, ...times, increment.toExponential(6), origin, reference].join(',');
  };
  const data = (): Uint8Array => {
    const all = samples();
    const { increment, origin, reference } = scaling();
    const first = Math.min(wave.start, all.length) - 1;
    const last = Math.min(wave.stop, all.length, first + most);
    const width = wave.format === 'WORD' ? 2 : 1;
    const bytes = new Uint8Array(Math.max(0, last - first) * width);
    const view = new DataView(bytes.buffer);
    for (let i = first; i < last; i++) {
      const code = Math.round((all[i] ?? 0) / increment) + origin + reference;
      if (width === 2) view.setUint16((i - first) * 2, Math.min(65_535, Math.max(0, code)), true);
      else bytes[i - first] = Math.min(255, Math.max(0, code));
    }
    return definiteBlock(bytes);
  };
  return [
    command('WAVeform:SOURce', [waveformSource(family)], ([n]) => {
      wave.source = n;
    }),
    command('WAVeform:MODE', [choice('NORMal', 'MAXimum', 'RAW')], ([mode]) => {
      wave.mode = mode;
    }),
    command('WAVeform:FORMat', [choice('BYTE', 'WORD')], ([format]) => {
      wave.format = format;
    }),
    ...setting('WAVeform:STARt', '', String, () => field(wave, 'start', { min: 1, max: 1e9 })),
    ...setting('WAVeform:STOP', '', String, () => field(wave, 'stop', { min: 1, max: 1e9 })),
    query('WAVeform:PREamble?', [], preamble),
    query('WAVeform:DATA?', [], data),
  ];
};
