import 'uplot/dist/uPlot.min.css';
import '../../src/renderer/styles/tokens.css';
import '../../src/renderer/styles/base.css';
import { BATCH_FLAG, createBatch } from '../../src/core/batch.ts';
import { History } from '../../src/engine/history/history.ts';
import { readHistory } from '../../src/engine/history/read-history.ts';
import { chartjs, echart, type Peer, toPairs, toPoints, uplotColumns, uplotMinMax, uplotRaw } from './chart-peers.ts';
import { OurChart } from './our-chart.ts';
import { columnRowsFor, columnsFrame, makeRows, ORIGIN_NS, STREAM, streamOf, WIDTH } from './plot-data.ts';

/** Times of one way of drawing; ms, medians. */
export interface Timing {
  name: string;
  /** Script and raster of a frame. */
  frameMs: number;
  /** Script alone. */
  scriptMs: number;
  frames: number;
}

const WINDOW_S = 10;
const stage = document.getElementById('stage') as HTMLElement;

/** Waits for the next frame of the screen. */
function nextFrame(): Promise<number> {
  return new Promise((resolve) => requestAnimationFrame(resolve));
}

/** Makes the browser carry out what was drawn: reading a pixel waits for the raster. */
function flush(): void {
  for (const canvas of stage.querySelectorAll('canvas')) canvas.getContext('2d')?.getImageData(0, 0, 1, 1);
}

function median(list: number[]): number {
  return [...list].sort((a, b) => a - b)[(list.length - 1) >> 1] ?? Number.NaN;
}

/** Draws `frames` frames, after some to warm up. `prepare` is not measured. */
async function measure(
  name: string,
  frames: number,
  prepare: (frame: number) => void,
  draw: (frame: number) => void,
): Promise<Timing> {
  const all: number[] = [];
  const scripts: number[] = [];
  const warm = Math.min(10, Math.ceil(frames / 4));
  for (let frame = 0; frame < frames + warm; frame++) {
    await nextFrame();
    prepare(frame);
    const start = performance.now();
    draw(frame);
    const drawn = performance.now();
    flush();
    if (frame < warm) continue;
    all.push(performance.now() - start);
    scripts.push(drawn - start);
  }
  assertPainted(name);
  return { name, frameMs: median(all), scriptMs: median(scripts), frames };
}

/** A chart that draws nothing is quick. */
function assertPainted(name: string): void {
  let painted = 0;
  for (const canvas of stage.querySelectorAll('canvas')) {
    const { data } = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] };
    for (let at = 3; at < data.length; at += 4) if ((data[at] as number) > 0) painted++;
  }
  if (painted < 20_000) throw new Error(`${name} painted ${painted} pixels only`);
}

async function withPeer(
  make: (stage: HTMLElement, count: number) => Peer,
  count: number,
  run: (peer: Peer) => Promise<Timing>,
) {
  const peer = make(stage, count);
  try {
    return await run(peer);
  } finally {
    peer.remove();
    stage.replaceChildren();
  }
}

const PEERS = [
  ['uPlot raw', uplotRaw],
  ['uPlot + min/max', uplotMinMax],
  ['Chart.js decimated', chartjs],
  ['ECharts minmax', echart],
] as const;

/** 4 series of a million samples, redrawn as after a zoom: ours asks the engine's pyramid for the view each time. */
export async function redraw(): Promise<Timing[]> {
  const [channels, rows, rateHz] = [4, 1_000_000, 100_000];
  const series = makeRows(channels, rows, rateHz);
  const x = Float64Array.from({ length: rows }, (_, row) => row / rateHz);
  const history = new History();
  history.streamOpened(streamOf(channels, rateHz));
  for (let row = 0; row < rows; row += 8192) {
    const count = Math.min(8192, rows - row);
    const t0Ns = ORIGIN_NS + BigInt(Math.round((row / rateHz) * 1e9));
    const batch = createBatch({
      stream: STREAM,
      rows: count,
      channels,
      flags: row === 0 ? BATCH_FLAG.gap : 0,
      seq: row,
      lost: 0,
      t0Ns,
      arrivedNs: t0Ns,
      dtS: 1 / rateHz,
      xOriginS: 0,
    });
    for (let channel = 0; channel < channels; channel++) {
      batch.columns[channel]?.set((series[channel] as Float32Array).subarray(row, row + count));
    }
    history.batch(batch);
  }
  const timings: Timing[] = [];
  const ours = new OurChart(stage, channels, rateHz);
  const names = Array.from({ length: channels }, (_, index) => `bench/ch${index + 1}`);
  timings.push(
    await measure(
      'Labwire',
      40,
      () => {},
      (frame) => {
        // A different view each time, so that nothing can be kept from the last.
        const shift = (frame % 5) * 1e-5;
        const frames: ArrayBuffer[] = [];
        const toNs = ORIGIN_NS + BigInt(Math.round((rows / rateHz) * 1e9));
        readHistory(
          history,
          { request: 1, channels: names, fromNs: ORIGIN_NS, toNs, width: WIDTH, raw: false, limit: 100_000 },
          (piece) => frames.push(piece),
        );
        ours.clear();
        ours.take(frames);
        ours.paint(shift, rows / rateHz + shift);
      },
    ),
  );
  ours.paint(0, rows / rateHz);
  checkEnvelope(ours, series[1] as Float32Array, 4, rows / rateHz, rateHz);
  ours.remove();
  for (const [name, make] of PEERS) {
    for (const samples of series) name === 'Chart.js decimated' ? toPoints(x, samples) : toPairs(x, samples);
    timings.push(
      await withPeer(make, channels, (peer) =>
        measure(
          name,
          name.startsWith('uPlot') ? 20 : 8,
          () => {},
          (frame) => {
            const shift = (frame % 5) * 1e-5;
            peer.show(x, series, shift, rows / rateHz + shift);
          },
        ),
      ),
    );
  }
  return timings;
}

/** Every pixel column must be covered from its lowest to its highest sample. Channel 2 of 4 lies apart from its neighbours. */
function checkEnvelope(ours: OurChart, samples: Float32Array, channels: number, spanS: number, rateHz: number): void {
  flush();
  const canvas = stage.querySelector('canvas') as HTMLCanvasElement;
  const { left, top, width, height } = ours.area;
  const image = canvas.getContext('2d')?.getImageData(left, top, width, height);
  if (!image) throw new Error('no image');
  let wrong = 0;
  const perPx = spanS / width;
  const n = columnRowsFor(spanS, rateHz);
  for (let px = 2; px < width - 2; px++) {
    // Columns are aligned to row numbers: those whose middle lies in the pixel.
    const first = Math.ceil((px * perPx * rateHz) / n - 0.5);
    const last = Math.ceil(((px + 1) * perPx * rateHz) / n - 0.5);
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (let row = first * n; row < last * n && row < samples.length; row++) {
      low = Math.min(low, samples[row] as number);
      high = Math.max(high, samples[row] as number);
    }
    const y = (value: number): number => Math.floor(((22 - value) / 24) * height);
    for (const row of [y(high), y(low)]) {
      const at = (row * width + px) * 4;
      const [red = 0, green = 0, blue = 0, alpha = 0] = image.data.subarray(at, at + 4);
      // Channel 2 is cyan: blue and green well above red.
      if (alpha < 50 || !(green > red && blue > red)) wrong++;
    }
  }
  if (wrong > 0) throw new Error(`${wrong} of ${2 * width} extremes of ${channels} series are not painted`);
}

/** `channels` at 10 kHz with a million samples in view, moving on by a frame's samples. */
export async function stream10(): Promise<Timing[]> {
  const [channels, rateHz, frames] = [10, 10_000, 90];
  const perFrame = Math.round(rateHz / 60);
  const rows = WINDOW_S * rateHz;
  const total = rows + perFrame * (frames + 40);
  const series = makeRows(channels, total, rateHz);
  const x = Float64Array.from({ length: total }, (_, row) => row / rateHz);
  const timings = [await streamOurs('Labwire', channels, rateHz, frames)];
  for (const [name, make] of PEERS) {
    const count = name.startsWith('uPlot') ? 40 : 16;
    timings.push(
      await withPeer(make, channels, (peer) => {
        let view: Float32Array[] = [];
        let times = x;
        return measure(
          name,
          count,
          (frame) => {
            const from = frame * perFrame;
            times = x.subarray(from, from + rows);
            view = series.map((samples) => samples.subarray(from, from + rows));
            // The shape the peer wants is made beforehand: only its own work counts.
            for (const samples of view) {
              if (name === 'Chart.js decimated') toPoints(times, samples);
              if (name === 'ECharts minmax') toPairs(times, samples);
            }
          },
          () => peer.show(times, view, times[0] as number, times[rows - 1] as number),
        );
      }),
    );
  }
  return timings;
}

/** Our plot with live columns: the frame is read, stored and painted. */
async function streamOurs(name: string, channels: number, rateHz: number, frames: number): Promise<Timing> {
  const n = columnRowsFor(WINDOW_S, rateHz);
  const perFrame = rateHz / 60 / n;
  const window = Math.ceil((WINDOW_S * rateHz) / n);
  const ours = new OurChart(stage, channels, rateHz);
  ours.take([columnsFrame(channels, n, rateHz, 0, window)]);
  let sent = window;
  let encoded: ArrayBuffer[] = [];
  const timing = await measure(
    name,
    frames,
    (frame) => {
      const until = window + Math.floor((frame + 1) * perFrame);
      encoded = until > sent ? [columnsFrame(channels, n, rateHz, sent, until)] : [];
      sent = Math.max(sent, until);
    },
    (frame) => {
      ours.take(encoded);
      const toS = WINDOW_S + (frame + 1) / 60;
      ours.paint(toS - WINDOW_S, toS);
    },
  );
  ours.remove();
  return timing;
}

/** 100 channels at 100 kHz and 1 MHz; uPlot with the same columns. */
export async function stream100(): Promise<Timing[]> {
  const channels = 100;
  const timings = [
    await streamOurs('Labwire 100 kHz', channels, 100_000, 60),
    await streamOurs('Labwire 1 MHz', channels, 1_000_000, 60),
  ];
  const rateHz = 100_000;
  const n = columnRowsFor(WINDOW_S, rateHz);
  const window = Math.ceil((WINDOW_S * rateHz) / n);
  const perFrame = rateHz / 60 / n;
  const frames = 16;
  const columns = window + Math.ceil(perFrame * (frames + 8));
  // Two points a column, lowest then highest, as the min/max way draws them.
  const source = new OurColumns(channels, n, rateHz, columns);
  timings.push(
    await withPeer(uplotColumns, channels, (peer) => {
      let view: Float32Array[] = [];
      let times = source.x;
      return measure(
        'uPlot, same columns',
        frames,
        (frame) => {
          const from = 2 * Math.floor(frame * perFrame);
          times = source.x.subarray(from, from + 2 * window);
          view = source.series.map((samples) => samples.subarray(from, from + 2 * window));
        },
        (frame) => peer.show(times, view, frame / 60, frame / 60 + WINDOW_S),
      );
    }),
  );
  return timings;
}

/** Columns as pairs of points for uPlot. */
class OurColumns {
  readonly x: Float64Array;
  readonly series: Float32Array[];

  constructor(channels: number, n: number, rateHz: number, columns: number) {
    this.x = Float64Array.from({ length: 2 * columns }, (_, at) => (at * n) / 2 / rateHz);
    const ours = makeRows(channels, 2 * columns, rateHz / n);
    this.series = ours.map((samples) => {
      for (let at = 0; at < samples.length; at += 2) {
        const a = samples[at] as number;
        samples[at] = a - 0.4;
        samples[at + 1] = a + 0.4;
      }
      return samples;
    });
  }
}

/** Script per frame as the rate grows by a thousand. */
export async function scaling(): Promise<Timing[]> {
  return [await streamOurs('10 × 1 kHz', 10, 1000, 120), await streamOurs('10 × 1 MHz', 10, 1_000_000, 120)];
}

/** 100 × 100 kHz for some seconds in the screen's own pace: how many frames came late. */
export async function pace(seconds: number): Promise<{ frames: number; late: number; fps: number }> {
  const [channels, rateHz] = [100, 100_000];
  const n = columnRowsFor(WINDOW_S, rateHz);
  const perFrame = rateHz / 60 / n;
  const window = Math.ceil((WINDOW_S * rateHz) / n);
  const frames = seconds * 60;
  const ours = new OurChart(stage, channels, rateHz);
  ours.take([columnsFrame(channels, n, rateHz, 0, window)]);
  const encoded: ArrayBuffer[][] = [];
  let sent = window;
  for (let frame = 0; frame < frames + 30; frame++) {
    const until = window + Math.floor((frame + 1) * perFrame);
    encoded.push(until > sent ? [columnsFrame(channels, n, rateHz, sent, until)] : []);
    sent = Math.max(sent, until);
  }
  const gaps: number[] = [];
  let before = 0;
  for (let frame = 0; frame < frames + 30; frame++) {
    const now = await nextFrame();
    if (frame > 30) gaps.push(now - before);
    before = now;
    ours.take(encoded[frame] ?? []);
    const toS = WINDOW_S + (frame + 1) / 60;
    ours.paint(toS - WINDOW_S, toS);
  }
  assertPainted('pace');
  ours.remove();
  return {
    frames: gaps.length,
    late: gaps.filter((gap) => gap > 25).length,
    fps: (1000 * gaps.length) / gaps.reduce((sum, gap) => sum + gap, 0),
  };
}

Object.assign(window, { bench: { redraw, stream10, stream100, scaling, pace } });
