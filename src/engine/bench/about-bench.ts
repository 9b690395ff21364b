import type { BenchState } from '../../contract/bench-schema.ts';
import { identityText } from '../acquisition/instrument-id.ts';
import type { RecordingAbout } from '../recording/recording-about.ts';

/** What a recording says of the bench: instruments with their settings as read back, channels as the person calls them. */
export function aboutBench({ instruments, channels }: BenchState, version: string, notes: string): RecordingAbout {
  return {
    appVersion: version,
    clockSource: 'system clock, read once at start, then the monotonic clock',
    notes,
    instruments: instruments.map((instrument) => ({
      id: instrument.id,
      idn: identityText(instrument.identity),
      resource: instrument.resource,
      role: instrument.role,
      label: instrument.label,
      settings: settingsOf(instrument),
    })),
    channels: channels.map(({ id, label, shownUnit, scale, rateAskedHz, rateGotHz }) => ({
      id,
      label,
      shownUnit,
      scale,
      rateAskedHz,
      rateGotHz,
    })),
  };
}

function settingsOf(instrument: BenchState['instruments'][number]): Record<string, number | string | boolean> {
  return Object.fromEntries(
    Object.entries(instrument.values).flatMap(([id, { readBack }]) =>
      readBack === undefined ? [] : [[id, readBack] as const],
    ),
  );
}
