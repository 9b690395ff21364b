import type { ResolvedFamily } from '../../../protocol/definition/resolved.ts';
import { ScpiError } from '../../scpi/error-queue.ts';
import type { Parameter } from '../../scpi/parameter.ts';

/** The channel a word of the dialect means as source of waveforms (`CHAN1`, also `CHANnel1`); -224 for any other. */
export function waveformSource({ groups }: ResolvedFamily): Parameter<number> {
  const sources = groups.flatMap(({ waveform, n }) => (waveform ? [{ n, word: waveform.source.toUpperCase() }] : []));
  return {
    parse(text) {
      const short = text.toUpperCase().replace(/^CHANNEL/, 'CHAN');
      const found = sources.find(({ word }) => word === short);
      if (!found) throw new ScpiError(-224);
      return found.n;
    },
  };
}
