import type { FamilyDefinition } from '../../../protocol/definition/definition-schema.ts';
import type { DefinitionModel } from '../../definition/definition-model.ts';
import type { Command } from '../../scpi/command.ts';
import { rigolWaveforms } from './rigol.ts';
import type { WaveformDialect } from './waveform-dialect.ts';

/** By the name definitions use (`waveform.code`). */
const DIALECTS: Readonly<Record<string, WaveformDialect>> = { rigol: rigolWaveforms };

/** Commands for the waveforms of a family; none where no dialect of that name is simulated. */
export function waveformCommands(definition: FamilyDefinition, model: DefinitionModel): Command[] {
  const code = definition.waveform?.code ?? '';
  return Object.hasOwn(DIALECTS, code) ? (DIALECTS[code]?.(model, definition) ?? []) : [];
}
