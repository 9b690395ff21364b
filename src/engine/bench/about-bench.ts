import type { BenchState } from '../../contract/bench-schema.ts';
import { identityText } from '../acquisition/instrument-id.ts';
import type { RecordingAbout } from '../recording/recording-about.ts';

type Instrument = BenchState['instruments'][number];

/** Where nobody compares the two clocks, nothing is known of their offset. */
const UNWATCHED: RecordingAbout['clock'] = {
  source: 'system clock, read once at start, then the monotonic clock',
  offsetS: null,
  uncertaintyS: null,
};

/** What a recording says of the bench: instruments with their settings as read back, channels as the person calls them. `clock`: what the times rest on. */
export function aboutBench(
  state: BenchState,
  version: string,
  notes: string,
  clock: RecordingAbout['clock'] = UNWATCHED,
): RecordingAbout {
  const { bench, settings, instruments, channels } = state;
  const byId = new Map(instruments.map((instrument) => [instrument.id, instrument]));
  return {
    appVersion: version,
    clock,
    notes,
    operator: settings.operator,
    bench: bench.path ?? bench.name,
    instruments: instruments.map((instrument) => ({
      id: instrument.id,
      idn: identityText(instrument.identity),
      resource: instrument.resource,
      role: instrument.role,
      label: instrument.label,
      firmware: instrument.identity.firmware,
      calibrated: calibrationOf(instrument),
      settings: settingsOf(instrument),
    })),
    channels: channels.map(({ id, instrument, name, label, shownUnit, scale, rateAskedHz, rateGotHz }) => ({
      id,
      label,
      shownUnit,
      scale,
      rateAskedHz,
      rateGotHz,
      range: rangeOf(byId.get(instrument), name),
    })),
  };
}

function settingsOf(instrument: Instrument): Record<string, number | string | boolean> {
  return Object.fromEntries(
    Object.entries(instrument.values).flatMap(([id, { readBack }]) =>
      readBack === undefined ? [] : [[id, readBack] as const],
    ),
  );
}

/** Drivers that know it say it as a lamp `calibrated`. */
function calibrationOf({ status }: Instrument): string {
  return status.calibrated ?? '';
}

/**
 * The measuring range of a channel: the lamp or control `range` of its group (`ch1.range`), or that of the whole instrument; of a meter that
 * measures one function at a time, only the channel in force (lamp `channel`) has it.
 */
function rangeOf(instrument: Instrument | undefined, channel: string): string {
  if (!instrument) return '';
  const { status, values } = instrument;
  const said = (id: string): string => status[id] || String(values[id]?.readBack ?? '');
  const dot = channel.indexOf('.');
  const ofGroup = dot > 0 ? said(`${channel.slice(0, dot)}.range`) : '';
  if (ofGroup !== '') return ofGroup;
  return status.channel !== undefined && status.channel !== channel ? '' : said('range');
}
