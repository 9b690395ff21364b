import type { ChannelState, InstrumentState } from '../../contract/instrument-schema.ts';
import type { Prefix } from '../../core/units.ts';
import { choosePrefix } from '../../core/units-format.ts';
import { parseQuantity } from '../../core/units-parse.ts';

/** How a reading is written: least step shown, in the base of the shown unit, and the prefix it keeps. */
export interface ReadingScale {
  resolution: number;
  prefix: Prefix;
}

/** Counts of a bench meter's range: 6½ digits, one less where it integrates for less than a power line cycle. */
const FULL_COUNTS = 1e6;
const FAST_COUNTS = 1e5;

/** The channel of the function in force (lamp `channel`); the first where the driver does not say. */
export function activeChannel(
  instrument: InstrumentState,
  channels: readonly ChannelState[],
): ChannelState | undefined {
  return channels.find((channel) => channel.name === instrument.status.channel) ?? channels[0];
}

/**
 * As the meter itself would show it: the range decides digits and prefix, so that nothing jumps within a range. Undefined if the
 * channel knows its resolution or the range is not known.
 */
export function meterScale(instrument: InstrumentState, channel: ChannelState): ReadingScale | undefined {
  if (channel.resolution !== null) return undefined;
  const range = parseQuantity(instrument.status.range ?? '', channel.unit);
  const full = range.ok ? range.value * Math.abs(channel.scale.gain) : 0;
  if (!(full > 0)) return undefined;
  const nplc = Number(instrument.values.nplc?.readBack ?? 10);
  const prefix = choosePrefix(full, channel.shownUnit);
  // Meters write 1000 V, never 1 kV.
  const isHigh = prefix === 'k' && (channel.shownUnit === 'V' || channel.shownUnit === 'A');
  return { resolution: full / (nplc < 1 ? FAST_COUNTS : FULL_COUNTS), prefix: isHigh ? '' : prefix };
}
