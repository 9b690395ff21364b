import type { FamilyDefinition } from '../../../protocol/definition/definition-schema.ts';
import type { DefinitionModel } from '../../definition/definition-model.ts';
import type { Command } from '../../scpi/command.ts';
import { keysightWaveforms } from './keysight.ts';
import { rigolWaveforms } from './rigol.ts';
import { siglentHdWaveforms } from './siglent-hd.ts';
import { siglentOldWaveforms } from './siglent-old.ts';
import { tektronixWaveforms } from './tektronix.ts';
import type { WaveformDialect } from './waveform-dialect.ts';

/** By the name definitions use (`waveform.code`). */
const DIALECTS: Readonly<Record<string, WaveformDialect>> = {
  rigol: rigolWaveforms,
  keysight: keysightWaveforms,
  'siglent-hd': siglentHdWaveforms,
  'siglent-old': siglentOldWaveforms,
  tektronix: tektronixWaveforms,
};

/** Commands for the waveforms of a family; none where no dialect of that name is simulated. */
export function waveformCommands(definition: FamilyDefinition, model: DefinitionModel): Command[] {
  const code = definition.waveform?.code ?? '';
  return Object.hasOwn(DIALECTS, code) ? (DIALECTS[code]?.(model, definition) ?? []) : [];
}
