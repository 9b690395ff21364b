import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { unzipSync } from 'fflate';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  AUX,
  DAQ,
  FORMULA_STREAMS,
  type FormulaStream,
  recordFormula,
  SCOPE,
  SEGMENT,
  SEGMENT_ROWS,
  SUPPLY,
  shown,
  spanNs,
  triggerNs,
} from '../../../test/fixtures/formula-recording.ts';
import { START_NS } from '../../../test/fixtures/recording-source.ts';
import { syncZstd } from '../../../test/fixtures/sync-zstd.ts';
import type { ExportChoices, ExportFormat } from '../../contract/export-schema.ts';
import { channelId, measuredColumns } from '../../core/stream-info.ts';
import { openRecording } from '../recording/recording.ts';
import { verifyRecording } from '../recording/verify.ts';
import { type ExportResult, type ExportTask, exportFile } from './export-file.ts';

let folder: string;
let path: string;
let count = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-formats-'));
  path = await recordFormula(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(
  format: ExportFormat,
  options: ExportChoices = {},
  more: Partial<ExportTask> = {},
): Promise<ExportResult & { out: string }> {
  const out = join(folder, `out-${count++}.${format === 'mcap' ? 'mcap' : 'out'}`);
  const result = await exportFile({ path, out, format, options, ...more });
  return { out: more.out ?? out, ...result };
}

interface Expected {
  timeNs: bigint;
  /** By channel id; only of streams that have a row then. */
  values: Map<string, number>;
}

/** The rows of the merged table, from the formula. */
function expectedRows(streams: readonly FormulaStream[] = FORMULA_STREAMS): Expected[] {
  const rows = new Map<bigint, Map<string, number>>();
  for (const stream of streams) {
    for (const row of stream.rows) {
      const timeNs = stream.timeNs(row);
      const values = rows.get(timeNs) ?? new Map<string, number>();
      rows.set(timeNs, values);
      for (const [column, { channel }] of measuredColumns(stream.info).entries()) {
        values.set(channelId(stream.info.instrument, channel), shown(stream, row, column));
      }
    }
  }
  return [...rows].map(([timeNs, values]) => ({ timeNs, values })).sort((a, b) => (a.timeNs < b.timeNs ? -1 : 1));
}

const CHANNELS = ['daq/ai0', 'daq/ai1', 'daq/ai2', 'aux/temp', 'supply/ch1.voltage', 'supply/ch1.current', 'scope/ch1'];
const FLOAT32 = new Set(['daq/ai0', 'daq/ai1', 'daq/ai2', 'scope/ch1']);

function isoOf(timeNs: bigint): string {
  const rest = String(timeNs % 1_000_000_000n).padStart(9, '0');
  return `${new Date(Number(timeNs / 1_000_000n)).toISOString().slice(0, 19)}.${rest}Z`;
}

/** The shortest decimal that gives the same Float32 back. */
function float32(value: number): string {
  const digits = [1, 2, 3, 4, 5, 6, 7, 8, 9].find((count) => Math.fround(Number(value.toPrecision(count))) === value);
  return String(Number(value.toPrecision(digits)));
}

/** A value as a text gives it: of a Float32 the number that decimal stands for. */
function read(channel: string, value: number): number {
  return FLOAT32.has(channel) ? Math.fround(value) : value;
}

describe('JSON Lines', () => {
  it('have an object a row, with the streams that have one, null for missing and OL for overload', async () => {
    const { out, rows } = await run('jsonl');
    const lines = (await readFile(out, 'utf8')).trimEnd().split('\n');
    const expected = expectedRows();
    expect(rows).toBe(expected.length);
    expect(lines).toHaveLength(expected.length);
    for (const [index, { timeNs, values }] of expected.entries()) {
      const { time, elapsed_s, ...cells } = JSON.parse(lines[index] ?? '') as Record<string, unknown>;
      const found = Object.entries(cells).map(([name, cell]) => {
        const value = cell === null ? Number.NaN : cell === 'OL' ? Infinity : cell === '-OL' ? -Infinity : Number(cell);
        return [name, read(name, value)];
      });
      const wanted = [...values];
      const isSame =
        found.length === wanted.length &&
        found.every(([name, value], at) => name === wanted[at]?.[0] && Object.is(value, wanted[at]?.[1]));
      if (!isSame || time !== isoOf(timeNs) || elapsed_s !== Number(timeNs - START_NS) / 1e9)
        throw new Error(`${lines[index]}`);
    }
  });

  it('have an object a value in the long shape', async () => {
    const { out, rows } = await run('jsonl', { shape: 'long', provenance: true });
    const lines = (await readFile(out, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const values = FORMULA_STREAMS.reduce(
      (sum, { rows: own, info }) => sum + own.length * measuredColumns(info).length,
      0,
    );
    expect([rows, lines.length]).toEqual([values, values]);
    expect(lines.find(({ channel }) => channel === 'supply/ch1.current')).toEqual({
      time: isoOf(SUPPLY.timeNs(0)),
      elapsed_s: 1e-9,
      channel: 'supply/ch1.current',
      value: SUPPLY.sample(0, 1),
      unit: 'A',
      sent: isoOf(SUPPLY.timeNs(0) - 1_000_000n),
      received: isoOf(SUPPLY.timeNs(0) + 1_000_000n),
    });
    expect(lines.find(({ channel }) => channel === 'daq/ai1')).toMatchObject({
      unit: 'bar',
      sent: null,
      received: null,
    });
  });
});

describe('JSON', () => {
  it('is one document with what the recording is', async () => {
    const { out } = await run('json', {}, { channels: ['aux/temp', 'daq/ai1'] });
    const document = JSON.parse(await readFile(out, 'utf8'));
    expect(document).toMatchObject({
      format: 'labwire-export',
      recording: { name: 'formula', complete: true, notes: 'values by formula' },
      merge: 'as measured',
      channels: [
        { id: 'daq/ai1', label: 'Pressure', unit: 'bar', sampleUnit: 'V', gain: 2, offset: 1 },
        { id: 'aux/temp', unit: 'degC' },
      ],
      gaps: [{ stream: 'daq/data', lost: 500, reason: 'cable out', from: isoOf(DAQ.timeNs(1999)) }],
      columns: [
        { name: 'time', unit: '' },
        { name: 'elapsed_s', unit: 's' },
        { name: 'daq/ai1', unit: 'bar' },
        { name: 'aux/temp', unit: 'degC' },
      ],
    });
    expect(document.events.map(({ kind }: { kind: string }) => kind)).toContain('note');
    const expected = expectedRows([DAQ, AUX]);
    expect(document.rows).toHaveLength(expected.length);
    for (const [index, { timeNs, values }] of expected.entries()) {
      const [time, , pressure, temp] = document.rows[index];
      const cell = (id: string): unknown => {
        const value = values.get(id) ?? Number.NaN;
        if (Number.isFinite(value)) return value;
        return Number.isNaN(value) ? null : value > 0 ? 'OL' : '-OL';
      };
      const isSame = time === isoOf(timeNs) && temp === cell('aux/temp');
      if (!isSame || (typeof pressure === 'number' ? Math.fround(pressure) : pressure) !== cell('daq/ai1'))
        throw new Error(`row ${index}: ${document.rows[index]}`);
    }
  });
});

describe('CSV', () => {
  it('in the German way, with a row of units', async () => {
    const range = { fromNs: DAQ.timeNs(3), toNs: DAQ.timeNs(6) };
    const { out } = await run(
      'csv',
      { separator: ';', decimal: ',', unitsRow: true },
      { ...range, channels: ['aux/temp', 'daq/ai1'] },
    );
    const comma = (text: string): string => text.replace('.', ',');
    expect((await readFile(out, 'utf8')).split('\r\n')).toEqual([
      'time;elapsed;daq/ai1;aux/temp',
      ';s;bar;degC',
      `2023-11-14T22:13:20.003000000Z;0,003000000;${comma(float32(shown(DAQ, 3, 1)))};${comma(String(shown(AUX, 1, 0)))}`,
      `2023-11-14T22:13:20.004000000Z;0,004000000;${comma(float32(shown(DAQ, 4, 1)))};`,
      `2023-11-14T22:13:20.005000000Z;0,005000000;${comma(float32(shown(DAQ, 5, 1)))};`,
      '',
    ]);
  });

  it('in the long shape, with tabs', async () => {
    const range = { fromNs: DAQ.timeNs(7), toNs: DAQ.timeNs(8) };
    const { out, rows } = await run(
      'csv',
      { shape: 'long', separator: 'tab' },
      { ...range, channels: ['daq/ai0', 'daq/ai1'] },
    );
    expect(rows).toBe(2);
    expect((await readFile(out, 'utf8')).split('\r\n')).toEqual([
      'time\telapsed [s]\tchannel\tvalue\tunit',
      `2023-11-14T22:13:20.007000000Z\t0.007000000\tdaq/ai0\t${float32(shown(DAQ, 7, 0))}\tV`,
      '2023-11-14T22:13:20.007000000Z\t0.007000000\tdaq/ai1\tOL\tbar',
      '',
    ]);
  });

  it('with the times of sending and receiving, to the nanosecond', async () => {
    const { out } = await run('csv', { provenance: true }, { channels: ['supply/ch1.voltage'] });
    const [head, ...lines] = (await readFile(out, 'utf8')).trimEnd().split('\r\n');
    expect(head).toBe('time,elapsed [s],supply/ch1.voltage [V],supply/polled sent,supply/polled received');
    expect(lines).toHaveLength(SUPPLY.rows.length);
    for (const row of SUPPLY.rows) {
      const [time, , , sent, received] = lines[row]?.split(',') ?? [];
      // An odd span has its half ns on the side of receiving.
      const half = BigInt(Math.floor(spanNs(row) / 2));
      const timeNs = SUPPLY.timeNs(row);
      expect([time, sent, received]).toEqual([timeNs, timeNs - half, timeNs - half + BigInt(spanNs(row))].map(isoOf));
    }
  });

  it('cannot part fields by the decimal sign, nor say when an interpolated value was sent for', async () => {
    const before = await readdir(folder);
    await expect(run('csv', { decimal: ',' })).rejects.toMatchObject({ code: 'export.unsupported' });
    await expect(run('csv', { merge: 'interpolated', provenance: true })).rejects.toMatchObject({
      code: 'export.unsupported',
    });
    expect(await readdir(folder)).toEqual(before);
  });
});

describe('Parquet', () => {
  for (const compression of ['none', 'zstd', 'lz4'] as const) {
    it(`is read by hyparquet, packed: ${compression}`, async () => {
      const { out, rows } = await run('parquet', { compression });
      const file = await asyncBufferFromFile(out);
      const metadata = await parquetMetadataAsync(file);
      const expected = expectedRows();
      expect(Number(metadata.num_rows)).toBe(rows);
      expect(rows).toBe(expected.length);
      const facts = JSON.parse(metadata.key_value_metadata?.find(({ key }) => key === 'labwire')?.value ?? '');
      expect(facts.channels.map(({ name }: { name: string }) => name)).toEqual(CHANNELS);
      const compressors = await unpackers();
      const parsers = { timestampFromNanoseconds: (ns: bigint) => ns as unknown as Date };
      const found = await parquetReadObjects({ file, metadata, compressors, parsers });
      for (const [index, { timeNs, values }] of expected.entries()) {
        const { time, ...cells } = found[index] ?? {};
        const wanted = CHANNELS.map((id) => values.get(id) ?? Number.NaN).map((value) =>
          Number.isNaN(value) ? undefined : value,
        );
        const isSame = CHANNELS.every((id, at) => (cells[id] ?? undefined) === wanted[at]);
        if (time !== timeNs || !isSame) throw new Error(`row ${index}: ${JSON.stringify(cells)} not ${wanted}`);
      }
      const statistics = metadata.row_groups[0]?.columns.find(
        ({ meta_data }) => meta_data?.path_in_schema[0] === 'daq/ai1',
      )?.meta_data?.statistics;
      const all = expected.map(({ values }) => values.get('daq/ai1') ?? Number.NaN);
      expect(statistics).toMatchObject({
        min_value: -Infinity,
        max_value: Infinity,
        null_count: BigInt(all.filter(Number.isNaN).length),
      });
    });
  }
});

describe('Parquet in the long shape', () => {
  it('has a row a value, channels and units by name', async () => {
    for (const compression of ['none', 'zstd'] as const) {
      const { out, rows } = await run('parquet', { shape: 'long', provenance: true, compression });
      const file = await asyncBufferFromFile(out);
      const parsers = { timestampFromNanoseconds: (ns: bigint) => ns as unknown as Date };
      const found = await parquetReadObjects({ file, compressors: await unpackers(), parsers });
      const expected = expectedRows().flatMap(({ timeNs, values }) =>
        CHANNELS.filter((id) => values.has(id)).map((id) => ({
          time: timeNs,
          channel: id,
          value: values.get(id) ?? Number.NaN,
        })),
      );
      expect([rows, found.length]).toEqual([expected.length, expected.length]);
      for (const [index, { time, channel, value }] of expected.entries()) {
        const cell = found[index] ?? {};
        const isSame = cell.time === time && cell.channel === channel && (cell.value ?? Number.NaN) === value;
        if (!isSame && !(Number.isNaN(value) && cell.value == null && cell.time === time))
          throw new Error(`row ${index}: ${cell.channel}`);
      }
      expect(found.find(({ channel }) => channel === 'daq/ai1')).toMatchObject({ unit: 'bar' });
      const polled = found.filter(({ channel }) => channel === 'supply/ch1.voltage');
      expect(polled.map(({ sent }) => sent)).toEqual(
        SUPPLY.rows.map((row) => SUPPLY.timeNs(row) - BigInt(Math.floor(spanNs(row) / 2))),
      );
    }
  });
});

async function unpackers(): Promise<NonNullable<Parameters<typeof parquetReadObjects>[0]['compressors']>> {
  const { decompress } = await syncZstd();
  const lz4 = await import('lz4-napi');
  const sized = (bytes: Uint8Array, length: number): Uint8Array => {
    const framed = new Uint8Array(4 + bytes.byteLength);
    new DataView(framed.buffer).setUint32(0, length, true);
    framed.set(bytes, 4);
    return framed;
  };
  return {
    ZSTD: decompress,
    LZ4_RAW: (bytes, length) => lz4.uncompressSync(sized(bytes, length)),
  };
}

describe('HDF5', () => {
  it('is read by h5wasm: a group a stream, with times, gaps, segments and events', async () => {
    const { out, rows } = await run('hdf5', { provenance: true });
    expect(rows).toBe(FORMULA_STREAMS.reduce((sum, stream) => sum + stream.rows.length, 0));
    const hdf5 = await import('h5wasm/node');
    await hdf5.ready;
    const file = new hdf5.File(out, 'r');
    try {
      const at = (name: string): (number | bigint)[] => {
        const entity = file.get(name);
        if (!(entity instanceof hdf5.Dataset)) throw new Error(`${name} is no dataset`);
        return Array.from(entity.value as ArrayLike<number | bigint>);
      };
      for (const stream of FORMULA_STREAMS) {
        const times = at(`${stream.info.key}/time_ns`);
        expect(times.length).toBe(stream.rows.length);
        for (const [column, { channel }] of measuredColumns(stream.info).entries()) {
          const values = at(`${stream.info.key}/${channel}`);
          for (const [index, row] of stream.rows.entries()) {
            if (times[index] !== stream.timeNs(row) || !Object.is(values[index], shown(stream, row, column)))
              throw new Error(`${stream.info.key} ${channel} row ${row}: ${times[index]} ${values[index]}`);
          }
        }
      }
      expect([...at('daq/data/gap_rows')]).toEqual([2000n]);
      expect([...at('scope/waveform/segment_rows')]).toEqual(
        [0, 1, 2].map((segment) => BigInt(segment * SEGMENT_ROWS)),
      );
      expect([...at('scope/waveform/segment_t0_ns')]).toEqual([0, 1, 2].map(triggerNs));
      expect([...at('scope/waveform/segment_x0_s')]).toEqual([SEGMENT.x0S, SEGMENT.x0S, SEGMENT.x0S]);
      expect([...at('scope/waveform/segment_dt_s')]).toEqual([SEGMENT.dtS, SEGMENT.dtS, SEGMENT.dtS]);
      expect(at('supply/polled/sent_ns')[3]).toBe(SUPPLY.timeNs(3) - BigInt(Math.floor(spanNs(3) / 2)));
      const pressure = file.get('daq/data/ai1');
      if (!(pressure instanceof hdf5.Dataset)) throw new Error('no dataset');
      const attributes = Object.entries(pressure.attrs).map(([name, { value }]) => [name, value]);
      expect(Object.fromEntries(attributes)).toMatchObject({
        channel: 'daq/ai1',
        unit: 'bar',
        label: 'Pressure',
        gain: 2,
        offset: 1,
      });
      const kinds = at('events/kind') as unknown as string[];
      const texts = at('events/text') as unknown as string[];
      expect(texts[kinds.indexOf('note')]).toBe('a note, "quoted"');
    } finally {
      file.close();
    }
  });
});

/** An array of one dimension from the bytes of a .npy file. */
function npyArray(bytes: Uint8Array): ArrayLike<number | bigint> {
  const header = new TextDecoder().decode(bytes.subarray(10, 10 + (bytes[8] ?? 0) + 256 * (bytes[9] ?? 0)));
  const data = bytes.slice(10 + (bytes[8] ?? 0) + 256 * (bytes[9] ?? 0)).buffer;
  if (header.includes("'<i8'")) return new BigInt64Array(data);
  return header.includes("'<f8'") ? new Float64Array(data) : new Float32Array(data);
}

describe('npz', () => {
  it('holds the rows of a range, cut to the nanosecond, of some channels', async () => {
    // From the trigger of the second waveform on: 50 of its rows lie before that.
    const range = { fromNs: triggerNs(1), toNs: DAQ.timeNs(2502) };
    const { out, rows } = await run('npz', {}, { ...range, channels: ['daq/ai2', 'scope/ch1'] });
    const members = unzipSync(await readFile(out));
    expect(rows).toBe(499 + 2 + SEGMENT_ROWS - 50);
    expect(Object.keys(members)).toEqual([
      'labwire.json',
      'daq/data/time_ns.npy',
      'daq/data/ai2.npy',
      'daq/data/gap_rows.npy',
      'scope/waveform/time_ns.npy',
      'scope/waveform/ch1.npy',
      'scope/waveform/segment_rows.npy',
      'scope/waveform/segment_t0_ns.npy',
      'scope/waveform/segment_x0_s.npy',
      'scope/waveform/segment_dt_s.npy',
    ]);
    const array = (name: string): (number | bigint)[] => Array.from(npyArray(members[name] ?? new Uint8Array(16)));
    const kept = DAQ.rows.filter((row) => row > 1500 && row < 2502);
    expect(array('daq/data/time_ns.npy')).toEqual(kept.map(DAQ.timeNs));
    expect(array('daq/data/ai2.npy')).toEqual(kept.map((row) => shown(DAQ, row, 2)));
    expect(array('daq/data/gap_rows.npy')).toEqual([499n]);
    expect(array('scope/waveform/time_ns.npy')[0]).toBe(triggerNs(1));
    expect(array('scope/waveform/ch1.npy')).toEqual(
      SCOPE.rows.slice(SEGMENT_ROWS + 50, 2 * SEGMENT_ROWS).map((row) => shown(SCOPE, row, 0)),
    );
    expect(array('scope/waveform/segment_t0_ns.npy')).toEqual([triggerNs(1)]);
    expect(array('scope/waveform/segment_x0_s.npy')).toEqual([SEGMENT.x0S + 50 * SEGMENT.dtS]);
  });
});

describe('WAV', () => {
  it('holds samples of one stream, with silence for what is missing', async () => {
    const { out, notes, rows } = await run('wav', { fullScale: 4096 }, { channels: ['daq/ai0', 'daq/ai1'] });
    const bytes = await readFile(out);
    expect(rows).toBe(DAQ.rows.length);
    expect([bytes.toString('latin1', 0, 4), bytes.toString('latin1', 8, 12)]).toEqual(['RIFF', 'WAVE']);
    expect(bytes.readUInt32LE(4)).toBe(bytes.byteLength - 8);
    const format = bytes.indexOf('fmt ');
    expect(
      [8, 10, 12, 16, 20, 22].map((at) =>
        at === 12 || at === 16 ? bytes.readUInt32LE(format + at) : bytes.readUInt16LE(format + at),
      ),
    ).toEqual([3, 2, 1000, 8000, 8, 32]);
    const data = bytes.indexOf('data');
    // 5000 rows, 500 of them lost, two channels of four bytes.
    expect(bytes.readUInt32LE(data + 4)).toBe(5000 * 8);
    const present = new Set(DAQ.rows);
    for (let row = 0; row < 5000; row++) {
      for (const channel of [0, 1]) {
        const sample = bytes.readFloatLE(data + 8 + row * 8 + channel * 4);
        const value = present.has(row) ? shown(DAQ, row, channel) : Number.NaN;
        const wanted = Number.isNaN(value) ? 0 : Number.isFinite(value) ? Math.fround(value / 4096) : Math.sign(value);
        if (sample !== wanted) throw new Error(`row ${row} channel ${channel}: ${sample} not ${wanted}`);
      }
    }
    expect(notes.join(' ')).toContain('500 frames of silence');
    const comment = JSON.parse(bytes.toString('utf8', bytes.indexOf('ICMT') + 8).split('\0')[0] ?? '');
    expect(comment).toMatchObject({
      t0: isoOf(START_NS),
      rateHz: 1000,
      silentFrames: 500,
      fullScale: [{ channel: 'daq/ai0', value: 4096, unit: 'V' }, { unit: 'bar' }],
    });
  });

  it('of several streams is a ZIP file of them, if it is called so', async () => {
    const out = join(folder, 'several.zip');
    const { notes } = await run('wav', { wavSamples: 'pcm16' }, { out });
    expect(Object.keys(unzipSync(await readFile(out)))).toEqual(['daq data.wav', 'aux data.wav']);
    expect(notes[0]).toContain('supply/ch1.voltage');
  });

  it('refuses what has no even rate, and more streams than it can hold', async () => {
    await expect(run('wav', {}, { channels: ['daq/ai0', 'supply/ch1.voltage'] })).rejects.toMatchObject({
      code: 'export.unsupported',
      message: expect.stringContaining('supply/ch1.voltage'),
    });
    await expect(run('wav', {}, { channels: ['scope/ch1'] })).rejects.toMatchObject({ code: 'export.unsupported' });
    await expect(run('wav')).rejects.toMatchObject({
      code: 'export.unsupported',
      message: expect.stringContaining('.zip'),
    });
  });
});

describe('MCAP', () => {
  it('is a recording of its own: samples, times, row numbers, events and loss as they were', async () => {
    const { out, rows } = await run('mcap', { compression: 'lz4', plainMessages: true });
    await using copy = await openRecording(out);
    await using source = await openRecording(path);
    expect(copy.info.id).not.toBe(source.info.id);
    expect(await verifyRecording(copy)).toMatchObject({ ok: true, lost: 500 });
    expect(copy.info).toMatchObject({
      name: 'formula',
      complete: true,
      channels: source.info.channels,
      gaps: source.info.gaps,
    });
    expect(copy.info.events.find(({ kind }) => kind === 'note')).toEqual(
      source.info.events.find(({ kind }) => kind === 'note'),
    );
    expect(rows).toBe(FORMULA_STREAMS.reduce((sum, stream) => sum + stream.rows.length, 0));
    for (const stream of FORMULA_STREAMS) {
      const number = copy.streams.find(({ info }) => info.key === stream.info.key)?.info.id ?? 0;
      let at = 0;
      for await (const batch of copy.batches({ streams: [number] })) {
        for (let row = 0; row < batch.rows; row++, at++) {
          const seconds = batch.times?.[row] ?? batch.xOriginS + row * batch.dtS;
          const timeNs = batch.t0Ns + BigInt(Math.round(seconds * 1e9));
          const isSame = batch.columns.every((column, index) => {
            const sample = stream.sample(batch.seq + row, index);
            return Object.is(column[row], stream.isFloat64 ? sample : Math.fround(sample));
          });
          if (batch.seq + row !== stream.rows[at] || timeNs !== stream.timeNs(batch.seq + row) || !isSame)
            throw new Error(`${stream.info.key} row ${batch.seq + row}`);
        }
      }
      expect(at).toBe(stream.rows.length);
    }
  });

  it('of a range and some channels holds these', async () => {
    const range = { fromNs: DAQ.timeNs(1995), toNs: DAQ.timeNs(2502) };
    const { out } = await run('mcap', {}, { ...range, channels: ['daq/ai2', 'supply/ch1.voltage'] });
    await using copy = await openRecording(out);
    expect(
      copy.streams.map(({ info, rows, lost }) => [info.key, info.columns.map(({ channel }) => channel), rows, lost]),
    ).toEqual([
      ['daq/data', ['ai2'], 7, 500],
      ['supply/polled', ['ch1.voltage', '~uncertainty'], 6, 0],
    ]);
    const seqs: number[] = [];
    for await (const batch of copy.batches({ streams: [1] })) {
      for (let row = 0; row < batch.rows; row++) {
        seqs.push(batch.seq + row);
        expect(batch.columns[0]?.[row]).toBe(DAQ.sample(batch.seq + row, 2));
      }
    }
    expect(seqs).toEqual([1995, 1996, 1997, 1998, 1999, 2500, 2501]);
    expect(copy.info.startedNs).toBe(range.fromNs);
    expect((await verifyRecording(copy)).ok).toBe(true);
  });
});

describe('messages', () => {
  it('are those a live session would have had, turning the page', async () => {
    const out = join(folder, 'messages.jsonl');
    const options = { rotateBytes: 20_000 };
    const { paths, rows } = await run('lablink-jsonl', options, { out, channels: ['supply/ch1.voltage', 'daq/ai2'] });
    expect(paths.slice(0, 2).map((one) => basename(one))).toEqual(['messages.jsonl', 'messages_0002.jsonl']);
    const files = await Promise.all(paths.map((one) => readFile(one, 'utf8')));
    for (const [part, text] of files.entries()) {
      expect(text.length).toBeLessThan(40_000);
      const head = JSON.parse(text.split('\n')[0] ?? '');
      expect(head).toMatchObject({
        type: 'metadata',
        session_id: 'formula',
        part: part + 1,
        metadata: { format: 'labwire-export' },
      });
    }
    const messages = files.flatMap((text) =>
      text
        .trimEnd()
        .split('\n')
        .slice(1)
        .map((line) => JSON.parse(line)),
    );
    expect(messages).toHaveLength(rows);
    const readings = messages.filter(({ stream_type }) => stream_type === 'readings');
    expect(readings.map(({ data }) => data['ch1.voltage'])).toEqual(SUPPLY.rows.map((row) => SUPPLY.sample(row, 0)));
    const acquired = messages.filter(({ stream_type }) => stream_type === 'acquisition');
    expect(acquired.flatMap(({ data }) => data.channels.ai2)).toEqual(DAQ.rows.map((row) => DAQ.sample(row, 2)));
    expect(messages.filter(({ type }) => type === 'event').map(({ event_type }) => event_type)).toContain('note');
  });

  it('in the other formats, packed', async () => {
    const channels = ['supply/ch1.voltage'];
    // Start, note, stop; the gap is of another stream.
    const events = 3;
    const json = JSON.parse(
      gunzipSync(
        await readFile((await run('lablink-json', { gzip: true, metadata: false }, { channels })).out),
      ).toString(),
    );
    expect(json).toHaveLength(SUPPLY.rows.length + events);
    const csv = gunzipSync(await readFile((await run('lablink-csv', { gzip: true }, { channels })).out)).toString();
    expect(csv.trimEnd().split('\r\n')).toHaveLength(2 + SUPPLY.rows.length + events);
    const binary = await readFile((await run('lablink-binary', { timestamps: false }, { channels })).out);
    let messages = 0;
    for (let at = 0; at < binary.byteLength; at += 4 + binary.readUInt32BE(at)) {
      expect(JSON.parse(binary.toString('utf8', at + 4, at + 4 + binary.readUInt32BE(at)))).not.toHaveProperty(
        '_timestamp',
      );
      messages++;
    }
    expect(messages).toBe(1 + SUPPLY.rows.length + events);
  });
});

describe('an export in any format', () => {
  const FORMATS: ExportFormat[] = [
    'csv',
    'jsonl',
    'json',
    'parquet',
    'hdf5',
    'npy',
    'npz',
    'wav',
    'mcap',
    'svg',
    'png',
  ];

  it('that is cancelled or cannot be written leaves nothing, and what was there stays', async () => {
    for (const format of FORMATS) {
      const place = await mkdtemp(join(folder, 'cancel-'));
      const out = join(place, format === 'mcap' ? 'new.mcap' : 'old');
      if (format !== 'mcap') await writeFile(out, 'old');
      const abort = new AbortController();
      const onProgress = (share: number): void => {
        if (share > 0) abort.abort();
      };
      const channels = format === 'wav' ? { channels: ['daq/ai0'] } : {};
      const running = exportFile({ path, out, format, ...channels }, { signal: abort.signal, onProgress });
      await expect(running, format).rejects.toMatchObject({ code: 'call.cancelled' });
      expect(await readdir(place), format).toEqual(format === 'mcap' ? [] : ['old']);
      const nowhere = exportFile({ path, out: join(place, 'no', 'x.mcap'), format, ...channels });
      await expect(nowhere, format).rejects.toMatchObject({
        code: format === 'mcap' ? 'export.failed' : 'call.invalid',
      });
    }
  });

  it('refuses what the format cannot do', async () => {
    await expect(run('npy', { shape: 'long' })).rejects.toMatchObject({ code: 'export.unsupported' });
    await expect(run('hdf5', { merge: 'nearest' })).rejects.toMatchObject({ code: 'export.unsupported' });
  });

  it('of a range without rows is a whole file without rows', async () => {
    const range = { fromNs: START_NS - 10n, toNs: START_NS - 5n };
    for (const format of FORMATS.filter((one) => one !== 'wav')) {
      const { rows, bytes } = await run(format, {}, range);
      expect([format, rows, bytes > 0]).toEqual([format, 0, format !== 'jsonl']);
    }
  });
});
