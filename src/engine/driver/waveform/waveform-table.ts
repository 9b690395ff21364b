import { LabError } from '../../../core/errors.ts';
import type { FamilyDefinition } from '../../../protocol/definition/definition-schema.ts';
import { createKeysightReader } from './keysight.ts';
import { createRigolReader } from './rigol.ts';
import { createSiglentHdReader } from './siglent-hd.ts';
import { createSiglentOldReader } from './siglent-old.ts';
import { createTektronixReader } from './tektronix.ts';
import type { CreateWaveformReader, WaveformContext, WaveformReader } from './waveform-reader.ts';

/** Code for waveforms by the name definitions use. */
const CODES: Readonly<Record<string, CreateWaveformReader>> = {
  rigol: createRigolReader,
  keysight: createKeysightReader,
  'siglent-hd': createSiglentHdReader,
  'siglent-old': createSiglentOldReader,
  tektronix: createTektronixReader,
};

/** The reader a definition names; undefined where it has no waveforms. Throws `driver.malformed` for a name that is not in the table. */
export function createWaveformReader(
  waveform: FamilyDefinition['waveform'],
  context: Omit<WaveformContext, 'parameters'>,
): WaveformReader | undefined {
  if (!waveform) return undefined;
  const create = Object.hasOwn(CODES, waveform.code) ? CODES[waveform.code] : undefined;
  if (!create) {
    throw new LabError(
      'driver.malformed',
      `There is no code for waveforms named '${waveform.code}'. The file is not used; correct it.`,
      { code: waveform.code },
    );
  }
  return create({ ...context, parameters: waveform.with });
}
