import { LabError } from '../../../core/errors.ts';
import type { ScpiError } from '../../../protocol/scpi-error.ts';

/** A source without a waveform, and why. The question for its data would never be answered. */
export function noWaveform(source: string, why: string): LabError {
  return new LabError('instrument.rejected', `${source} has no waveform: ${why}. Nothing was captured.`);
}

/** Throws `instrument.rejected` for a source that is not displayed, or whose settings were refused. */
export function checkSource(source: string, isShown: boolean | undefined, errors: readonly ScpiError[]): void {
  if (isShown !== true) throw noWaveform(source, 'the channel is not displayed');
  if (errors.length > 0) throw noWaveform(source, errors.map(({ code, message }) => `${code} ${message}`).join('; '));
}
