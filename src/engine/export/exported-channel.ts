import { BATCH_FLAG } from '../../core/batch.ts';
import { LabError } from '../../core/errors.ts';
import { channelId } from '../../core/stream-info.ts';
import type { Recording } from '../recording/recording.ts';
import type { RecordedStream } from '../recording/recording-info.ts';

/** A channel as it is exported: its values with the scale it was recorded with, in the unit that was shown. */
export interface ExportedChannel {
  /** `instrument/ch1.voltage`. */
  id: string;
  /** The id; with the unit behind it where a channel changed its unit and so has two columns. */
  name: string;
  instrument: string;
  label: string;
  /** Of the exported values. */
  unit: string;
  /** Of the samples: exported value = gain · sample + offset. */
  sampleUnit: string;
  gain: number;
  offset: number;
  isFloat64: boolean;
  /** Rows per second as recorded. */
  rateHz: number;
}

/** A column of a stream and the channel it goes to. */
export interface ChannelField {
  /** Index of the stream's column. */
  from: number;
  /** Index of the channel. */
  to: number;
  gain: number;
  offset: number;
  isScaled: boolean;
}

/**
 * The channels of a recording, or those of them with these ids, in the order of the recording.
 * @throws LabError channel.unknown
 */
export function exportedChannels(recording: Recording, wanted?: readonly string[]): ExportedChannel[] {
  const all = recording.info.channels;
  for (const id of wanted ?? []) {
    if (all.some((channel) => channel.id === id)) continue;
    throw new LabError(
      'channel.unknown',
      `The recording has no channel ${id}. Nothing was exported. It has ${all.map((channel) => channel.id).join(', ')}.`,
      { channel: id },
    );
  }
  const wide = wideColumns(recording);
  const chosen = wanted ? all.filter(({ id }) => wanted.includes(id)) : all;
  return chosen.map(({ id, instrument, label, unit, shownUnit, scale, rateHz }) => ({
    id,
    name: all.filter((channel) => channel.id === id).length > 1 ? `${id} [${unit}]` : id,
    instrument,
    label,
    unit: shownUnit === '' ? unit : shownUnit,
    sampleUnit: unit,
    gain: scale.gain,
    offset: scale.offset,
    isFloat64: wide.has(columnKey(id, unit)),
    rateHz,
  }));
}

/** Where the columns of a stream go. */
export function fieldsOf({ info }: RecordedStream, channels: readonly ExportedChannel[]): ChannelField[] {
  return info.columns.flatMap((column, from) => {
    const id = channelId(info.instrument, column.channel);
    const to = channels.findIndex((channel) => channel.id === id && channel.sampleUnit === column.unit);
    const channel = channels[to];
    if (!channel) return [];
    const { gain, offset } = channel;
    return [{ from, to, gain, offset, isScaled: gain !== 1 || offset !== 0 }];
  });
}

function columnKey(id: string, unit: string): string {
  return `${id}\n${unit}`;
}

/** The channels of which any batch is Float64. */
function wideColumns(recording: Recording): Set<string> {
  const wide = new Set<string>();
  for (const { info } of recording.streams) {
    const chunks = recording.chunksOf(info.id);
    if (!chunks.some(({ digest }) => (digest.form & BATCH_FLAG.float64) !== 0)) continue;
    for (const { channel, unit } of info.columns) wide.add(columnKey(channelId(info.instrument, channel), unit));
  }
  return wide;
}
