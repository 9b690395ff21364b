/** One quantity of an instrument with one unit; its name never changes (a label may). */
export interface ColumnInfo {
  /** `ch1.voltage`; with the instrument id before it the channel id: `instrument/ch1.voltage`. */
  channel: string;
  /** Unit symbol in ASCII SI (`V`, `A`, `W`, `Ohm`, `degC`, `Hz`, `s`, '' for none). */
  unit: string;
  /** Columns that come from an integer grid: value = code * scale + offset. */
  scale?: number | undefined;
  offset?: number | undefined;
  bits?: number | undefined;
  /** Resolution to show, in the unit; absent: five significant digits. */
  resolution?: number | undefined;
}

export type StreamKind = 'regular' | 'timed' | 'segment';

/**
 * One clock and one column set. Announced before its first batch; a change of unit or columns (of a regular stream: also of rate)
 * closes it and opens another with a new epoch.
 */
export interface StreamInfo {
  /** Number in this engine run (in a file: the MCAP channel id). */
  id: number;
  /** `instrument/stream`; (key, epoch, row) names a sample for ever. */
  key: string;
  instrument: string;
  /** µs since 1970 of its opening, never reused. */
  epoch: number;
  kind: StreamKind;
  columns: ColumnInfo[];
  /** Regular: rows per second as asked; timed: rounds per second asked. */
  rateHz: number;
}

/** Channel id from its parts. */
export function channelId(instrument: string, channel: string): string {
  return `${instrument}/${channel}`;
}

/** Columns that are channels: not provenance (`~uncertainty`), which is recorded with them but is no measurement of its own. */
export function measuredColumns(info: Pick<StreamInfo, 'columns'>): ColumnInfo[] {
  return info.columns.filter(({ channel }) => !channel.startsWith('~'));
}
