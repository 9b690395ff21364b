import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type IWritable, McapWriter } from '@mcap/core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DAQ, recordFormula } from '../../../test/fixtures/formula-recording.ts';
import { bundleProgram } from '../../../test/fixtures/node-bundle.ts';
import { ABOUT, createTestClock, START_NS, STREAMED, streamedBatch } from '../../../test/fixtures/recording-source.ts';
import { syncZstd } from '../../../test/fixtures/sync-zstd.ts';
import { exportFile } from '../export/export-file.ts';
import { openRecorder } from '../recording/recorder.ts';
import type { Recording } from '../recording/recording.ts';
import { openRecording } from '../recording/recording.ts';
import { verifyRecording } from '../recording/verify.ts';
import { importFile } from './import-file.ts';
import { importRecording, temporaryFolder } from './import-recording.ts';
import type { ImportResult, ImportTask } from './import-task.ts';

let root: string;
/** The recordings folder, and the files to import. */
let folder: string;
let files: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'labwire-import-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(async () => {
  const place = await mkdtemp(join(root, 'run-'));
  [folder, files] = [join(place, 'recordings'), join(place, 'files')];
  await mkdir(folder);
  await mkdir(files);
});

async function run(path: string, more: Partial<ImportTask> = {}, signal?: AbortSignal): Promise<ImportResult> {
  const task = { path, folder, temporary: temporaryFolder(folder), known: [], appVersion: '0.1.0', ...more };
  return importFile(task, { signal });
}

async function runText(text: string | Uint8Array, name = 'table.csv'): Promise<ImportResult> {
  const path = join(files, name);
  await writeFile(path, text);
  // What a table without a zero of time counts from.
  await utimes(path, 1_600_000_000, 1_600_000_000);
  return run(path);
}

/** Rows of a recording as `stream time: values`, times in ns since 1970. */
async function rowsOf(recording: Recording): Promise<string[]> {
  const rows: string[] = [];
  for await (const batch of recording.batches()) {
    const { key } = recording.streams[batch.stream - 1]?.info ?? { key: '' };
    for (let row = 0; row < batch.rows; row++) {
      const timeNs = batch.t0Ns + BigInt(Math.round((batch.times?.[row] ?? row * batch.dtS) * 1e9));
      rows.push(`${key} ${timeNs}: ${batch.columns.map((column) => column[row]).join(' ')}`);
    }
  }
  return rows;
}

async function tableOf(
  text: string | Uint8Array,
  name?: string,
): Promise<{ rows: string[]; channels: string[]; notes: string[] }> {
  const { paths, notes } = await runText(text, name);
  await using recording = await openRecording(paths[0] ?? '');
  expect((await verifyRecording(recording)).ok).toBe(true);
  const channels = recording.info.channels.map(({ id, unit, shownUnit, scale }) => {
    return `${id} [${unit}]${shownUnit === '' ? '' : ` × ${scale.gain} ${shownUnit}`}`;
  });
  return { rows: await rowsOf(recording), channels, notes };
}

const S = 1_000_000_000n;
const FILE_NS = 1_600_000_000n * S;

describe('a recording of ours', () => {
  it('is copied with all its parts, keeps its id, and comes in once', async () => {
    const limits = { reserveBytes: 0, chunkBytes: 10_000, partBytes: 50_000 };
    const about = { ...ABOUT, channels: [] };
    const recorder = await openRecorder({ folder: files, name: 'parts', clock: createTestClock(), about, limits });
    recorder.streamOpened(STREAMED);
    for (let index = 0; index < 6; index++) recorder.batch(streamedBatch(index * 1000, 1000));
    const { paths, id } = await recorder.stop('');
    await writeFile(join(folder, 'parts.mcap'), 'something else');
    const result = await run(paths[1] ?? '');
    expect(result).toMatchObject({ recording: id, rows: 6000, notes: [] });
    expect(result.paths.map((path) => basename(path))).toEqual([
      'parts 2.mcap',
      ...paths.slice(1).map((path) => basename(path)),
    ]);
    for (const [index, path] of result.paths.entries()) {
      expect(await readFile(path)).toEqual(await readFile(paths[index] ?? ''));
    }
    expect(await readFile(join(folder, 'parts.mcap'), 'utf8')).toBe('something else');
    await expect(run(paths[0] ?? '', { known: [id] })).rejects.toMatchObject({
      code: 'import.failed',
      message: expect.stringContaining('already'),
    });
  });

  it('that was cut off comes in as it is, to be finished there', async () => {
    const path = await recordFormula(files);
    const cut = join(files, 'cut.mcap.part');
    await copyFile(path, cut);
    await truncate(cut, 100_000);
    const { paths, notes } = await run(cut);
    expect(paths.map((one) => basename(one))).toEqual(['cut.mcap.part']);
    expect(notes[0]).toContain('cut off');
  });
});

describe('a CSV table of ours', () => {
  for (const options of [{}, { separator: ';', decimal: ',', unitsRow: true }, { separator: 'tab' }] as const) {
    it(`comes back to the byte: ${JSON.stringify(options)}`, async () => {
      const source = await recordFormula(files);
      const first = join(files, 'first.csv');
      await exportFile({ path: source, out: first, format: 'csv', options });
      const { paths, notes, rows } = await run(first);
      expect(notes).toEqual([]);
      expect(rows).toBe(4500 + 1500 + 48 + 1200);
      const again = join(files, 'again.csv');
      await exportFile({ path: paths[0] ?? '', out: again, format: 'csv', options });
      const hash = async (path: string): Promise<string> =>
        createHash('sha256')
          .update(await readFile(path))
          .digest('hex');
      expect(await hash(again)).toBe(await hash(first));
    });
  }

  it('has the values of the recording, to the bit', async () => {
    const source = await recordFormula(files);
    const out = join(files, 'values.csv');
    await exportFile({ path: source, out, format: 'csv', channels: ['daq/ai2', 'aux/temp'] });
    const { paths } = await run(out);
    await using imported = await openRecording(paths[0] ?? '');
    await using original = await openRecording(source);
    for (const id of ['aux/temp', 'daq/ai2']) {
      const values = async (recording: Recording): Promise<number[]> => {
        const found: number[] = [];
        for (const { info } of recording.streams) {
          const column = info.columns.findIndex(({ channel }) => `${info.instrument}/${channel}` === id);
          if (column < 0) continue;
          for await (const batch of recording.batches({ streams: [info.id] }))
            found.push(...(batch.columns[column] ?? []));
        }
        return id === 'daq/ai2' ? found.map(Math.fround) : found;
      };
      expect(await values(imported)).toEqual(await values(original));
    }
  });
});

describe('a table of others', () => {
  it('with ISO times, units in brackets and parentheses, prefixes, missing values and overload', async () => {
    const text =
      'Timestamp,Voltage [V],"Current, coil (mA)",Mode\r\n2026-01-31 13:45:00.5,1.5,2,CC\r\n2026-01-31T13:45:01Z,NaN,OL,CV\r\n\r\n2026-01-31T15:45:02+02:00,,-inf,CV\r\n';
    const start = BigInt(Date.UTC(2026, 0, 31, 13, 45)) * 1_000_000n;
    expect(await tableOf(text)).toEqual({
      channels: ['table/Voltage [V]', 'table/Current, coil [mA] × 0.001 A'],
      rows: [
        `table/imported ${start + S / 2n}: 1.5 2`,
        `table/imported ${start + S}: NaN Infinity`,
        `table/imported ${start + 2n * S}: NaN -Infinity`,
      ],
      notes: ['Its times have no zone and were taken as UTC.', 'Columns that hold no numbers were left out: Mode.'],
    });
  });

  it('calls its channels as its head does', async () => {
    const { paths } = await runText(
      'time [s],Coil current (mA),Coil current (mA),psu/ch1.voltage [V],\n0,1,2,3,4\n1,2,3,4,5\n',
    );
    await using recording = await openRecording(paths[0] ?? '');
    expect(recording.info.channels.map(({ id, label }) => `${id}: ${label}`)).toEqual([
      'table/Coil current: Coil current',
      'table/Coil current 2: Coil current',
      'table/column 5: ',
      'psu/ch1.voltage: psu/ch1.voltage',
    ]);
  });

  it('with semicolons, decimal commas, a row of units and lines before it', async () => {
    const text = 'Instrument;DMM 7\nSerial;42\n\ntime;U;I\nms;V;A\n0,5;1,25;-0,5e-3\n1,5;2,5;1\n';
    expect(await tableOf(text)).toEqual({
      channels: ['table/U [V]', 'table/I [A]'],
      rows: [`table/imported ${FILE_NS + 500_000n}: 1.25 -0.0005`, `table/imported ${FILE_NS + 1_500_000n}: 2.5 1`],
      notes: ['Its times count from a zero that it does not tell: here, the time of the file.'],
    });
  });

  it('with times as numbers: s, ms, µs and ns since 1970 by their size, exact to the ns', async () => {
    for (const [first, second, times] of [
      ['1700000000.25', '1700000001', [1_700_000_000n * S + S / 4n, 1_700_000_001n * S]],
      ['1700000000250', '1700000001000', [1_700_000_000n * S + S / 4n, 1_700_000_001n * S]],
      ['1700000000250001', '1700000001000000', [1_700_000_000_250_001_000n, 1_700_000_001n * S]],
      ['1700000000250000001', '1700000001000000003', [1_700_000_000_250_000_001n, 1_700_000_001_000_000_003n]],
    ] as const) {
      const { rows } = await tableOf(`t\tx\n${first}\t1\n${second}\t2\n`);
      expect(rows).toEqual([`table/imported ${times[0]}: 1`, `table/imported ${times[1]}: 2`]);
    }
  });

  it('without times, without names, in UTF-16, with names behind a #', async () => {
    expect(await tableOf('1000,2\n3,4\n')).toMatchObject({
      channels: ['table/column 1 []', 'table/column 2 []'],
      rows: [`table/imported ${FILE_NS}: 1000 2`, `table/imported ${FILE_NS + S}: 3 4`],
      notes: [expect.stringContaining('no column of times')],
    });
    const utf16 = Buffer.concat([
      Buffer.from([0xff, 0xfe]),
      Buffer.from('# made by a logger\n# time [s],µ [Ω]\n0,1\n2,3\n', 'utf16le'),
    ]);
    expect(await tableOf(utf16, 'wide.txt')).toMatchObject({
      channels: ['wide/µ [Ohm]'],
      rows: [`wide/imported ${FILE_NS}: 1`, `wide/imported ${FILE_NS + 2n * S}: 3`],
    });
  });

  it('with channels of several instruments and rows out of order', async () => {
    const text = 'time [s],supply/u [V],daq/a [V]\n0,1,\n3,,30\n1,,10\n2,2,20\n';
    const { rows, notes } = await tableOf(text);
    expect(rows).toEqual([
      `supply/imported ${FILE_NS}: 1`,
      `supply/imported ${FILE_NS + 2n * S}: 2`,
      `daq/imported ${FILE_NS + S}: 10`,
      `daq/imported ${FILE_NS + 2n * S}: 20`,
      `daq/imported ${FILE_NS + 3n * S}: 30`,
    ]);
    expect(notes).toHaveLength(1);
  });

  it('larger than what is looked at, quoted over lines, comes in whole', async () => {
    const lines = Array.from({ length: 40_000 }, (_, row) => `"${row}",${row * 3}.25,"a ""b""\nc"`);
    const { rows, paths } = await runText(`time [ms],"x\ny [V]",text\n${lines.join('\r')}`);
    expect(rows).toBe(40_000);
    await using recording = await openRecording(paths[0] ?? '');
    expect(recording.info.channels.map(({ id, rateHz }) => [id, rateHz])).toEqual([['table/x_y', 1000]]);
    expect((await rowsOf(recording)).at(-1)).toBe(`table/imported ${FILE_NS + 39_999_000_000n}: 119997.25`);
  });

  it('that cannot be read says why, with the line, and leaves nothing', async () => {
    for (const [text, reason] of [
      ['time,x\n2026-01-31T00:00:00Z,1\n2026-02-30T00:00:00Z,2\n', 'line 3 has “2026-02-30T00:00:00Z”'],
      ['time [s],x\n0,1\n1,2,3\n', 'line 3 has 3 fields, and the rows before it have 2'],
      ['time [s],x\n0,1\n\n1,"a\nb"\n', 'line 4 has “a\nb” in the column “x”'],
      ['time [s],x\n0,1\n1,"2\n', 'line 3 opens a quote that is never closed'],
      [`time [s],x\n0,1\n1,"${'2'.repeat(2_000_000)}\n`, 'line 3'],
      [`time [s],x\n0,1\n1,${'2,'.repeat(6000)}\n`, 'line 3 has 6002 fields'],
      ['time [s],x\n0,1\n1e30,2\n', 'line 3 has'],
      ['time,x\n31.01.2026 10:00,1\n31.01.2026 10:01,2\n', 'its column “time” holds “31.01.2026 10:00”'],
      ['hello\nworld\n', 'none of its first 2 lines is a row of numbers'],
      ['', 'it holds no line'],
      ['time,mode\n2026-01-31T00:00:00Z,CC\n', 'none of its first 2 lines is a row of numbers'],
      ['t\n1\n2\n', 'it has no column of numbers'],
      ['\u0000\u0001\u0002 no text', 'neither an MCAP file nor text'],
    ] as const) {
      await expect(runText(text), text.slice(0, 40)).rejects.toMatchObject({
        code: 'import.failed',
        message: expect.stringContaining(reason),
      });
      expect(await readdir(folder)).toEqual([]);
    }
    await expect(run(join(files, 'none.csv'))).rejects.toMatchObject({ code: 'import.failed' });
    await expect(run(files)).rejects.toMatchObject({ code: 'import.failed' });
  });
});

class Collected implements IWritable {
  readonly pieces: Uint8Array[] = [];
  #position = 0n;

  position(): bigint {
    return this.#position;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.pieces.push(bytes.slice());
    this.#position += BigInt(bytes.byteLength);
  }
}

/** A file of the reference writer: topics with JSON, one that is none. */
async function foreignMcap(compression: '' | 'lz4' | 'zstd', useChunks = true): Promise<Uint8Array> {
  const out = new Collected();
  const pack = await packer(compression);
  const writer = new McapWriter({
    writable: out,
    useChunks,
    chunkSize: 400,
    ...(pack ? { compressChunk: (data: Uint8Array) => ({ compression, compressedData: pack(data) }) } : {}),
  });
  await writer.start({ profile: '', library: 'reference' });
  const schema = { type: 'object', properties: { voltage: { type: 'number', unit: 'V' } } };
  const data = new TextEncoder().encode(JSON.stringify(schema));
  const schemaId = await writer.registerSchema({ name: 'Reading', encoding: 'jsonschema', data });
  const metadata = new Map<string, string>();
  const json = { messageEncoding: 'json', metadata };
  const supply = await writer.registerChannel({ schemaId, topic: '/supply/ch1', ...json });
  const robot = await writer.registerChannel({ schemaId: 0, topic: 'robot/arm/imu', ...json });
  const cdr = await writer.registerChannel({ schemaId: 0, topic: 'camera', messageEncoding: 'cdr', metadata });
  const message = async (channelId: number, at: number, content: unknown): Promise<void> => {
    const logTime = START_NS + BigInt(at) * 1_000_000n;
    const bytes = typeof content === 'string' ? content : JSON.stringify(content);
    await writer.addMessage({
      channelId,
      sequence: 0,
      logTime,
      publishTime: logTime,
      data: new TextEncoder().encode(bytes),
    });
  };
  for (let at = 0; at < 40; at++) {
    await message(supply, at * 10, { voltage: at / 3, state: 'on', ...(at > 20 ? { current: -at } : {}) });
    if (at % 4 === 0)
      await message(robot, at * 10 + 1, {
        stamp: { sec: 1, nsec: 2 },
        accel: { x: at, y: null },
        joint: [at, at + 0.5],
      });
    if (at === 7) await message(robot, 72, 'no json');
    if (at === 8) await message(cdr, 80, 'xx');
  }
  await writer.end();
  return Buffer.concat(out.pieces);
}

async function packer(compression: '' | 'lz4' | 'zstd'): Promise<((data: Uint8Array) => Uint8Array) | undefined> {
  if (compression === '') return undefined;
  if (compression === 'lz4') {
    const { compressFrameSync } = await import('lz4-napi');
    return (data) => compressFrameSync(Buffer.from(data));
  }
  const { compress } = await syncZstd();
  return compress;
}

describe('an MCAP file of others', () => {
  for (const [compression, useChunks] of [
    ['', true],
    ['lz4', true],
    ['zstd', true],
    ['', false],
  ] as const) {
    it(`gives a stream a topic and a channel a number: ${useChunks ? `chunks ${compression || 'not packed'}` : 'no chunks'}`, async () => {
      const path = join(files, 'flight 7.mcap');
      await writeFile(path, await foreignMcap(compression, useChunks));
      const result = await run(path);
      expect(result.notes).toEqual([
        '1 messages with encoding “cdr” were left out: JSON is read.',
        '1 messages were left out: they are no JSON, or have no time.',
      ]);
      await using recording = await openRecording(result.paths[0] ?? '');
      expect(recording.info).toMatchObject({ name: 'flight 7', complete: true, startedNs: START_NS });
      expect(recording.info.channels.map(({ id, unit, samples }) => [id, unit, samples])).toEqual([
        ['supply/ch1.voltage', 'V', 40],
        ['supply/ch1.current', '', 40],
        ['robot/arm.imu.accel.x', '', 10],
        ['robot/arm.imu.joint.0', '', 10],
        ['robot/arm.imu.joint.1', '', 10],
      ]);
      const wanted: string[] = [];
      for (let at = 0; at < 40; at++)
        wanted.push(`supply/ch1 ${START_NS + BigInt(at) * 10_000_000n}: ${at / 3} ${at > 20 ? -at : Number.NaN}`);
      for (let at = 0; at < 40; at += 4)
        wanted.push(`robot/arm.imu ${START_NS + BigInt(at) * 10_000_000n + 1_000_000n}: ${at} ${at} ${at + 0.5}`);
      expect(await rowsOf(recording)).toEqual(wanted);
      expect((await verifyRecording(recording)).ok).toBe(true);
    });
  }

  it('that is damaged or holds no numbers is refused, and leaves nothing', async () => {
    const path = join(files, 'damaged.mcap');
    const bytes = await foreignMcap('lz4');
    const at = Buffer.from(bytes).indexOf('lz4');
    bytes.fill(0x55, at + 60, at + 120);
    await writeFile(path, bytes);
    await expect(run(path)).rejects.toMatchObject({
      code: 'import.failed',
      message: expect.stringContaining('damaged'),
    });
    await writeFile(path, bytes.subarray(0, 8));
    await expect(run(path)).rejects.toMatchObject({ code: expect.stringMatching(/^(import|recording)\./) });
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('an import', () => {
  it('in the worker does the same, with progress', async () => {
    const worker = await bundleProgram('src/engine/export/export-worker.ts', 'import-worker');
    const path = await recordFormula(files);
    const shares: number[] = [];
    const request = {
      worker,
      path,
      folder,
      known: [],
      appVersion: '0.1.0',
      onProgress: (share: number) => shares.push(share),
    };
    const { paths, rows } = await importRecording(request);
    expect(rows).toBe(DAQ.rows.length + 1500 + 48 + 1200);
    expect(await readFile(paths[0] ?? '')).toEqual(await readFile(path));
    expect(shares.at(-1)).toBe(1);
    expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('that is cancelled leaves nothing', async () => {
    const path = join(files, 'long.csv');
    await writeFile(path, `time [s],x\n${Array.from({ length: 50_000 }, (_, row) => `${row},${row}`).join('\n')}\n`);
    await expect(run(path, {}, AbortSignal.abort())).rejects.toMatchObject({ code: 'call.cancelled' });
    const abort = new AbortController();
    const task = { path, folder, temporary: temporaryFolder(folder), known: [], appVersion: '0.1.0' };
    const onProgress = (share: number): void => {
      if (share > 0) abort.abort();
    };
    await expect(importFile(task, { signal: abort.signal, onProgress })).rejects.toMatchObject({
      code: 'call.cancelled',
    });
    expect(await readdir(folder)).toEqual([]);
  });
});
