import type { FamilyDefinition } from '../../../protocol/definition/definition-schema.ts';
import type { DefinitionModel } from '../../definition/definition-model.ts';
import type { Command } from '../../scpi/command.ts';

/** Waveform commands of a dialect on the frames of the simulated scope. */
export type WaveformDialect = (model: DefinitionModel, definition: FamilyDefinition) => Command[];
