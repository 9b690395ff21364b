import '@fontsource/inter/400.css';
import '@fontsource/inter/500.css';
import '@fontsource/inter/600.css';
import '@fontsource/jetbrains-mono/400.css';
import '@fontsource/jetbrains-mono/500.css';
import '@fontsource/jetbrains-mono/600.css';
import '@fontsource/jetbrains-mono/700.css';
import '../../src/renderer/styles/tokens.css';
import '../../src/renderer/styles/base.css';
import '../../src/renderer/styles/controls.css';
import { createRoot } from 'react-dom/client';
import { seededRandom } from '../../src/core/seeded-random.ts';
import type { StreamInfo } from '../../src/core/stream-info.ts';
import { PlotArea } from '../../src/renderer/plot/plot-area.tsx';
import { emptyBench, syntheticChannel } from './synthetic-bench.ts';
import { SyntheticEngine } from './synthetic-engine.ts';

const query = new URLSearchParams(location.search);
document.documentElement.dataset.theme = query.get('theme') ?? 'dark';
const random = seededRandom(7);
const nowS = (performance.timeOrigin + performance.now()) / 1000;
const start = nowS - 300;

const bench = emptyBench();
const regular = (id: number, instrument: string, names: string[], unit: string[], rateHz: number): StreamInfo => ({
  id,
  key: `${instrument}/main`,
  instrument,
  epoch: Math.round(start * 1e6),
  kind: rateHz < 50 ? 'timed' : 'regular',
  columns: names.map((channel, index) => ({ channel, unit: unit[index] ?? 'V' })),
  rateHz,
});
const dmm = regular(1, 'dmm', ['voltage'], ['V'], 2000);
const supply = regular(2, 'supply', ['ch1.current'], ['A'], 4);
const temps = regular(3, 'daq', ['mosfet', 'inductor', 'ripple'], ['degC', 'degC', 'degC'], 1000);
bench.streams = [dmm, supply, temps];
bench.channels = [
  syntheticChannel('dmm', 'voltage', 'DMM voltage', 'V', 1, 1e-5, 2000),
  syntheticChannel('supply', 'ch1.current', 'Supply CH1 current', 'A', 2, 1e-3, 4),
  syntheticChannel('daq', 'mosfet', 'MOSFET', 'degC', 3, 0.1, 1000),
  syntheticChannel('daq', 'inductor', 'Inductor', 'degC', 4, 0.1, 1000),
  syntheticChannel('daq', 'ripple', 'Ripple', 'degC', 5, 0.1, 1000),
];
bench.plots = [
  { id: 'p1', title: '', channels: ['dmm/voltage', 'supply/ch1.current'] },
  { id: 'p2', title: '', channels: ['daq/mosfet', 'daq/inductor', 'daq/ripple'] },
];
const event = (id: string, atS: number, kind: string, text: string, severity?: string) =>
  ({ id, t: String(BigInt(Math.round(atS * 1e6)) * 1000n), kind, text, severity }) as (typeof bench.events)[number];
bench.events = [
  event('1', nowS - 46, 'setpoint', 'CH1 on'),
  event('2', nowS - 22, 'setpoint', 'load 1.0 A'),
  event('3', nowS - 30, 'alarm', 'alarm: MOSFET > 50 °C', 'warning'),
  event('4', nowS - 8, 'gap', 'reconnect'),
];
const engine = new SyntheticEngine(bench);
const step = (t: number): number => (t > nowS - 22 ? 1 : 0);
engine.open({
  info: dmm,
  signals: [(t) => 4.95 + 0.03 * Math.sin(t / 7) - 0.05 * step(t) + 0.004 * random.normal()],
});
engine.open({
  info: supply,
  signals: [(t) => 0.62 + 0.4 * step(t) + 0.02 * Math.sin(t * 1.1) + 0.004 * random.normal()],
});
engine.open({
  info: temps,
  signals: [
    (t) => 38 + 12 * (1 - Math.exp(-(t - start) / 200)) + 0.05 * random.normal(),
    (t) => 34 + 8 * (1 - Math.exp(-(t - start) / 300)) + 0.05 * random.normal(),
    (t) =>
      Math.floor(t) % 40 === 7 && query.has('overload')
        ? Number.POSITIVE_INFINITY
        : 49 + 1.6 * Math.sin(t * 0.7) + 0.25 * random.normal(),
  ],
});
engine.feed(1, nowS, start);
engine.feed(2, nowS - 10, start);
engine.feed(2, nowS, nowS - 7.5);
engine.feed(3, nowS, start);
setInterval(() => {
  const now = (performance.timeOrigin + performance.now()) / 1000;
  for (const id of [1, 2, 3]) engine.feed(id, now);
}, 16);

const client = await engine.connect();
Object.assign(window, { engine, client });
const root = document.getElementById('root');
if (root) createRoot(root).render(<PlotArea client={client} bench={bench} origin="live" />);
