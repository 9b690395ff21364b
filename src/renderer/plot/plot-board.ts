import uPlot from 'uplot';
import type { BenchState, PlotLayout } from '../../contract/bench-schema.ts';
import type { Client } from '../../contract/client.ts';
import type { RecordingInfo } from '../../contract/recording-schema.ts';
import type { LabError } from '../../core/errors.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { createStore, type Store } from '../store.ts';
import { automaticPlots, benchChannels, distinctColors, type PlotChannel, recordedChannels } from './board-layout.ts';
import { ChangeLog } from './change-log.ts';
import { type ColumnCover, mixColumns, rankCovers } from './column-mix.ts';
import { readTrace } from './cursor-readout.ts';
import { EventFeed } from './event-feed.ts';
import { gapReason } from './event-flags.ts';
import { HistoryFeed } from './history-feed.ts';
import { LiveEdge } from './live-edge.ts';
import { LiveFeed } from './live-feed.ts';
import { PlotCanvas, type PlotScene } from './plot-canvas.ts';
import { plotLoop } from './plot-loop.ts';
import { plotStats } from './plot-stats.ts';
import { type PlotTheme, readTheme, watchTheme } from './plot-theme.ts';
import type { PlotTrace } from './plot-trace.ts';
import { ScreenLatency } from './screen-latency.ts';
import { SegmentPlot } from './segment-plot.ts';
import type { TimeStyle } from './time-ticks.ts';
import {
  allSpan,
  LONGEST_S,
  pan,
  rangeOf,
  resume,
  setSpan,
  settle,
  type TimeLimits,
  type TimeRange,
  type TimeView,
  togglePause,
  wholeOf,
  zoom,
} from './time-window.ts';
import type { TraceColumns, TraceSource } from './trace-columns.ts';

/** What React shows of a board; replaced only when something a person sees in the toolbar changes. */
export interface BoardState {
  /** Kind and length of the view, not its position. */
  kind: TimeView['kind'];
  spanS: number;
  paused: boolean;
  timeStyle: TimeStyle;
  hasCursors: boolean;
  plots: readonly PlotLayout[];
  channels: readonly PlotChannel[];
  /** Why samples do not come. */
  fault: LabError | undefined;
  /** Still asking about the recording. */
  isLoading: boolean;
}

export interface CursorPair {
  aS: number;
  bS: number;
}

/** Columns of the live watch kept per stream. */
const LIVE_COLUMNS = 32_768;
/** Widths are asked in steps, so that dragging a splitter does not open a watch per pixel. */
const WIDTH_STEP = 128;
/** The newest samples may still be on their way into history. */
const HISTORY_LAG_S = 0.5;
/** The window asked for in `all` grows by this factor at a time. */
const ALL_STEP = 1.3;
const TIDY_MS = 1000;

/**
 * All plots over one linked time axis: owns the view, the feeds and the canvases; paints in the loop of the screen, outside React.
 *
 *     const board = new PlotBoard('live');
 *     board.setBench(bench); board.setClient(client);
 *     const detach = board.attach('plot-1', element);   // the element a plot is drawn in
 *     board.zoomBy(0.5);
 *     board[Symbol.dispose]();
 */
export class PlotBoard implements Disposable {
  readonly origin: string;
  readonly state: Store<BoardState>;
  readonly #originNs: bigint;
  readonly #live: LiveFeed | undefined;
  #history: HistoryFeed;
  #events: EventFeed;
  readonly #edge = new LiveEdge();
  readonly #latency = new ScreenLatency();
  readonly #canvases = new Map<string, { canvas: PlotCanvas; host: HTMLElement; stop: () => void; key: string }>();
  readonly #segments = new Set<SegmentPlot>();
  readonly #stops: (() => void)[] = [];
  #leaveLoop: (() => void) | undefined;
  #view: TimeView = { kind: 'live', spanS: 60 };
  #limits: TimeLimits;
  #client: Client | undefined;
  #bench: BenchState | undefined;
  #info: RecordingInfo | undefined;
  #theme: PlotTheme | undefined;
  #themeIsOld = true;
  #ranked: ColumnCover[] = [];
  #range: TimeRange = { fromS: -60, toS: 0 };
  #cursors: CursorPair | undefined;
  #zeroS = 0;
  readonly #changes = new ChangeLog();
  #liveRevision = 0;
  #coverKey = '';
  #tidiedMs = 0;
  #sources = new Map<string, BoardSource>();
  /** Time under the pointer; undefined while it is elsewhere. */
  hoverS: number | undefined;
  /** Called after each painted frame, at most once per frame: legends and tables. */
  readonly onPaint = new Set<(nowMs: number) => void>();

  /** `originNs`: second 0 of the time axis; for a recording its first sample. */
  constructor(origin: string, info?: RecordingInfo) {
    this.origin = origin;
    this.#info = info;
    this.#originNs = info ? BigInt(info.fromNs) : BigInt(Math.floor(Date.now() / 1000)) * 1_000_000_000n;
    const durationS = info ? Number(BigInt(info.toNs) - BigInt(info.fromNs)) / 1e9 : 0;
    this.#limits = { fromS: 0, toS: durationS, live: origin === 'live' };
    if (info) this.#view = wholeOf(this.#limits);
    const onFault = (fault: LabError | undefined): void => this.#patch({ fault });
    const findStream = (id: number): StreamInfo | undefined => this.#bench?.streams.find((stream) => stream.id === id);
    this.#live =
      origin === 'live'
        ? new LiveFeed(this.#originNs, LIVE_COLUMNS, {
            findStream,
            onSamples: (newestS, arrivedNs) => {
              this.#edge.observe(newestS, performance.now());
              this.#latency.arrived(arrivedNs);
            },
            onFault,
          })
        : undefined;
    this.#history = new HistoryFeed({ origin, originNs: this.#originNs, findStream, onAnswer: () => {}, onFault });
    this.#events = new EventFeed(this.#originNs);
    this.#events.add(info?.events ?? []);
    this.state = createStore<BoardState>({
      kind: this.#view.kind,
      spanS: durationS || 60,
      paused: false,
      timeStyle: 'absolute',
      hasCursors: false,
      plots: [],
      channels: [],
      fault: undefined,
      isLoading: false,
    });
    this.#stops.push(
      watchTheme(() => {
        this.#themeIsOld = true;
      }),
    );
    this.wake();
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
    this.#live?.setClient(client);
    this.#history.setClient(client);
    for (const segments of this.#segments) segments.setClient(client);
  }

  /** Channels, colours, plots and events as the bench has them now. `plotIds`: only these plots. */
  setBench(bench: BenchState, plotIds?: readonly string[]): void {
    const before = this.#bench;
    this.#bench = bench;
    this.#events.add(bench.events);
    const channels =
      before?.channels === bench.channels &&
      before.instruments === bench.instruments &&
      before.streams === bench.streams
        ? this.state.get().channels
        : this.#info
          ? recordedChannels(this.#info, bench)
          : benchChannels(bench);
    const arranged = this.origin === 'live' ? bench.plots : this.state.get().plots;
    const plots = arranged.length > 0 ? arranged : automaticPlots(channels);
    const shown = plotIds ? plots.filter((plot) => plotIds.includes(plot.id)) : plots;
    this.#patch({ channels, plots: sameJson(shown, this.state.get().plots) ? this.state.get().plots : shown });
    this.#applyTraces();
  }

  /** Plots of a recording are arranged on this screen only. */
  setPlots(plots: readonly PlotLayout[]): void {
    this.#patch({ plots });
    this.#applyTraces();
  }

  /** Where the engine's clock stands, before samples come; and what relative time counts from. ns since 1970. */
  setClock(nowNs: bigint, startedNs: bigint): void {
    this.#edge.guess(this.#secondsOf(nowNs), performance.now());
    this.#limits = { ...this.#limits, fromS: Math.min(this.#limits.fromS, this.#secondsOf(startedNs)) };
    if (this.origin === 'live') this.#zeroS = this.#secondsOf(startedNs);
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
      if (this.#canvases.get(plot)?.canvas === canvas) this.#canvases.delete(plot);
    };
    this.#canvases.set(plot, { canvas, host, stop, key: '' });
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
    return this.#canvases.get(plot)?.canvas;
  }

  /** What is shown now; s since the origin. */
  get range(): TimeRange {
    return this.#range;
  }

  get limits(): TimeLimits {
    return this.#limits;
  }

  /** Zero of relative time. */
  get zeroS(): number {
    return this.#zeroS;
  }

  get cursors(): CursorPair | undefined {
    return this.#cursors;
  }

  /** Engine time of a second of the axis; ns since 1970. */
  timeNs(seconds: number): bigint {
    return this.#originNs + BigInt(Math.round(seconds * 1e9));
  }

  setSpan(spanS: number | 'all'): void {
    this.#setView(setSpan(this.#view, this.#limits, spanS));
    this.#resetAxes();
  }

  togglePause(): void {
    this.#setView(togglePause(this.#view, this.#limits));
  }

  /** Back to live (or the whole recording), axes scaling themselves. */
  reset(): void {
    this.#setView(resume(this.#view, this.#limits));
    for (const { canvas } of this.#canvases.values())
      for (const key of canvas.axisKeys()) canvas.setAxis(key, undefined);
  }

  /** `at`: 0…1 from the left edge; by default the middle, while live the right edge. */
  zoomBy(factor: number, at = this.#view.kind === 'fixed' ? 0.5 : 1): void {
    this.#setView(zoom(this.#view, this.#limits, factor, at));
  }

  /** Part of the window, positive: later. */
  panBy(part: number): void {
    this.#setView(pan(this.#view, this.#limits, part * (this.#range.toS - this.#range.fromS)));
  }

  show(range: TimeRange): void {
    this.#setView(settle(this.#view, this.#limits, range));
  }

  setTimeStyle(timeStyle: TimeStyle): void {
    this.#patch({ timeStyle });
  }

  /** Shows the cursors at a third and two thirds of the view, or takes them away. */
  toggleCursors(): void {
    const { fromS, toS } = this.#range;
    this.#cursors = this.#cursors ? undefined : { aS: fromS + (toS - fromS) / 3, bS: fromS + ((toS - fromS) * 2) / 3 };
    this.#patch({ hasCursors: this.#cursors !== undefined });
  }

  moveCursor(which: 'a' | 'b', timeS: number): void {
    if (!this.#cursors) return;
    this.#cursors = which === 'a' ? { ...this.#cursors, aS: timeS } : { ...this.#cursors, bS: timeS };
  }

  /** Shown value of a channel at a time; NaN where nothing is. Infinity for overload. */
  valueAt(channel: string, timeS: number): number {
    const found = this.#channel(channel);
    if (!found) return Number.NaN;
    const spanS = this.#range.toS - this.#range.fromS;
    const reading = readTrace(this.#pieces(channel, timeS - spanS / 2, timeS + spanS / 2), timeS, spanS / 100);
    if (reading.overload && !Number.isFinite(reading.value)) return Number.POSITIVE_INFINITY;
    return found.gain * reading.value + found.offset;
  }

  [Symbol.dispose](): void {
    this.park();
    for (const { stop } of [...this.#canvases.values()]) stop();
    for (const stop of this.#stops) stop();
    this.#live?.[Symbol.dispose]();
    this.#history[Symbol.dispose]();
    this.onPaint.clear();
  }

  #frame(nowMs: number): boolean {
    const edgeS = this.#edge.at(nowMs);
    if (this.#limits.live && edgeS !== undefined) {
      const oldestS = this.#live?.oldestS ?? Number.NaN;
      const fromS = Number.isNaN(oldestS) ? this.#limits.fromS : Math.min(this.#limits.fromS, oldestS);
      this.#limits = { ...this.#limits, fromS, toS: edgeS };
    }
    const { width, ratio } = this.#widest();
    this.#range = this.#snapped(rangeOf(this.#view, this.#limits), width * ratio);
    this.#ask(width * ratio, nowMs);
    const painted = this.#paint(nowMs);
    if (painted) {
      for (const ms of this.#latency.painted()) plotStats.countLatency(ms);
    }
    for (const listener of this.onPaint) listener(nowMs);
    if (nowMs - this.#tidiedMs > TIDY_MS) {
      this.#tidiedMs = nowMs;
      this.#live?.tidy();
    }
    return painted;
  }

  /** A running window moves by whole pixels: nothing shimmers, and a slow window is painted only when it has moved. */
  #snapped(range: TimeRange, widthPx: number): TimeRange {
    if (this.#view.kind === 'fixed' || widthPx < 1) return range;
    const span = range.toS - range.fromS;
    const perPx = span / widthPx;
    const toS = Math.floor(range.toS / perPx) * perPx;
    return { fromS: toS - span, toS };
  }

  #widest(): { width: number; ratio: number } {
    let width = 0;
    for (const { canvas } of this.#canvases.values()) width = Math.max(width, canvas.area.width);
    return { width, ratio: uPlot.pxRatio };
  }

  /** Tells the feeds what the view needs. */
  #ask(widthPx: number, nowMs: number): void {
    if (widthPx < 16) return;
    const width = Math.min(8192, Math.ceil(widthPx / WIDTH_STEP) * WIDTH_STEP);
    const channels = this.#shownChannels();
    const range = this.#range;
    if (this.#live && this.#view.kind !== 'fixed') {
      this.#live.setWish({ channels, windowS: this.#windowS(), width });
    } else if (this.#live) {
      // The live window goes on behind a frozen view; only its channels follow.
      const back = this.#view.kind === 'fixed' && this.#view.backS !== 'all' ? this.#view.backS : this.#windowS();
      this.#live.setWish({ channels, windowS: back, width });
    }
    const latestS = this.#limits.live ? this.#limits.toS - HISTORY_LAG_S : this.#limits.toS;
    if (this.#view.kind === 'fixed' && range.fromS < latestS) {
      const wanted = { fromS: range.fromS, toS: Math.min(range.toS, latestS) };
      const limits = { fromS: this.#limits.fromS, toS: latestS };
      const part = (wanted.toS - wanted.fromS) / (range.toS - range.fromS);
      this.#history.want({ channels, range: wanted, width: Math.max(16, Math.ceil(width * part)), limits }, nowMs);
    }
    if (this.#limits.live) this.#events.want(this.#client, range);
    const covers = [...this.#history.covers, ...(this.#live ? [this.#live] : [])];
    this.#ranked = rankCovers(covers, (range.toS - range.fromS) / widthPx);
    if (this.#view.kind !== 'fixed' && this.#live)
      this.#ranked = [this.#live, ...this.#ranked.filter((cover) => cover !== this.#live)];
  }

  /** Window of the watch; for `all` it grows in steps. */
  #windowS(): number {
    if (this.#view.kind === 'live') return this.#view.spanS;
    const span = Math.max(10, allSpan(this.#limits));
    return Math.min(LONGEST_S, ALL_STEP ** Math.ceil(Math.log(span * 1.05) / Math.log(ALL_STEP)));
  }

  #paint(nowMs: number): boolean {
    if (this.#themeIsOld) this.#renewTheme();
    const theme = this.#theme;
    let painted = false;
    for (const segments of this.#segments) {
      if (segments.paint(nowMs)) painted = true;
    }
    if (!theme || this.#canvases.size === 0) return painted;
    // Covers change with the view, too: one number for all that traces depend on.
    const key = `${this.#history.revision} ${this.#ranked.map((cover) => cover.fineS).join()}`;
    const live = this.#live?.changes;
    if (key !== this.#coverKey) this.#changes.note(Number.NEGATIVE_INFINITY);
    else if (live && live.revision !== this.#liveRevision) this.#changes.note(live.since(this.#liveRevision));
    this.#coverKey = key;
    this.#liveRevision = live?.revision ?? 0;
    const sides = { left: 0, right: 0 };
    for (const { canvas } of this.#canvases.values()) {
      sides.left = Math.max(sides.left, canvas.sides.left);
      sides.right = Math.max(sides.right, canvas.sides.right);
    }
    const originMs = Number(this.#originNs / 1_000_000n);
    const scene: PlotScene = {
      range: this.#range,
      time: {
        style: this.state.get().timeStyle,
        originMs,
        zoneMinutes: -new Date(originMs + this.#range.toS * 1000).getTimezoneOffset(),
        zeroS: this.#zeroS,
      },
      marks: this.#events.marks,
      marksRevision: this.#events.revision,
      gapReason: (fromS, toS) => this.#gapReason(fromS, toS),
      cursors: this.#cursors
        ? [
            { name: 'A', timeS: this.#cursors.aS },
            { name: 'B', timeS: this.#cursors.bS },
          ]
        : [],
      theme,
      nowMs,
      sides,
    };
    for (const { canvas } of this.#canvases.values()) {
      if (canvas.paint(scene)) painted = true;
    }
    return painted;
  }

  #gapReason(fromS: number, toS: number): string | undefined {
    const known = this.#shownChannels().flatMap((channel) => [
      ...(this.#live?.gapsOf(channel) ?? []),
      ...this.#history.gapsOf(channel),
    ]);
    return gapReason(known, this.#events.marks, fromS, toS);
  }

  #pieces(channel: string, fromS: number, toS: number): TraceColumns[] {
    return mixColumns(this.#ranked, channel, fromS, toS);
  }

  #shownChannels(): string[] {
    const wanted = new Set<string>();
    for (const plot of this.state.get().plots) {
      if (!this.#canvases.has(plot.id)) continue;
      for (const id of plot.channels) {
        const channel = this.#channel(id);
        if (channel && !channel.isWaveform) wanted.add(id);
      }
    }
    return [...wanted].sort().slice(0, 500);
  }

  #channel(id: string): PlotChannel | undefined {
    return this.state.get().channels.find((channel) => channel.id === id);
  }

  /** Gives every canvas its traces, if they changed. */
  #applyTraces(): void {
    for (const plot of this.state.get().plots) {
      const entry = this.#canvases.get(plot.id);
      if (!entry) continue;
      const traces = this.channelsOf(plot).flatMap((channel): PlotTrace[] => {
        const { id, label, unit, color, gain, offset, resolution, isWaveform } = channel;
        return isWaveform ? [] : [{ id, label, unit, color, gain, offset, resolution, source: this.#source(id) }];
      });
      const key = JSON.stringify(traces.map(({ source, ...rest }) => rest));
      if (entry.key === key) continue;
      entry.key = key;
      entry.canvas.setTraces(traces);
    }
  }

  #source(channel: string): TraceSource {
    const known =
      this.#sources.get(channel) ??
      new BoardSource(channel, (id, fromS, toS) => this.#pieces(id, fromS, toS), this.#changes);
    this.#sources.set(channel, known);
    return known;
  }

  #setView(view: TimeView): void {
    this.#view = view;
    const range = rangeOf(view, this.#limits);
    this.#patch({
      kind: view.kind,
      // Of a live window the length that was asked for: the difference of two large times would not be quite 10.
      spanS: view.kind === 'live' ? view.spanS : range.toS - range.fromS,
      paused: view.kind === 'fixed' && view.paused,
    });
  }

  #resetAxes(): void {
    for (const { canvas } of this.#canvases.values()) canvas.resetAxes();
  }

  #themeOf(host: Element): PlotTheme {
    this.#theme ??= readTheme(host);
    return this.#theme;
  }

  #renewTheme(): void {
    const host = this.#canvases.values().next().value?.host ?? this.#segments.values().next().value?.host;
    if (!host) return;
    this.#themeIsOld = false;
    this.#theme = readTheme(host);
    for (const { canvas } of this.#canvases.values()) canvas.setTheme(this.#theme);
    for (const segments of this.#segments) segments.setTheme(this.#theme);
  }

  #secondsOf(timeNs: bigint): number {
    return Number(timeNs - this.#originNs) / 1e9;
  }

  #patch(change: Partial<BoardState>): void {
    const before = this.state.get();
    const keys = Object.keys(change) as (keyof BoardState)[];
    if (keys.every((key) => Object.is(change[key], before[key]))) return;
    this.state.set({ ...before, ...change });
  }
}

/** A channel as a plot reads it: always through the covers ranked for the present view. */
class BoardSource implements TraceSource {
  readonly #channel: string;
  readonly #pieces: (channel: string, fromS: number, toS: number) => TraceColumns[];
  readonly #changes: ChangeLog;

  constructor(
    channel: string,
    pieces: (channel: string, fromS: number, toS: number) => TraceColumns[],
    changes: ChangeLog,
  ) {
    this.#channel = channel;
    this.#pieces = pieces;
    this.#changes = changes;
  }

  get revision(): number {
    return this.#changes.revision;
  }

  changedFromS(revision: number): number {
    return this.#changes.since(revision);
  }

  pieces(fromS: number, toS: number): TraceColumns[] {
    return this.#pieces(this.#channel, fromS, toS);
  }
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
