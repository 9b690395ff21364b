import type { ColumnInfo } from '../../core/stream-info.ts';
import { channelNames } from './channel-name.ts';

/** Columns of a row of a device: names a person gave, else its own, else `ch1`, `ch2`, …; units in order. */
export function streamColumns(width: number, names: readonly string[], units: readonly string[]): ColumnInfo[] {
  const given = channelNames(Array.from({ length: width }, (_, index) => names[index] ?? ''));
  return given.map((channel, index) => ({ channel, unit: units[index]?.trim() ?? '' }));
}
