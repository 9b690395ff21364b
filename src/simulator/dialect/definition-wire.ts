import { LabError } from '../../core/errors.ts';
import type { FamilyDefinition } from '../../protocol/definition/definition-schema.ts';
import { DefinitionExchanges } from '../definition/definition-exchanges.ts';
import { DefinitionModel, type SimulatedBench } from '../definition/definition-model.ts';
import type { ScpiInstrument } from '../scpi/instrument.ts';
import type { Accept } from '../wire/device-wire.ts';
import { acceptScpi } from '../wire/scpi-connection.ts';
import { acceptBk1685 } from './bk-1685.ts';
import type { DefinitionPort, DialogueWire } from './dialogue-wire.ts';
import { createFromDefinition } from './from-definition.ts';
import { acceptKorad } from './korad.ts';

/** By the name definitions use (`dialog`). */
const WIRES: Readonly<Record<string, DialogueWire>> = { 'bk-1685': acceptBk1685, korad: acceptKorad };

/** A simulated instrument of a definition, as a stream server serves it; `instrument` where it is an SCPI device. */
export interface DefinitionDevice {
  accept: Accept;
  instrument: ScpiInstrument | undefined;
}

/** The simulated instrument of any family. Throws `driver.malformed` for a dialog that is not in the table. */
export function createDefinitionDevice(
  definition: FamilyDefinition,
  bench: SimulatedBench,
  port: DefinitionPort,
): DefinitionDevice {
  const { dialog } = definition;
  if (dialog === undefined) {
    const instrument = createFromDefinition(definition, bench);
    return { accept: acceptScpi({ ...port, instrument }), instrument };
  }
  const wire = Object.hasOwn(WIRES, dialog) ? WIRES[dialog] : undefined;
  if (!wire) {
    throw new LabError('driver.malformed', `No dialog named '${dialog}' is simulated, so ${definition.title} is not.`, {
      dialog,
    });
  }
  const model = new DefinitionModel(definition, bench);
  return {
    accept: wire({ ...port, definition, model, clock: bench.clock, exchanges: new DefinitionExchanges(model) }),
    instrument: undefined,
  };
}
