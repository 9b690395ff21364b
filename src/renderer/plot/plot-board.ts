import uPlot from 'uplot';
import type { BenchState, PlotLayout } from '../../contract/bench-schema.ts';
import type { Client } from '../../contract/client.ts';
import type { RecordingInfo } from '../../contract/recording-schema.ts';
import type { ReplayState } from '../../contract/replay-schema.ts';
import type { LabError } from '../../core/errors.ts';
import { Playhead } from '../replay/playhead.ts';
import { createStore, type Store } from '../store.ts';
import { benchPlots } from './automatic-plots.ts';
import { BoardData } from './board-data.ts';
import { lastValue, readTrace } from './cursor-readout.ts';
import { distinctColors } from './distinct-colors.ts';
import { LinkedView, type ViewSummary } from './linked-view.ts';
import { LiveEdge } from './live-edge.ts';
import { PlotCanvas, type PlotScene } from './plot-canvas.ts';
import { benchChannels, comparedChannels, type PlotChannel, recordedChannels } from './plot-channel.ts';
import { plotLoop } from './plot-loop.ts';
import { plotStats } from './plot-stats.ts';
import { type PlotTheme, readTheme, watchTheme } from './plot-theme.ts';
import type { PlotTrace } from './plot-trace.ts';
import { ScreenLatency } from './screen-latency.ts';
import { SegmentPlot } from './segment-plot.ts';
import type { TimeStyle } from './time-ticks.ts';

/** What React shows of a board; replaced only when something a person sees beside the plots changes. */
export interface BoardState extends ViewSummary {
  timeStyle: TimeStyle;
  plots: readonly PlotLayout[];
  channels: readonly PlotChannel[];
  /** Why samples do not come. */
  fault: LabError | undefined;
}

interface AttachedPlot {
  canvas: PlotCanvas;
  host: HTMLElement;
  stop: () => void;
  /** Traces the canvas has, to see whether they are others now. */
  key: string;
}

const MOST_CHANNELS = 500;
const TIDY_MS = 1000;

/**
 * All plots over one linked time axis: owns the view, the data and the canvases; paints in the loop of the screen, outside React.
 *
 *     const board = new PlotBoard('live');
 *     board.setBench(bench); board.setClient(client);
 *     const detach = board.attach('plot-1', element);   // the element a plot is drawn in
 *     board.view.zoomBy(0.5);
 *     board[Symbol.dispose]();
 */
export class PlotBoard implements Disposable {
  readonly origin: string;
  readonly state: Store<BoardState>;
  readonly view: LinkedView;
  readonly #originNs: bigint;
  #data: BoardData;
  readonly #playhead: Playhead | undefined;
  #run = 0;
  readonly #info: RecordingInfo | undefined;
  #replay: ReplayState | undefined;
  readonly #edge = new LiveEdge();
  readonly #latency = new ScreenLatency();
  readonly #plots = new Map<string, AttachedPlot>();
  readonly #segments = new Set<SegmentPlot>();
  readonly #stopTheme: () => void;
  #leaveLoop: (() => void) | undefined;
  #client: Client | undefined;
  #bench: BenchState | undefined;
  #theme: PlotTheme | undefined;
  #isThemeOld = true;
  #tidiedMs = 0;
  /** Time under the pointer; undefined while it is elsewhere. */
  hoverS: number | undefined;
  /** Called once per frame of the screen: legends and tables. */
  readonly onPaint = new Set<(nowMs: number) => void>();

  /** `info`: of the recording that is the origin; second 0 of the axis is then its first sample. */
  constructor(origin: string, info?: RecordingInfo, replay?: ReplayState) {
    this.origin = origin;
    this.#info = info;
    this.#replay = replay;
    this.#run = replay?.run ?? 0;
    this.#originNs = info ? BigInt(info.fromNs) : BigInt(Math.floor(Date.now() / 1000)) * 1_000_000_000n;
    this.#playhead = replay && new Playhead(this.#originNs);
    this.#playhead?.set(replay, performance.now());
    const toS = this.#playhead?.at(performance.now()) ?? (info ? this.#secondsOf(BigInt(info.toNs)) : 0);
    const limits = { fromS: 0, toS, live: origin === 'live' || replay !== undefined };
    this.view = new LinkedView(limits, () => this.#patch(this.view.summary));
    this.#data = this.#createData();
    this.state = createStore<BoardState>({
      ...this.view.summary,
      timeStyle: 'absolute',
      plots: [],
      channels: [],
      fault: undefined,
    });
    this.#stopTheme = watchTheme(() => {
      this.#isThemeOld = true;
    });
    this.wake();
  }

  /** How the replay stands. What it gave before a seek is void: no line is drawn from there to here. */
  setReplay(replay: ReplayState): void {
    this.#replay = replay;
    this.#playhead?.set(replay, performance.now());
    if (replay.run === this.#run) return;
    this.#run = replay.run;
    this.#data[Symbol.dispose]();
    this.#data = this.#createData();
    this.#data.setClient(this.#client);
    for (const attached of this.#plots.values()) attached.key = '';
    this.#applyTraces();
  }

  /** Not shown for now: no frames, no watch; view and columns stay for when it is shown again. */
  park(): void {
    this.#leaveLoop?.();
    this.#leaveLoop = undefined;
    this.setClient(undefined);
  }

  wake(): void {
    this.#leaveLoop ??= plotLoop.add({ frame: (nowMs) => this.#frame(nowMs) });
  }

  setClient(client: Client | undefined): void {
    this.#client = client;
    this.#data.setClient(client);
    for (const segments of this.#segments) segments.setClient(client);
  }

  /** Channels, colours, plots and events as the bench has them now. `plotIds`: only these plots. */
  setBench(bench: BenchState, plotIds?: readonly string[]): void {
    this.#bench = bench;
    if (!this.#info) this.#data.addEvents(bench.events);
    const before = this.state.get();
    const recorded = this.#info && recordedChannels(this.#info, bench);
    const found = recorded ? [...recorded, ...comparedChannels(recorded, this.#replay)] : benchChannels(bench);
    const channels = sameJson(found, before.channels) ? before.channels : found;
    const arranged = this.origin === 'live' ? bench.plots : before.plots;
    const plots = benchPlots(arranged, channels);
    const shown = plotIds ? plots.filter((plot) => plotIds.includes(plot.id)) : plots;
    this.#patch({ channels, plots: sameJson(shown, before.plots) ? before.plots : shown });
    this.#applyTraces();
  }

  /** Another arrangement; of a recording it is kept on this screen only. */
  setPlots(plots: readonly PlotLayout[]): void {
    this.#patch({ plots });
    this.#applyTraces();
  }

  /** Where the engine's clock stands, before samples come; and what relative time counts from. ns since 1970. */
  setClock(nowNs: bigint, startedNs: bigint): void {
    if (this.origin !== 'live') return;
    this.#edge.guess(this.#secondsOf(nowNs), performance.now());
    this.view.reachBack(this.#secondsOf(startedNs));
    this.view.zeroS = this.#secondsOf(startedNs);
  }

  setTimeStyle(timeStyle: TimeStyle): void {
    this.#patch({ timeStyle });
  }

  /** Another window length; the axes scale themselves to what it shows. */
  setSpan(spanS: number | 'all'): void {
    this.view.setSpan(spanS);
    for (const { canvas } of this.#plots.values()) canvas.resetAxes();
  }

  /** Back to live (or the whole recording), axes scaling themselves. */
  reset(): void {
    this.view.resume();
    for (const { canvas } of this.#plots.values()) {
      for (const key of canvas.axisKeys()) canvas.setAxis(key, undefined);
    }
  }

  /** Draws a plot into an element that fills its place; follows its size. Gives the function that stops. */
  attach(plot: string, host: HTMLElement): () => void {
    const canvas = new PlotCanvas(host, this.#themeOf(host), `labwire-${this.origin}`);
    const measure = (): void => canvas.resize(Math.floor(host.clientWidth), Math.floor(host.clientHeight));
    const observer = new ResizeObserver(measure);
    observer.observe(host);
    measure();
    const stop = (): void => {
      observer.disconnect();
      canvas[Symbol.dispose]();
      if (this.#plots.get(plot)?.canvas === canvas) this.#plots.delete(plot);
    };
    this.#plots.set(plot, { canvas, host, stop, key: '' });
    this.#applyTraces();
    return stop;
  }

  /** Draws the newest segments of waveform channels into an element. Gives the function that stops. */
  attachSegments(channels: readonly PlotChannel[], host: HTMLElement): () => void {
    const segments = new SegmentPlot({
      host,
      theme: this.#themeOf(host),
      channels,
      findStream: (id) => this.#bench?.streams.find((stream) => stream.id === id),
      onFault: (fault) => this.#patch({ fault }),
    });
    segments.setClient(this.#client);
    this.#segments.add(segments);
    return () => {
      this.#segments.delete(segments);
      segments[Symbol.dispose]();
    };
  }

  /** The channels of a plot that exist, in its order and with colours told apart. */
  channelsOf(plot: PlotLayout): PlotChannel[] {
    return distinctColors(plot.channels.flatMap((id) => this.#channel(id) ?? []));
  }

  canvas(plot: string): PlotCanvas | undefined {
    return this.#plots.get(plot)?.canvas;
  }

  /** Engine time of a second of the axis; ns since 1970. */
  timeNs(seconds: number): bigint {
    return this.#originNs + BigInt(Math.round(seconds * 1e9));
  }

  /** Shown value of a channel at a time; NaN where nothing is, Infinity for overload. */
  valueAt(id: string, timeS: number): number {
    const channel = this.#channel(id);
    if (!channel) return Number.NaN;
    const spanS = this.view.range.toS - this.view.range.fromS;
    const reading = readTrace(this.#data.pieces(id, timeS - spanS / 2, timeS + spanS / 2), timeS, spanS / 100);
    if (reading.overload && !Number.isFinite(reading.value)) return Number.POSITIVE_INFINITY;
    return channel.gain * reading.value + channel.offset;
  }

  /** The last value in view; NaN if there is none. */
  lastValue(id: string): number {
    const channel = this.#channel(id);
    const { fromS, toS } = this.view.range;
    return channel ? channel.gain * lastValue(this.#data.pieces(id, fromS, toS), toS) + channel.offset : Number.NaN;
  }

  [Symbol.dispose](): void {
    this.park();
    for (const { stop } of [...this.#plots.values()]) stop();
    this.#stopTheme();
    this.#data[Symbol.dispose]();
    this.onPaint.clear();
  }

  #createData(): BoardData {
    const data = new BoardData({
      origin: this.origin,
      recording: this.#replay?.recording,
      sinceS: this.#playhead?.at(performance.now()),
      originNs: this.#originNs,
      findStream: (id) => (this.#replay?.streams ?? this.#bench?.streams)?.find((stream) => stream.id === id),
      onSamples: (newestS, arrivedNs) => {
        if (this.#replay) return;
        this.#edge.observe(newestS, performance.now());
        this.#latency.arrived(arrivedNs);
      },
      onFault: (fault) => this.#patch({ fault }),
    });
    data.addEvents(this.#info?.events ?? []);
    return data;
  }

  #frame(nowMs: number): boolean {
    const widthPx = this.#widestPx();
    const edgeS = this.#playhead ? this.#playhead.at(nowMs) : this.#edge.at(nowMs);
    this.view.advance(edgeS, this.#data.oldestS, widthPx);
    const { view, limits, range } = this.view;
    const channels = this.#shownChannels();
    this.#data.want({ view, limits, range, channels, widthPx }, nowMs);
    const painted = this.#paint(nowMs, channels);
    if (painted) {
      for (const ms of this.#latency.painted()) plotStats.countLatency(ms);
    }
    for (const listener of this.onPaint) listener(nowMs);
    if (nowMs - this.#tidiedMs > TIDY_MS) {
      this.#tidiedMs = nowMs;
      this.#data.tidy();
    }
    return painted;
  }

  #paint(nowMs: number, channels: readonly string[]): boolean {
    if (this.#isThemeOld) this.#renewTheme();
    let painted = false;
    for (const segments of this.#segments) {
      if (segments.paint(nowMs)) painted = true;
    }
    if (!this.#theme || this.#plots.size === 0) return painted;
    const scene = this.#sceneOf(this.#theme, nowMs, channels);
    for (const { canvas } of this.#plots.values()) {
      if (canvas.paint(scene)) painted = true;
    }
    return painted;
  }

  #sceneOf(theme: PlotTheme, nowMs: number, channels: readonly string[]): PlotScene {
    const { range, cursors, zeroS } = this.view;
    const sides = { left: 0, right: 0 };
    for (const { canvas } of this.#plots.values()) {
      sides.left = Math.max(sides.left, canvas.sides.left);
      sides.right = Math.max(sides.right, canvas.sides.right);
    }
    const originMs = Number(this.#originNs / 1_000_000n);
    const zoneMinutes = -new Date(originMs + range.toS * 1000).getTimezoneOffset();
    return {
      range,
      time: { style: this.state.get().timeStyle, originMs, zoneMinutes, zeroS },
      marks: this.#data.marks,
      marksRevision: this.#data.marksRevision,
      gapReason: (fromS, toS) => this.#data.gapReason(channels, fromS, toS),
      cursors: cursors
        ? [
            { name: 'A', timeS: cursors.aS },
            { name: 'B', timeS: cursors.bS },
          ]
        : [],
      theme,
      nowMs,
      sides,
    };
  }

  #widestPx(): number {
    let width = 0;
    for (const { canvas } of this.#plots.values()) width = Math.max(width, canvas.area.width);
    return Math.round(width * uPlot.pxRatio);
  }

  #shownChannels(): string[] {
    const wanted = new Set<string>();
    for (const plot of this.state.get().plots) {
      if (!this.#plots.has(plot.id)) continue;
      for (const id of plot.channels) {
        if (this.#channel(id)?.isWaveform === false) wanted.add(id);
      }
    }
    return [...wanted].sort().slice(0, MOST_CHANNELS);
  }

  #channel(id: string): PlotChannel | undefined {
    return this.state.get().channels.find((channel) => channel.id === id);
  }

  /** Gives every canvas its traces, if they are others now. */
  #applyTraces(): void {
    for (const plot of this.state.get().plots) {
      const attached = this.#plots.get(plot.id);
      if (!attached) continue;
      const traces = this.channelsOf(plot).flatMap((channel): PlotTrace[] => {
        const { id, label, unit, color, gain, offset, resolution, isWaveform } = channel;
        return isWaveform ? [] : [{ id, label, unit, color, gain, offset, resolution, source: this.#data.source(id) }];
      });
      const key = JSON.stringify(traces.map(({ source, ...rest }) => rest));
      if (attached.key === key) continue;
      attached.key = key;
      attached.canvas.setTraces(traces);
    }
  }

  #themeOf(host: Element): PlotTheme {
    this.#theme ??= readTheme(host);
    return this.#theme;
  }

  #renewTheme(): void {
    const [plot] = this.#plots.values();
    const [segments] = this.#segments;
    const host = plot?.host ?? segments?.host;
    if (!host) return;
    this.#isThemeOld = false;
    this.#theme = readTheme(host);
    for (const { canvas } of this.#plots.values()) canvas.setTheme(this.#theme);
    for (const item of this.#segments) item.setTheme(this.#theme);
  }

  #secondsOf(timeNs: bigint): number {
    return Number(timeNs - this.#originNs) / 1e9;
  }

  #patch(change: Partial<BoardState>): void {
    const before = this.state.get();
    const keys = Object.keys(change) as (keyof BoardState)[];
    if (!keys.every((key) => Object.is(change[key], before[key]))) this.state.set({ ...before, ...change });
  }
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
