import type { ColumnInfo } from '../../core/stream-info.ts';

/** One quantity of a reading: the key the server gives it, and the channel it is here. */
export interface ReadingField {
  key: string;
  column: ColumnInfo;
}

/** Quantities of a power supply's channel. The server sends no power. */
export function supplyFields(channel: number): ReadingField[] {
  const at = `ch${channel}`;
  return [
    { key: 'voltage_actual', column: { channel: `${at}.voltage`, unit: 'V' } },
    { key: 'current_actual', column: { channel: `${at}.current`, unit: 'A' } },
    { key: 'output_enabled', column: { channel: `${at}.on`, unit: '' } },
    { key: 'in_cc_mode', column: { channel: `${at}.limiting`, unit: '' } },
  ];
}

export const LOAD_FIELDS: readonly ReadingField[] = [
  { key: 'voltage', column: { channel: 'voltage', unit: 'V' } },
  { key: 'current', column: { channel: 'current', unit: 'A' } },
  { key: 'power', column: { channel: 'power', unit: 'W' } },
  { key: 'load_enabled', column: { channel: 'on', unit: '' } },
];

export const MEASUREMENT_FIELDS: readonly ReadingField[] = [
  ['vpp', 'V'],
  ['vmax', 'V'],
  ['vmin', 'V'],
  ['vavg', 'V'],
  ['vrms', 'V'],
  ['freq', 'Hz'],
  ['period', 's'],
].map(([key = '', unit = '']) => ({ key, column: { channel: `ch1.${key}`, unit } }));

const UNITS: readonly [RegExp, string][] = [
  [/volt|^v/i, 'V'],
  [/curr|amp/i, 'A'],
  [/power|watt/i, 'W'],
  [/resist|ohm/i, 'Ohm'],
  [/freq/i, 'Hz'],
  [/period|time/i, 's'],
  [/temp/i, 'degC'],
];

/** Quantities of equipment no driver is known of: every number and switch of its first reading, at most 32. */
export function guessFields(data: Readonly<Record<string, unknown>>): ReadingField[] {
  const fields: ReadingField[] = [];
  for (const [key, value] of Object.entries(data)) {
    if (key === 'channel' || key === 'timestamp' || !/^[a-z][a-z0-9_]{0,40}$/i.test(key)) continue;
    if (typeof value !== 'number' && typeof value !== 'boolean') continue;
    const unit = typeof value === 'boolean' ? '' : (UNITS.find(([pattern]) => pattern.test(key))?.[1] ?? '');
    fields.push({ key, column: { channel: key, unit } });
    if (fields.length === 32) break;
  }
  return fields;
}

/** The quantities of one reading, one row: a missing one is NaN, a switch 0 or 1. false: the reading has none of them. */
export function readFields(
  fields: readonly ReadingField[],
  data: Readonly<Record<string, unknown>>,
  columns: readonly Float64Array[],
): boolean {
  let isAny = false;
  fields.forEach(({ key }, index) => {
    const column = columns[index];
    if (!column) return;
    const value = data[key];
    column[0] = typeof value === 'number' ? value : typeof value === 'boolean' ? Number(value) : Number.NaN;
    isAny ||= value !== undefined && value !== null;
  });
  return isAny;
}
