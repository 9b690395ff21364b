import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ABOUT, createTestClock, START_NS } from '../../../test/fixtures/recording-source.ts';
import type { ExportChoices } from '../../contract/export-schema.ts';
import { BATCH_FLAG, createBatch } from '../../core/batch.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { openRecorder } from '../recording/recorder.ts';
import { exportFile } from './export-file.ts';

let folder: string;
let path: string;

const MS = 1_000_000n;
const info = (id: number, key: string, channel: string, kind: StreamInfo['kind'], rateHz: number): StreamInfo => ({
  id,
  key,
  instrument: key.split('/')[0] ?? '',
  epoch: 1000 + id,
  kind,
  columns: [{ channel, unit: 'V' }],
  rateHz,
});
/** A value every 10 ms from 0 to 40 ms, then from 100 to 120 ms: rows 5 to 9 are lost. */
const FAST = info(1, 'fast/data', 'a', 'regular', 100);
/** 0 at 5 ms, 10 at 25 ms, missing at 45 ms, 30 at 65 ms, overload at 85 ms, 50 at 105 ms. */
const SLOW = info(2, 'slow/polled', 'b', 'timed', 50);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-merge-'));
  const recorder = await openRecorder({
    folder,
    name: 'merge',
    clock: createTestClock(),
    about: { ...ABOUT, channels: [] },
    limits: { reserveBytes: 0 },
  });
  recorder.streamOpened(FAST);
  recorder.streamOpened(SLOW);
  for (const [seq, rows, lost] of [
    [0, 2, 0],
    [2, 3, 0],
    [10, 3, 5],
  ] as const) {
    const t0Ns = START_NS + BigInt(seq) * 10n * MS;
    const flags = BATCH_FLAG.float64 | (lost > 0 ? BATCH_FLAG.gap : 0);
    const head = { stream: 1, rows, channels: 1, flags, seq, lost, t0Ns, arrivedNs: t0Ns, dtS: 0.01, xOriginS: 0 };
    const batch = createBatch(head);
    for (let row = 0; row < rows; row++) batch.columns[0]?.set([seq + row], row);
    recorder.batch(batch);
  }
  for (const [seq, value] of [0, 10, Number.NaN, 30, Number.POSITIVE_INFINITY, 50].entries()) {
    const t0Ns = START_NS + 5n * MS + BigInt(seq) * 20n * MS;
    const flags = BATCH_FLAG.float64 | BATCH_FLAG.timed;
    const head = { stream: 2, rows: 1, channels: 1, flags, seq, lost: 0, t0Ns, arrivedNs: t0Ns, dtS: 0, xOriginS: 0 };
    const batch = createBatch(head);
    batch.columns[0]?.set([value]);
    recorder.batch(batch);
  }
  path = (await recorder.stop('')).paths[0] ?? '';
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Lines of a table as `elapsed in ms: a, b`. */
async function table(options: ExportChoices, range: { fromNs?: bigint; toNs?: bigint } = {}): Promise<string[]> {
  const out = join(folder, 'out.csv');
  await exportFile({ path, out, format: 'csv', options, ...range });
  const lines = (await readFile(out, 'utf8')).trimEnd().split('\r\n');
  return lines.slice(1).map((line) => {
    const [, elapsed, a, b] = line.split(',');
    return `${Number(elapsed) * 1000}: ${a}, ${b}`;
  });
}

describe('rows of different clocks', () => {
  it('as measured: a row at each time anything was measured', async () => {
    expect(await table({})).toEqual([
      '0: 0, ',
      '5: , 0',
      '10: 1, ',
      '20: 2, ',
      '25: , 10',
      '30: 3, ',
      '40: 4, ',
      '45: , ',
      '65: , 30',
      '85: , OL',
      '100: 10, ',
      '105: , 50',
      '110: 11, ',
      '120: 12, ',
    ]);
  });

  it('interpolated: on the line between neighbours, at the times of the fastest; nothing before, behind or across', async () => {
    expect(await table({ merge: 'interpolated' })).toEqual([
      // Before the first row of b.
      '0: 0, ',
      '10: 1, 2.5',
      '20: 2, 7.5',
      // One neighbour is missing.
      '30: 3, ',
      '40: 4, ',
      // One neighbour is overload.
      '100: 10, ',
      // Behind the last row of b.
      '110: 11, ',
      '120: 12, ',
    ]);
  });

  it('interpolated on a grid: never across a gap, exact where a row is', async () => {
    expect(await table({ merge: 'interpolated', gridS: 0.015 })).toEqual([
      '0: 0, ',
      '15: 1.5, 5',
      '30: 3, ',
      '45: , ',
      '60: , ',
      '75: , ',
      '90: , ',
      '105: 10.5, 50',
      '120: 12, ',
    ]);
  });

  it('nearest: half way to the neighbours, and half a step beyond the ends of a stretch', async () => {
    expect(await table({ merge: 'nearest', gridS: 0.005 })).toEqual([
      // A tie goes to the earlier row.
      '0: 0, 0',
      '5: 0, 0',
      '10: 1, 0',
      '15: 1, 0',
      '20: 2, 10',
      '25: 2, 10',
      '30: 3, 10',
      '35: 3, 10',
      '40: 4, ',
      '45: 4, ',
      '50: , ',
      '55: , ',
      '60: , 30',
      '65: , 30',
      '70: , 30',
      '75: , 30',
      '80: , OL',
      '85: , OL',
      '90: , OL',
      '95: 10, OL',
      '100: 10, 50',
      '105: 10, 50',
      '110: 11, 50',
      '115: 11, 50',
      '120: 12, ',
    ]);
  });

  it('in a range: rows outside are neighbours, the grid begins where the range does', async () => {
    const range = { fromNs: START_NS + 12n * MS, toNs: START_NS + 36n * MS };
    expect(await table({ merge: 'interpolated', gridS: 0.006 }, range)).toEqual([
      '12: 1.2, 3.5',
      '18: 1.8, 6.5',
      '24: 2.4, 9.5',
      '30: 3, ',
    ]);
    expect(await table({ merge: 'as-measured' }, range)).toEqual(['20: 2, ', '25: , 10', '30: 3, ']);
  });

  it('says in its head how they came together', async () => {
    const head = async (options: ExportChoices): Promise<string | undefined> => {
      const out = join(folder, 'head.csv');
      await exportFile({ path, out, format: 'csv', options });
      return (await readFile(out, 'utf8')).split('\r\n')[0];
    };
    expect(await head({ merge: 'nearest' })).toBe('time (nearest),elapsed [s],fast/a [V],slow/b [V]');
    expect(await head({ merge: 'interpolated', gridS: 0.5, separator: ';' })).toBe(
      'time (interpolated, every 0.5 s);elapsed [s];fast/a [V];slow/b [V]',
    );
  });

  it('on a grid finer than time itself is refused', async () => {
    const finer = exportFile({
      path,
      out: join(folder, 'x.csv'),
      format: 'csv',
      options: { merge: 'nearest', gridS: 1e-10 },
    });
    await expect(finer).rejects.toMatchObject({ code: 'export.unsupported' });
  });
});
