import { type BenchRow, printBench } from './bench-table.ts';
import type { Timing } from './page/bench-page.ts';
import { openBenchPage } from './plot-page.ts';

/*
 * The plots of the app in a real Chromium on synthetic columns, against uPlot with all samples, uPlot with min/max per pixel, Chart.js and
 * ECharts with their own decimation: the same samples, window and size. A frame is script and raster (a pixel is read back); what a peer needs
 * its data converted to is made beforehand. Every chart must have painted, and ours every extreme of every pixel.
 */
interface Bench {
  redraw(): Promise<Timing[]>;
  stream10(): Promise<Timing[]>;
  stream100(): Promise<Timing[]>;
  scaling(): Promise<Timing[]>;
  pace(seconds: number): Promise<{ frames: number; late: number; fps: number }>;
}
declare const window: { bench: Bench };

const PACE_SECONDS = 6;

await using opened = await openBenchPage(process.env.LABWIRE_ROOT ?? process.cwd(), 'bench');
const { page } = opened;
await page.waitForFunction('window.bench !== undefined');
const rows: BenchRow[] = [];

/** One row per peer; goals by the name of the peer. */
function compare(what: string, timings: readonly Timing[], goals: Record<string, number>): void {
  const [ours, ...peers] = timings;
  if (!ours) throw new Error(`${what}: nothing was measured`);
  for (const peer of peers) {
    const atMost = goals[peer.name];
    rows.push({ what, unit: 'ms', us: ours.frameMs, peer: peer.name, theirs: peer.frameMs, ...(atMost && { atMost }) });
  }
}

compare('redraw 4 × 1 M', await page.evaluate(() => window.bench.redraw()), { 'uPlot raw': 0.12 });
compare('stream 10 × 10 kHz', await page.evaluate(() => window.bench.stream10()), {
  'uPlot + min/max': 0.5,
  'Chart.js decimated': 0.4,
  'ECharts minmax': 0.12,
});
const hundred = await page.evaluate(() => window.bench.stream100());
compare('stream 100 × 100 kHz', hundred, { 'uPlot, same columns': 0.15 });

const { late, frames } = await page.evaluate((seconds) => window.bench.pace(seconds), PACE_SECONDS);
rows.push({
  what: 'frames over 25 ms, 100 × 100 kHz',
  unit: 'frames',
  us: late,
  peer: 'all frames',
  theirs: frames,
  atMost: 0.01,
});

const [slow, quick] = await page.evaluate(() => window.bench.scaling());
if (!slow || !quick) throw new Error('the rates were not measured');
rows.push({
  what: 'script a frame, 10 × 1 MHz',
  unit: 'ms',
  us: quick.scriptMs,
  peer: '10 × 1 kHz',
  theirs: slow.scriptMs,
  atMost: 2,
});

if (!printBench('plot: a frame of 1,200 pixels, software raster', rows)) process.exitCode = 1;
