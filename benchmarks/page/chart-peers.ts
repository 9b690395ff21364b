import { Chart, Decimation, LinearScale, LineController, LineElement, PointElement } from 'chart.js';
import { LineChart } from 'echarts/charts';
import { GridComponent } from 'echarts/components';
import * as echarts from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import uPlot from 'uplot';
import { CHART, WIDTH } from './plot-data.ts';

/** A chart under measurement: `show` gives it what is to be seen and draws it before it returns. */
export interface Peer {
  show(x: Float64Array, series: readonly Float32Array[], fromS: number, toS: number): void;
  remove(): void;
}

Chart.register(LineController, LineElement, PointElement, LinearScale, Decimation);
echarts.use([LineChart, GridComponent, CanvasRenderer]);

const COLORS = ['#f7d14c', '#4fd6e8', '#f27fd3', '#63d68d', '#ff9d5c', '#9b8cff', '#c4d65a', '#ff7a90'];

function uplot(stage: HTMLElement, count: number): uPlot {
  return new uPlot(
    {
      ...CHART,
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false }, y: { auto: false, range: [-2, 22] } },
      axes: [
        { stroke: '#888', grid: { stroke: '#222' } },
        { stroke: '#888', grid: { stroke: '#222' } },
      ],
      series: [
        {},
        ...Array.from({ length: count }, (_, index) => ({
          stroke: COLORS[index % 8] as string,
          width: 1,
          points: { show: false },
        })),
      ],
    },
    [[0], ...Array.from({ length: count }, () => [0])],
    stage,
  );
}

/** uPlot with all samples. */
export function uplotRaw(stage: HTMLElement, count: number): Peer {
  const chart = uplot(stage, count);
  return {
    show: (x, series, fromS, toS) =>
      chart.batch(() => {
        chart.setData([x, ...series], false);
        chart.setScale('x', { min: fromS, max: toS });
      }),
    remove: () => chart.destroy(),
  };
}

/** uPlot fed with the lowest and highest sample per pixel: the obvious way. */
export function uplotMinMax(stage: HTMLElement, count: number): Peer {
  const chart = uplot(stage, count);
  const x = new Float64Array(2 * WIDTH);
  const reduced = Array.from({ length: count }, () => new Float32Array(2 * WIDTH));
  return {
    show: (times, series, fromS, toS) => {
      const rows = times.length;
      for (let bucket = 0; bucket < WIDTH; bucket++) {
        const from = Math.floor((bucket * rows) / WIDTH);
        const to = Math.floor(((bucket + 1) * rows) / WIDTH);
        x[2 * bucket] = times[from] as number;
        x[2 * bucket + 1] = times[(from + to) >> 1] as number;
        for (let index = 0; index < count; index++) {
          const samples = series[index] as Float32Array;
          let low = samples[from] as number;
          let high = low;
          for (let row = from + 1; row < to; row++) {
            const value = samples[row] as number;
            if (value < low) low = value;
            if (value > high) high = value;
          }
          const out = reduced[index] as Float32Array;
          out[2 * bucket] = low;
          out[2 * bucket + 1] = high;
        }
      }
      chart.batch(() => {
        chart.setData([x, ...reduced], false);
        chart.setScale('x', { min: fromS, max: toS });
      });
    },
    remove: () => chart.destroy(),
  };
}

/** uPlot with columns that come reduced already, as ours do: two points a column. */
export function uplotColumns(stage: HTMLElement, count: number): Peer {
  return uplotRaw(stage, count);
}

/** Chart.js with its own min/max decimation. */
export function chartjs(stage: HTMLElement, count: number): Peer {
  const canvas = document.createElement('canvas');
  canvas.width = CHART.width;
  canvas.height = CHART.height;
  stage.append(canvas);
  const chart = new Chart(canvas, {
    type: 'line',
    data: {
      datasets: Array.from({ length: count }, (_, index) => ({
        data: [] as { x: number; y: number }[],
        borderColor: COLORS[index % 8] as string,
        borderWidth: 1,
        pointRadius: 0,
      })),
    },
    options: {
      responsive: false,
      animation: false,
      parsing: false,
      normalized: true,
      devicePixelRatio: 1,
      events: [],
      plugins: { decimation: { enabled: true, algorithm: 'min-max' } },
      scales: { x: { type: 'linear', min: 0, max: 1 }, y: { type: 'linear', min: -2, max: 22 } },
    },
  });
  return {
    show: (x, series, fromS, toS) => {
      for (const [index, samples] of series.entries()) {
        const dataset = chart.data.datasets[index];
        if (dataset) dataset.data = toPoints(x, samples);
      }
      const scale = chart.options.scales?.x;
      if (scale) Object.assign(scale, { min: fromS, max: toS });
      chart.update('none');
    },
    remove: () => {
      chart.destroy();
      canvas.remove();
    },
  };
}

/** Chart.js takes objects only; making them is not counted against it (`show` is given the same arrays as kept here). */
const points = new WeakMap<Float32Array, { x: number; y: number }[]>();

export function toPoints(x: Float64Array, samples: Float32Array): { x: number; y: number }[] {
  const known = points.get(samples);
  if (known) return known;
  const made = Array.from(samples, (y, row) => ({ x: x[row] as number, y }));
  points.set(samples, made);
  return made;
}

/** ECharts with its min/max sampling. */
export function echart(stage: HTMLElement, count: number): Peer {
  const element = document.createElement('div');
  element.style.width = `${CHART.width}px`;
  element.style.height = `${CHART.height}px`;
  stage.append(element);
  const chart = echarts.init(element, undefined, { renderer: 'canvas', devicePixelRatio: 1 });
  return {
    show: (x, series, fromS, toS) => {
      chart.setOption(
        {
          animation: false,
          xAxis: { type: 'value', min: fromS, max: toS },
          yAxis: { type: 'value', min: -2, max: 22 },
          series: series.slice(0, count).map((samples, index) => ({
            type: 'line',
            data: toPairs(x, samples),
            sampling: 'minmax',
            symbol: 'none',
            silent: true,
            lineStyle: { width: 1, color: COLORS[index % 8] },
          })),
        },
        { lazyUpdate: false },
      );
      chart.getZr().flush();
    },
    remove: () => {
      chart.dispose();
      element.remove();
    },
  };
}

const pairs = new WeakMap<Float32Array, Float64Array>();

/** ECharts takes flat typed arrays of x, y for a line. */
export function toPairs(x: Float64Array, samples: Float32Array): Float64Array {
  const known = pairs.get(samples);
  if (known) return known;
  const made = new Float64Array(2 * samples.length);
  for (let row = 0; row < samples.length; row++) {
    made[2 * row] = x[row] as number;
    made[2 * row + 1] = samples[row] as number;
  }
  pairs.set(samples, made);
  return made;
}
