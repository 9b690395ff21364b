import type { Batch } from '../../core/batch.ts';
import { rowTimeNs } from '../../core/batch.ts';
import { channelId, type StreamInfo } from '../../core/stream-info.ts';
import { PLAIN_SUFFIX } from './file-layout.ts';
import { type ChannelRecord, jsonChannel, jsonSchema, type SchemaRecord } from './part-channels.ts';

export interface PlainRow {
  row: number;
  timeNs: bigint;
  /** A JSON object: `timestamp` in s since 1970 and a number per column; null: missing or overload, and then named in `overload`. */
  text: string;
}

/**
 * The rows of a stream as JSON messages, for viewers that know no batches. At most `maxHz` of them a second: of a faster stream the first row in each
 * interval.
 */
export class PlainRows {
  readonly #info: StreamInfo;
  readonly #names: string[];
  readonly #maxHz: number;
  readonly #intervalNs: number;
  /** Number of the interval, since 1970, of the last row given. */
  #last: bigint | undefined;

  constructor(info: StreamInfo, maxHz: number) {
    this.#info = info;
    this.#names = plainNames(info);
    this.#maxHz = maxHz;
    this.#intervalNs = Math.max(1, Math.round(1e9 / maxHz));
  }

  /** The channel and schema under these ids. */
  records(channel: number, schema: number): { channel: ChannelRecord; schema: SchemaRecord } {
    const { key, kind, rateHz } = this.#info;
    const topic = key + PLAIN_SUFFIX;
    const isThinned = kind === 'segment' || rateHz === 0 || rateHz > this.#maxHz;
    const rows = isThinned ? `the first of each ${this.#intervalNs} ns` : 'all';
    return {
      channel: jsonChannel(channel, schema, topic, new Map([['rows', rows]])),
      schema: jsonSchema(schema, `labwire.Plain.${key}`, this.#schemaText()),
    };
  }

  /** The rows of the next batch. */
  *rows(batch: Batch): Generator<PlainRow> {
    const rateHz = this.#info.kind === 'segment' ? 1 / batch.dtS : this.#info.rateHz;
    const isThinned = rateHz === 0 || rateHz > this.#maxHz;
    const originNs = BigInt(Math.round(batch.xOriginS * 1e9));
    for (let row = 0; row < batch.rows; row = isThinned ? this.#next(batch, row, originNs) : row + 1) {
      const timeNs = rowTimeNs(batch, row) + originNs;
      if (isThinned) {
        const interval = timeNs / BigInt(this.#intervalNs);
        if (interval === this.#last) continue;
        this.#last = interval;
      }
      yield { row: batch.seq + row, timeNs, text: this.#text(batch, row, timeNs) };
    }
  }

  /** The first row after `row` that can lie in a later interval than it. */
  #next(batch: Batch, row: number, originNs: bigint): number {
    if (batch.times || batch.dtS <= 0) return row + 1;
    const intoNs = Number((rowTimeNs(batch, row) + originNs) % BigInt(this.#intervalNs));
    // One less: the time of a row is rounded to ns.
    return row + Math.max(1, Math.floor((this.#intervalNs - intoNs) / (batch.dtS * 1e9)) - 1);
  }

  #text(batch: Batch, row: number, timeNs: bigint): string {
    let text = `{"timestamp":${Number(timeNs) / 1e9}`;
    let overload = '';
    for (const [index, name] of this.#names.entries()) {
      const value = batch.columns[index]?.[row] ?? Number.NaN;
      const isNumber = Number.isFinite(value);
      text += `,"${name}":${isNumber ? value : null}`;
      if (!isNumber && !Number.isNaN(value))
        overload += `${overload === '' ? '' : ','}"${value < 0 ? '-' : ''}${name}"`;
    }
    return overload === '' ? `${text}}` : `${text},"overload":[${overload}]}`;
  }

  #schemaText(): string {
    const { instrument, columns } = this.#info;
    const properties = columns.map(({ channel, unit }, index) => [
      this.#names[index],
      { type: ['number', 'null'], title: channelId(instrument, channel), description: unit },
    ]);
    return JSON.stringify({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      title: this.#info.key,
      type: 'object',
      properties: {
        timestamp: { type: 'number', description: 's since 1970; the log time has the ns' },
        ...Object.fromEntries(properties),
        overload: {
          type: 'array',
          items: { type: 'string' },
          description: 'columns over (or, with -, under) their range',
        },
      },
    });
  }
}

/** Names that need no quoting in the paths of viewers: `ch1.voltage` is `ch1_voltage`; all different. */
function plainNames({ columns }: StreamInfo): string[] {
  const taken = new Set(['timestamp', 'overload']);
  return columns.map(({ channel }) => {
    const name = channel.replace(/[^A-Za-z0-9_]+/g, '_').replace(/^_+(?=.)/, '');
    let free = name;
    for (let number = 2; taken.has(free); number++) free = `${name}_${number}`;
    taken.add(free);
    return free;
  });
}
