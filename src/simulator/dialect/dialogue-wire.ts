import type { Clock } from '../../core/clock.ts';
import type { FamilyDefinition } from '../../protocol/definition/definition-schema.ts';
import type { DefinitionExchanges } from '../definition/definition-exchanges.ts';
import type { DefinitionModel } from '../definition/definition-model.ts';
import type { FaultGate } from '../fault.ts';
import type { ExchangeNotes } from '../ledger.ts';
import type { Accept } from '../wire/device-wire.ts';

export interface DefinitionPort {
  gate: FaultGate;
  ledger: ExchangeNotes | undefined;
}

/** What a wire that is no SCPI works on. */
export interface DialogueParts extends DefinitionPort {
  definition: FamilyDefinition;
  model: DefinitionModel;
  clock: Clock;
  /** Everything that can be asked and ordered, with `{value}` inside: match whole texts by it. */
  exchanges: DefinitionExchanges;
}

/** Makes the stream of a dialect that is no SCPI (fixed lengths, acknowledgements) of a model. */
export type DialogueWire = (parts: DialogueParts) => Accept;
