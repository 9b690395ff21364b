import { type Command, command, field, query, setting } from '../../scpi/command.ts';
import { ScpiError } from '../../scpi/error-queue.ts';
import { choice } from '../../scpi/parameter.ts';
import { definiteBlock } from './definite-block.ts';
import type { WaveformDialect } from './waveform-dialect.ts';
import { waveformSource } from './waveform-source.ts';

/** Ten divisions of 16 bits. */
const CODES_PER_DIVISION = 6400;

/** `DATa`, the preamble (`WFMOutpre`, or what the definition calls it) and `CURVe?` of Tektronix scopes on the frames of the simulated scope: signed, the high byte first. */
export const tektronixWaveforms: WaveformDialect = ({ scope, family }, { waveform }): Command[] => {
  const { preamble = 'WFMOutpre', record } = waveform?.with ?? {};
  const wave = { source: 1, width: 1, start: 1, stop: 1_000_000_000 };
  const samples = (): Float64Array => {
    const found = scope.frame()?.samples.get(wave.source);
    if (!found) throw new ScpiError(-230);
    return found;
  };
  const span = (): { first: number; last: number } => {
    const { length } = samples();
    return { first: Math.min(wave.start, length) - 1, last: Math.min(wave.stop, length) };
  };
  const increment = (): number => {
    const { scale = 1 } = scope.channel(wave.source) ?? {};
    return (scale / CODES_PER_DIVISION) * (wave.width === 2 ? 1 : 256);
  };
  const middle = (): number => -(scope.channel(wave.source)?.offset ?? 0);
  const curve = (): Uint8Array => {
    const all = samples();
    const { first, last } = span();
    const bytes = new Uint8Array((last - first) * wave.width);
    const view = new DataView(bytes.buffer);
    const most = wave.width === 2 ? 32_767 : 127;
    for (let i = first; i < last; i++) {
      const code = Math.max(-most, Math.min(most, Math.round(((all[i] ?? 0) - middle()) / increment())));
      if (wave.width === 2) view.setInt16((i - first) * 2, code);
      else view.setInt8(i - first, code);
    }
    return definiteBlock(bytes);
  };
  const number = (value: number): string => value.toExponential(9);
  return [
    command('DATa:SOUrce', [waveformSource(family)], ([n]) => {
      wave.source = n;
    }),
    command('DATa:ENCdg', [choice('RIBinary')], () => {}),
    ...setting('DATa:STARt', '', String, () => field(wave, 'start', { min: 1, max: 1e9 })),
    ...setting('DATa:STOP', '', String, () => field(wave, 'stop', { min: 1, max: 1e9 })),
    ...setting('DATa:WIDth', '', String, () => field(wave, 'width', { min: 1, max: 2 })),
    query(`${preamble}:NR_Pt?`, [], () => String(span().last - span().first)),
    query(`${preamble}:XINcr?`, [], () => number(scope.frame()?.stepS ?? 0)),
    query(`${preamble}:XZEro?`, [], () => number(scope.frame()?.startS ?? 0)),
    query(`${preamble}:YMUlt?`, [], () => number(increment())),
    query(`${preamble}:YOFf?`, [], () => number(0)),
    query(`${preamble}:YZEro?`, [], () => number(middle())),
    query('CURVe?', [], curve),
    ...(typeof record === 'string' ? [query(record, [], () => String(scope.recordLength))] : []),
  ];
};
