import { type Command, command, query } from '../../scpi/command.ts';
import { ScpiError } from '../../scpi/error-queue.ts';
import { choice, optional, type Parameter } from '../../scpi/parameter.ts';
import { definiteBlock } from './definite-block.ts';
import type { WaveformDialect } from './waveform-dialect.ts';
import { waveformSource } from './waveform-source.ts';

const CODES_PER_DIVISION = 25;
const anything: Parameter<string> = { parse: (text) => text };

/** `Cn:WF?`, `WFSU`, `SANU?`, `SARA?` of Siglent scopes on the frames of the simulated scope: a header before the block, an LF too many behind it. */
export const siglentOldWaveforms: WaveformDialect = ({ scope, family }): Command[] => {
  let every = 1;
  const source = waveformSource(family);
  const samplesOf = (n: number): Float64Array => {
    const found = scope.frame()?.samples.get(n);
    if (!found) throw new ScpiError(-230);
    return found;
  };
  const data = (n: number): Uint8Array => {
    const { scale = 1, offset = 0 } = scope.channel(n) ?? {};
    const all = samplesOf(n);
    const codes = new Int8Array(Math.ceil(all.length / every));
    for (let i = 0; i < codes.length; i++) {
      const volts = (all[i * every] ?? 0) + offset;
      codes[i] = Math.max(-128, Math.min(127, Math.round((volts / scale) * CODES_PER_DIVISION)));
    }
    const block = definiteBlock(new Uint8Array(codes.buffer));
    const reply = new Uint8Array(5 + block.length + 1);
    reply.set(new TextEncoder().encode('DAT2,'));
    reply.set(block, 5);
    reply[reply.length - 1] = 10;
    return reply;
  };
  const pairs = Array.from({ length: 6 }, () => optional(anything));
  return [
    command('WFSU', pairs, (values) => {
      const at = values.findIndex((value) => value?.toUpperCase() === 'SP');
      every = at < 0 ? every : Math.max(1, Number(values[at + 1] ?? 1));
    }),
    query('SANU?', [source], ([n]) => `${samplesOf(n).length}pts`),
    query('SARA?', [], () => `${(1 / (scope.frame()?.stepS ?? 1)).toExponential(9)}Sa/s`),
    ...family.groups.flatMap(({ waveform, n }) =>
      waveform ? [query(`${waveform.source}:WF?`, [choice('DAT2', 'ALL', 'DESC')], () => data(n))] : [],
    ),
  ];
};
