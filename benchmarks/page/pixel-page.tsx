import 'uplot/dist/uPlot.min.css';
import '../../src/renderer/styles/tokens.css';
import '../../src/renderer/styles/base.css';
import '../../src/renderer/styles/controls.css';
import { createRoot } from 'react-dom/client';
import { COLUMN_FLAG } from '../../src/core/extent.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { PlotArea } from '../../src/renderer/plot/plot-area.tsx';
import { PlotCanvas } from '../../src/renderer/plot/plot-canvas.ts';
import { readTheme } from '../../src/renderer/plot/plot-theme.ts';
import type { PlotTrace } from '../../src/renderer/plot/plot-trace.ts';
import type { TraceColumns } from '../../src/renderer/plot/trace-columns.ts';
import { emptyBench, syntheticChannel } from './synthetic-bench.ts';
import { SyntheticEngine } from './synthetic-engine.ts';

/*
 * What the plots really paint, measured in the pixels of a real canvas on made-up columns; test/plot/plot-pixels.test.ts says what is right.
 */
const SIZE = { width: 800, height: 300 };

interface Painted {
  plot: PlotCanvas;
  trace: { columns: TraceColumns; revision: number; changedS: number };
  paint(fromS: number, toS: number): void;
  image(): ImageData;
  remove(): void;
}

function paintedPlot(columns: TraceColumns, color = 1): Painted {
  const host = document.createElement('div');
  Object.assign(host.style, { width: `${SIZE.width}px`, height: `${SIZE.height}px` });
  document.body.append(host);
  const theme = readTheme(document.documentElement);
  const plot = new PlotCanvas(host, theme, 'pixels');
  const trace = { columns, revision: 0, changedS: Number.NEGATIVE_INFINITY };
  const source: PlotTrace['source'] = {
    get revision() {
      return trace.revision;
    },
    changedFromS: () => trace.changedS,
    pieces: () => [trace.columns],
  };
  plot.setTraces([{ id: 'x', label: 'x', unit: 'V', color, gain: 1, offset: 0, resolution: null, source }]);
  plot.setAxis('y0', { low: 0, high: 100 });
  plot.resize(SIZE.width, SIZE.height);
  return {
    plot,
    trace,
    paint: (fromS, toS) => {
      plot.paint({
        range: { fromS, toS },
        time: { style: 'relative', originMs: 0, zoneMinutes: 0, zeroS: 0 },
        marks: [],
        marksRevision: 0,
        gapReason: () => undefined,
        cursors: [],
        theme,
        nowMs: 0,
        sides: { left: 1, right: 0 },
      });
    },
    image: () => {
      const canvas = host.querySelector('canvas') as HTMLCanvasElement;
      const { left, top, width, height } = plot.area;
      return (canvas.getContext('2d') as CanvasRenderingContext2D).getImageData(left, top, width, height);
    },
    remove: () => {
      plot[Symbol.dispose]();
      host.remove();
    },
  };
}

/** Whether a pixel has the hue of channel 1 (yellow): red and green well above blue. */
function isTrace(image: ImageData, x: number, y: number): boolean {
  const at = (y * image.width + x) * 4;
  const [red = 0, green = 0, blue = 0, alpha = 0] = image.data.subarray(at, at + 4);
  // Over a grid line the hue is weaker.
  return alpha > 40 && red > blue + 15 && green > blue + 15;
}

function columnsOf(
  count: number,
  spanS: number,
  rows: number,
  valueAt: (index: number) => [number, number],
  flags?: Uint8Array,
): TraceColumns {
  const times = Float64Array.from({ length: count }, (_, index) => index * spanS);
  const values = Array.from({ length: count }, (_, index) => valueAt(index));
  const lows = Float32Array.from(values, ([low]) => low);
  return {
    start: 0,
    end: count,
    times,
    lows,
    highs: rows > 1 ? Float32Array.from(values, ([, high]) => high) : lows,
    flags: flags ?? new Uint8Array(count),
    rows,
    spanS: rows > 1 ? spanS : 0,
  };
}

/** Trace pixels inside and outside a gap, drawn by strokes (few columns) or by the layer (many). */
function gap(kind: 'strokes' | 'layer'): { inside: number; outside: number } {
  const count = kind === 'strokes' ? 100 : 4000;
  const flags = new Uint8Array(count);
  const middle = count / 2;
  flags[middle] = COLUMN_FLAG.gap;
  const columns = columnsOf(count, 10 / count, 1, () => [50, 50], flags);
  // Rows from the gap on come three seconds later.
  for (let index = middle; index < count; index++) columns.times[index] = (columns.times[index] as number) + 3;
  const painted = paintedPlot(columns);
  painted.paint(0, 13);
  const image = painted.image();
  const xAt = (timeS: number): number => Math.floor((timeS / 13) * image.width);
  let inside = 0;
  let outside = 0;
  for (let x = 2; x < image.width - 2; x++) {
    let any = false;
    for (let y = 0; y < image.height; y++) any ||= isTrace(image, x, y);
    if (!any) continue;
    if (x > xAt(5) + 2 && x < xAt(8) - 2) inside++;
    else outside++;
  }
  painted.remove();
  return { inside, outside };
}

/** Extremes of columns that are not painted, of all. */
function envelope(): { missing: number; of: number; above: number } {
  const random = seededRandom(9);
  const count = 1400;
  const columns = columnsOf(count, 10 / count, 64, () => {
    const low = 20 + random.next() * 30;
    return [low, low + random.next() * 30];
  });
  const painted = paintedPlot(columns);
  painted.paint(0, 10);
  const image = painted.image();
  let missing = 0;
  let above = 0;
  for (let index = 0; index < count; index++) {
    const x = Math.floor((((columns.times[index] as number) + columns.spanS / 2) / 10) * image.width);
    const y = (value: number): number => Math.floor(((100 - value) / 100) * image.height);
    const [low, high] = [y(columns.lows[index] as number), y(columns.highs[index] as number)];
    if (!isTrace(image, x, low)) missing++;
    if (!isTrace(image, x, high)) missing++;
    if (isTrace(image, x, y(90))) above++;
  }
  painted.remove();
  return { missing, of: 2 * count, above };
}

/** Pixels that differ between a window that ran on and the same window painted anew. */
function running(): { differing: number; of: number } {
  const random = seededRandom(4);
  const count = 6000;
  const columns = columnsOf(count, 0.01, 8, () => {
    const low = 20 + random.next() * 20;
    return [low, low + 20];
  });
  const ran = paintedPlot({ ...columns, end: 1000 });
  const width = (): number => ran.image().width;
  ran.paint(0, 10);
  const perPx = 10 / width();
  const window = (step: number): [number, number] => [step * 3 * perPx, 10 + step * 3 * perPx];
  for (let step = 0; step < 60; step++) {
    const [from, to] = window(step);
    const end = Math.floor(to / 0.01);
    ran.trace.changedS = (columns.times[ran.trace.columns.end - 1] as number) - 0.01;
    ran.trace.columns = { ...columns, end };
    ran.trace.revision++;
    ran.paint(from, to);
  }
  const fresh = paintedPlot(ran.trace.columns);
  fresh.paint(...window(59));
  const [a, b] = [ran.image(), fresh.image()];
  let differing = 0;
  for (let at = 0; at < a.data.length; at += 4) {
    // The first pixel columns lean on a neighbour outside.
    if ((at / 4) % a.width < 3) continue;
    if (a.data[at] !== b.data[at] || a.data[at + 3] !== b.data[at + 3]) differing++;
  }
  ran.remove();
  fresh.remove();
  return { differing, of: a.data.length / 4 };
}

/** The whole area of plots, on an engine in the page: a ramp of 1 V/s and a constant, 20 s long. */
async function area(): Promise<void> {
  const nowS = (performance.timeOrigin + performance.now()) / 1000;
  const startS = Math.floor(nowS) - 20;
  const bench = emptyBench();
  const info = {
    id: 1,
    key: 'daq/main',
    instrument: 'daq',
    epoch: 1,
    kind: 'regular' as const,
    columns: [
      { channel: 'ramp', unit: 'V' },
      { channel: 'flat', unit: 'A' },
    ],
    rateHz: 1000,
  };
  bench.streams = [info];
  bench.channels = [
    syntheticChannel('daq', 'ramp', 'Ramp', 'V', 1, 1e-3, 1000),
    syntheticChannel('daq', 'flat', 'Flat', 'A', 2, 1e-3, 1000),
  ];
  bench.plots = [{ id: 'p', title: '', channels: ['daq/ramp', 'daq/flat'] }];
  const engine = new SyntheticEngine(bench);
  engine.open({ info, signals: [(timeS) => timeS - startS, () => 2] });
  engine.feed(1, nowS, startS);
  const client = await engine.connect();
  const root = document.getElementById('root') as HTMLElement;
  Object.assign(root.style, { height: '600px', width: '1000px' });
  createRoot(root).render(<PlotArea client={client} bench={bench} origin="live" />);
}

Object.assign(window, { plotPixels: { gap, envelope, running, area } });
