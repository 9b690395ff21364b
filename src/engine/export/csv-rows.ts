import { channelId } from '../../core/stream-info.ts';
import type { Recording } from '../recording/recording.ts';
import type { RecordedChannel, RecordedStream } from '../recording/recording-info.ts';
import { csvField, csvNumber, IsoTime, secondsText } from './csv-text.ts';
import { RowCursor } from './row-cursor.ts';

export interface CsvRange {
  /** Channel ids; absent: all. */
  channels?: readonly string[] | undefined;
  /** ns since 1970; rows in [from, to). */
  fromNs?: bigint | undefined;
  toNs?: bigint | undefined;
}

/** Text is handed on in pieces of about this size. */
const PIECE_CHARACTERS = 1 << 18;
const LINE_END = '\r\n';

/** A column of a stream and where it goes in the line. */
interface Field {
  from: number;
  to: number;
  gain: number;
  offset: number;
}

interface Source {
  cursor: RowCursor;
  fields: Field[];
}

export interface CsvPiece {
  text: string;
  /** Lines so far, without the header. */
  rows: number;
  /** 0…1: how far along the recording it is. */
  share: number;
}

/**
 * A recording as CSV, piece by piece: a line for each distinct time at which anything was measured, streams of different clocks merged as
 * measured (nothing interpolated, nothing repeated: a channel without a row at that time is empty). One chunk per stream is in memory.
 * @throws LabError recording.malformed for a damaged chunk
 */
export async function* csvPieces(recording: Recording, range: CsvRange = {}): AsyncGenerator<CsvPiece> {
  const { info } = recording;
  const channels = info.channels.filter((channel) => !range.channels || range.channels.includes(channel.id));
  const baseNs = info.startedNs;
  const fromNs = range.fromNs === undefined ? Number.NEGATIVE_INFINITY : Number(range.fromNs - baseNs);
  const toNs = range.toNs === undefined ? Number.POSITIVE_INFINITY : Number(range.toNs - baseNs);
  const sources: Source[] = [];
  for (const stream of recording.streams) {
    const fields = fieldsOf(stream, channels);
    if (fields.length > 0)
      sources.push({ cursor: new RowCursor(recording, stream, baseNs, range.fromNs, range.toNs), fields });
  }
  for (const { cursor } of sources) await cursor.load();

  const iso = new IsoTime(baseNs);
  const spanNs = Math.max(1, Number(info.toNs - baseNs));
  const cells = new Array<string>(channels.length).fill('');
  let text = header(channels);
  let rows = 0;
  for (;;) {
    let timeNs = Number.POSITIVE_INFINITY;
    for (const { cursor } of sources) if (cursor.timeNs < timeNs) timeNs = cursor.timeNs;
    if (timeNs === Number.POSITIVE_INFINITY) break;
    const isWanted = timeNs >= fromNs && timeNs < toNs;
    if (isWanted) cells.fill('');
    for (const { cursor, fields } of sources) {
      if (cursor.timeNs !== timeNs) continue;
      if (isWanted) fillCells(cells, cursor, fields);
      if (!cursor.advance()) await cursor.load();
    }
    if (!isWanted) continue;
    rows++;
    text += `${iso.text(timeNs)},${secondsText(timeNs)},${cells.join(',')}${LINE_END}`;
    if (text.length >= PIECE_CHARACTERS) {
      yield { text, rows, share: Math.min(1, timeNs / spanNs) };
      text = '';
    }
  }
  yield { text, rows, share: 1 };
}

function fillCells(cells: string[], cursor: RowCursor, fields: Field[]): void {
  const { batch, row } = cursor;
  for (const { from, to, gain, offset } of fields) {
    const column = batch?.columns[from];
    if (!column) continue;
    const value = column[row] ?? Number.NaN;
    const isScaled = gain !== 1 || offset !== 0;
    // A scaled Float32 is no Float32 any more; nine digits are all it ever had.
    const shown = isScaled ? gain * value + offset : value;
    const isFloat64 = column instanceof Float64Array;
    cells[to] =
      isScaled && !isFloat64 && Number.isFinite(shown)
        ? String(Number(shown.toPrecision(9)))
        : csvNumber(shown, isFloat64);
  }
}

function fieldsOf({ info }: RecordedStream, channels: RecordedChannel[]): Field[] {
  return info.columns.flatMap((column, from) => {
    const id = channelId(info.instrument, column.channel);
    const to = channels.findIndex((channel) => channel.id === id && channel.unit === column.unit);
    const channel = channels[to];
    return channel ? [{ from, to, ...channel.scale }] : [];
  });
}

function header(channels: RecordedChannel[]): string {
  const names = channels.map(({ id, unit, shownUnit }) => {
    const symbol = shownUnit === '' ? unit : shownUnit;
    return csvField(symbol === '' ? id : `${id} [${symbol}]`);
  });
  return `${['time', 'elapsed [s]', ...names].join(',')}${LINE_END}`;
}
