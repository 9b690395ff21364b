import type { ColumnInfo } from '../../../core/stream-info.ts';
import type { ParameterValue } from '../../../protocol/definition/definition-schema.ts';
import type { ScpiError } from '../../../protocol/scpi-error.ts';
import type { Wire } from '../../session/session.ts';
import type { DriverContext, Waveform } from '../driver.ts';

/** A waveform channel of the definition: `ch1.waveform`, and the word of the dialect for its source (`CHAN1`). */
export interface WaveformSource {
  column: ColumnInfo;
  source: string;
}

/** What code for waveforms is given. */
export interface WaveformContext {
  context: DriverContext;
  sources: readonly WaveformSource[];
  /** `waveform.with` of the definition. */
  parameters: Readonly<Record<string, ParameterValue>>;
  /** Reads the errors of the family until none is left. */
  readErrors(wire: Wire): Promise<ScpiError[]>;
}

/** Fetches and scales waveforms in one dialect. */
export interface WaveformReader {
  readonly columns: ColumnInfo[];
  /** Channels of one trigger. Throws `call.invalid` for channels it has not, `instrument.rejected` if there is no waveform. */
  capture(channels: readonly string[], signal: AbortSignal): Promise<Waveform>;
}

/** An entry of the table of waveform codes. */
export type CreateWaveformReader = (context: WaveformContext) => WaveformReader;
