import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordFormula, SCOPE, SEGMENT_ROWS } from '../../../test/fixtures/formula-recording.ts';
import { ABOUT, createTestClock, START_NS } from '../../../test/fixtures/recording-source.ts';
import { BATCH_FLAG, createBatch } from '../../core/batch.ts';
import { openRecorder } from '../recording/recorder.ts';
import { type ExportTask, exportFile } from './export-file.ts';
import { timeTicks, valueTicks } from './plot-ticks.ts';

let folder: string;
let small: string;
let formula: string;

/** 0 … 10 V at 100 Hz, five rows lost after the fourth, the seventh missing, the eighth overload; a current beside it. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-plot-'));
  const about = { ...ABOUT, channels: [{ id: 'a/v', label: 'Rail <1> & "2"' }] };
  const recorder = await openRecorder({
    folder,
    name: 'A & B',
    clock: createTestClock(),
    about,
    limits: { reserveBytes: 0 },
  });
  const columns = [
    { channel: 'v', unit: 'V' },
    { channel: 'i', unit: 'A' },
  ];
  recorder.streamOpened({ id: 1, key: 'a/data', instrument: 'a', epoch: 1, kind: 'regular', columns, rateHz: 100 });
  for (const [seq, rows, lost] of [
    [0, 4, 0],
    [9, 7, 5],
  ] as const) {
    const t0Ns = START_NS + BigInt(seq) * 10_000_000n;
    const flags = BATCH_FLAG.float64 | (lost > 0 ? BATCH_FLAG.gap : 0);
    const head = { stream: 1, rows, channels: 2, flags, seq, lost, t0Ns, arrivedNs: t0Ns, dtS: 0.01, xOriginS: 0 };
    const batch = createBatch(head);
    for (let row = 0; row < rows; row++) {
      const number = seq === 0 ? row : row + 4;
      const value = number === 7 ? Number.NaN : number === 8 ? Number.POSITIVE_INFINITY : number;
      batch.columns[0]?.set([value], row);
      batch.columns[1]?.set([number * 1e-3], row);
    }
    recorder.batch(batch);
    if (lost > 0) {
      const fromNs = START_NS + 30_000_000n;
      recorder.gap({ stream: 1, seq, fromNs, toNs: t0Ns, lost, reason: 'cable out' });
    }
  }
  small = (await recorder.stop('')).paths[0] ?? '';
  formula = await recordFormula(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function svg(path: string, more: Partial<ExportTask> = {}): Promise<{ text: string; notes: string[] }> {
  const out = join(folder, 'out.svg');
  const { notes } = await exportFile({ path, out, format: 'svg', ...more });
  return { text: await readFile(out, 'utf8'), notes };
}

interface Panel {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** The frames of the panels, in order. */
function panelsOf(text: string): Panel[] {
  const frames = text.matchAll(
    /<clipPath id="panel\d+"><rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"\/>/g,
  );
  return [...frames].map(([, x, y, width, height]) => {
    return { x: Number(x), y: Number(y), width: Number(width), height: Number(height) };
  });
}

describe('the plot as SVG', () => {
  it('draws each value where it belongs, and nothing across what is missing', async () => {
    const { text } = await svg(small);
    const [volts] = panelsOf(text);
    if (!volts) throw new Error('no panel');
    // 150 ms wide; 0 … 10 with a twentieth on both sides, in steps of 1: −1 … 11.
    const x = (ms: number): number => volts.x + (ms / 150) * volts.width;
    const y = (value: number): number => volts.y + volts.height - ((value + 1) / 12) * volts.height;
    const at = (ms: number, value: number): string => `${Number(x(ms).toFixed(2))} ${Number(y(value).toFixed(2))}`;
    const before = [0, 1, 2, 3].map((value) => at(value * 10, value));
    const behind = [4, 5, 6].map((value) => at(value * 10 + 50, value));
    const end = [9, 10].map((value) => at(value * 10 + 50, value));
    const path = [before, behind, end].map((points) => `M${points.join('L')}`).join('');
    expect(text).toContain(`d="${path}"`);
    const overload = Number(x(130).toFixed(2));
    expect(text).toContain(`d="M${overload} ${volts.y}v6"`);
    expect(text).toContain('>OL</text>');
    // The gap is hatched, in both panels, from the fourth to the fifth row.
    const hatched = [...text.matchAll(/<rect x="([\d.]+)" [^>]*width="([\d.]+)"[^>]*fill="url\(#gap\)"/g)];
    expect(hatched.map(([, from, width]) => [Number(from), Number(width)])).toEqual([
      [Number(x(30).toFixed(2)), expect.closeTo(x(90) - x(30), 1)],
      [Number(x(30).toFixed(2)), expect.closeTo(x(90) - x(30), 1)],
    ]);
  });

  it('says what is drawn: a panel a unit with its prefix, names, times; nothing of it is markup', async () => {
    const { text } = await svg(small);
    const words = [...text.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map(([, word]) => word);
    expect(words).toContain('A &amp; B');
    expect(words).toContain('Rail &lt;1&gt; &amp; &quot;2&quot;');
    expect(words).toEqual(expect.arrayContaining(['V', 'mA', '+0 ms', '+20 ms', '+100 ms', '+140 ms']));
    expect(words).toContain('2023-11-14T22:13:20.000Z to 2023-11-14T22:13:20.150Z');
    expect(panelsOf(text)).toHaveLength(2);
  });

  it('draws the last waveform over its own time if nothing else is wanted, else says that waveforms are left out', async () => {
    const alone = await svg(formula, { channels: ['scope/ch1'] });
    expect(alone.notes).toEqual(['The last waveform of the range is in the picture.']);
    const path = /stroke-width="1.2"[^>]* d="(M[^"]*)"/.exec(alone.text)?.[1] ?? '';
    expect(path.split(/[ML]/)).toHaveLength(1 + SEGMENT_ROWS);
    expect(alone.text).toContain('+200 ns');
    expect(SCOPE.rows.length).toBe(3 * SEGMENT_ROWS);
    const both = await svg(formula, { channels: ['scope/ch1', 'aux/temp'] });
    expect(both.notes).toEqual([expect.stringContaining('scope/waveform')]);
  });

  it('draws extremes, not rows, where there are more rows than pixels', async () => {
    const { text } = await svg(formula, { channels: ['daq/ai2'], options: { width: 400 } });
    const path = /stroke-width="1.2"[^>]* d="(M[^"]*)"/.exec(text)?.[1] ?? '';
    const points = path.split(/[ML]/).length - 1;
    // 5000 rows in 292 px: columns of 16 rows, two points each; the gap parts them.
    expect(points).toBeLessThanOrEqual(2 * (5000 / 16 + 2));
    expect(points).toBeGreaterThan(500);
    expect(path.split('M')).toHaveLength(3);
  });
});

describe('ticks', () => {
  it('are round, with one prefix', () => {
    expect(valueTicks(-0.0031, 0.0032, 'V', 6)).toEqual({
      values: [-0.002, 0, 0.002],
      labels: ['\u22122', '0', '2'],
      unit: 'mV',
    });
    expect(valueTicks(0, 11, 'Ohm', 5).unit).toBe('Ω');
    // By its room it would have one, at zero.
    expect(valueTicks(-0.0019, 0.0018, 'A', 2.6)).toMatchObject({ labels: ['\u22121', '0', '1'], unit: 'mA' });
  });

  it('of time are on the clock from a second on', () => {
    const noon = BigInt(Date.UTC(2026, 0, 31, 23, 59, 40)) * 1_000_000n;
    expect(timeTicks(0, 60, noon, 6).labels).toEqual([
      '23:59:40',
      '23:59:50',
      '2026-02-01',
      '00:00:10',
      '00:00:20',
      '00:00:30',
      '00:00:40',
    ]);
    expect(timeTicks(0, 2e-6, noon, 4).labels).toEqual(['+0 ns', '+500 ns', '+1000 ns', '+1500 ns', '+2000 ns']);
  });
});
