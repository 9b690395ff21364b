import { type Command, command, field, query, setting } from '../../scpi/command.ts';
import { ScpiError } from '../../scpi/error-queue.ts';
import { boolean, choice, optional } from '../../scpi/parameter.ts';
import { definiteBlock } from './definite-block.ts';
import type { WaveformDialect } from './waveform-dialect.ts';
import { waveformSource } from './waveform-source.ts';

/** Eight divisions of 16 bits, the middle is 32768. */
const CODES_PER_DIVISION = 8192;
const MIDDLE = 32_768;
/** Code 0 means that nothing was sampled: a sample is never it. */
const LOWEST = 1;
const HIGHEST = 65_535;

/** `:WAVeform` and `:DIGitize` of InfiniiVision scopes on the frames of the simulated scope: WORD and BYTE, unsigned. */
export const keysightWaveforms: WaveformDialect = ({ scope, family }): Command[] => {
  const wave = { source: 1, format: 'BYTE', order: 'MSBFirst', points: 0 };
  const source = waveformSource(family);
  const samples = (): Float64Array => {
    const found = scope.frame()?.samples.get(wave.source);
    if (!found) throw new ScpiError(-230);
    if (wave.points === 0 || wave.points >= found.length) return found;
    const stride = found.length / wave.points;
    return Float64Array.from({ length: wave.points }, (_, index) => found[Math.floor(index * stride)] ?? 0);
  };
  const scaling = (): { increment: number; origin: number; reference: number } => {
    const { scale = 1, offset = 0 } = scope.channel(wave.source) ?? {};
    const coarse = wave.format === 'WORD' ? 1 : 256;
    // The trace is moved up by the bench's offset: the middle of the screen is that much below zero.
    return { increment: (scale / CODES_PER_DIVISION) * coarse, origin: -offset, reference: MIDDLE / coarse };
  };
  const preamble = (): string => {
    const { length } = samples();
    const { increment, origin, reference } = scaling();
    const frame = scope.frame();
    const stepS = ((frame?.stepS ?? 0) * (frame?.samples.get(wave.source)?.length ?? length)) / length;
    const kind = [wave.format === 'WORD' ? 1 : 0, 0, length, 1];
    const numbers = [stepS, frame?.startS ?? 0, 0, increment, origin].map((value) => value.toExponential(8));
    return [...kind, ...numbers, reference].join(',');
  };
  const data = (): Uint8Array => {
    const all = samples();
    const { increment, origin, reference } = scaling();
    const isWord = wave.format === 'WORD';
    const bytes = new Uint8Array(all.length * (isWord ? 2 : 1));
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < all.length; i++) {
      const code = Math.round(((all[i] ?? 0) - origin) / increment + reference);
      if (isWord) view.setUint16(i * 2, Math.min(HIGHEST, Math.max(LOWEST, code)), wave.order === 'LSBFirst');
      else bytes[i] = Math.min(255, Math.max(LOWEST, code));
    }
    return definiteBlock(bytes);
  };
  return [
    command('WAVeform:SOURce', [source], ([n]) => {
      wave.source = n;
    }),
    command('WAVeform:FORMat', [choice('BYTE', 'WORD')], ([format]) => {
      wave.format = format;
    }),
    command('WAVeform:BYTeorder', [choice('LSBFirst', 'MSBFirst')], ([order]) => {
      wave.order = order;
    }),
    command('WAVeform:UNSigned', [boolean], () => {}),
    command('WAVeform:POINts:MODE', [choice('NORMal', 'MAXimum', 'RAW')], () => {
      wave.points = 0;
    }),
    ...setting('WAVeform:POINts', '', String, () => field(wave, 'points', { min: 100, max: 8_000_000 })),
    query('WAVeform:PREamble?', [], preamble),
    query('WAVeform:DATA?', [], data),
    command('DIGitize', [optional(source), optional(source), optional(source), optional(source)], () =>
      scope.run('single'),
    ),
  ];
};
