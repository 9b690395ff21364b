import type { Client } from '../../contract/client.ts';
import type { SegmentFrameBlock } from '../../contract/frames.ts';
import { columnRow } from '../../core/decimate.ts';
import { LabError } from '../../core/errors.ts';
import { channelId, type StreamInfo } from '../../core/stream-info.ts';
import { framesOf } from '../sample-frames.ts';
import { PlotCanvas } from './plot-canvas.ts';
import type { PlotChannel } from './plot-channel.ts';
import type { PlotTheme } from './plot-theme.ts';
import type { TraceColumns, TraceSource } from './trace-columns.ts';

export interface SegmentPlotOptions {
  host: HTMLElement;
  theme: PlotTheme;
  channels: readonly PlotChannel[];
  findStream: (stream: number) => StreamInfo | undefined;
  onFault: (error: LabError | undefined) => void;
}

/** Columns asked of a segment: enough for a wide window on a sharp screen. */
const WIDTH = 4096;
const NO_AXES = { left: 1, right: 0 };

/**
 * The newest segment of some waveform channels over its own time: x runs from the segment's origin (the trigger is at 0 s), nothing scrolls.
 * A segment may come in several blocks; a block of another segment number starts a new picture.
 */
export class SegmentPlot implements Disposable {
  readonly canvas: PlotCanvas;
  readonly #options: SegmentPlotOptions;
  readonly #segments = new Map<string, { number: number; pieces: TraceColumns[] }>();
  readonly #observer: ResizeObserver;
  readonly #streams = new Map<number, StreamInfo>();
  #theme: PlotTheme;
  #client: Client | undefined;
  #watch: { watch: number; stop: () => void } | undefined;
  #revision = 0;
  #wasWide = '';

  constructor(options: SegmentPlotOptions) {
    this.#options = options;
    this.#theme = options.theme;
    this.canvas = new PlotCanvas(options.host, options.theme, 'labwire-segments');
    this.canvas.setTraces(options.channels.map((channel) => ({ ...channel, source: this.#source(channel.id) })));
    const measure = (): void =>
      this.canvas.resize(Math.floor(options.host.clientWidth), Math.floor(options.host.clientHeight));
    this.#observer = new ResizeObserver(measure);
    this.#observer.observe(options.host);
    measure();
  }

  get host(): HTMLElement {
    return this.#options.host;
  }

  setTheme(theme: PlotTheme): void {
    this.#theme = theme;
    this.canvas.setTheme(theme);
  }

  setClient(client: Client | undefined): void {
    if (client === this.#client) return;
    this.#client = client;
    this.#watch?.stop();
    this.#watch = undefined;
    if (client) void this.#open(client);
  }

  /** Paints if a new segment came. */
  paint(nowMs: number): boolean {
    const range = this.#extent();
    const key = `${range.fromS} ${range.toS}`;
    if (key !== this.#wasWide) {
      this.#wasWide = key;
      this.canvas.resetAxes();
    }
    return this.canvas.paint({
      range,
      time: { style: 'relative', originMs: 0, zoneMinutes: 0, zeroS: 0 },
      marks: [],
      marksRevision: 0,
      gapReason: () => undefined,
      cursors: [],
      theme: this.#theme,
      nowMs,
      sides: { left: Math.max(NO_AXES.left, this.canvas.sides.left), right: this.canvas.sides.right },
    });
  }

  [Symbol.dispose](): void {
    this.#observer.disconnect();
    const client = this.#client;
    if (client && this.#watch) client.call('watch.close', { watch: this.#watch.watch }).catch(() => {});
    this.setClient(undefined);
    this.canvas[Symbol.dispose]();
  }

  async #open(client: Client): Promise<void> {
    try {
      const channels = this.#options.channels.map((channel) => channel.id);
      const { watch, streams } = await client.call('stream.watch', {
        channels,
        mode: { kind: 'segments', width: WIDTH },
      });
      if (client !== this.#client) return;
      for (const stream of streams) this.#streams.set(stream.id, stream);
      const stop = framesOf(client).onWatch(watch, (block) => {
        if (block.kind === 'segment') this.#take(block);
      });
      this.#watch = { watch, stop };
      this.#options.onFault(undefined);
    } catch (thrown) {
      const error = LabError.from(thrown);
      if (!error.isCancelled && error.code !== 'link.closed') this.#options.onFault(error);
    }
  }

  #take(block: SegmentFrameBlock): void {
    const info = this.#streams.get(block.stream) ?? this.#options.findStream(block.stream);
    if (!info) return;
    const { columns } = block;
    const times = new Float64Array(columns.length);
    for (let index = 0; index < columns.length; index++) {
      times[index] = block.xOriginS + columnRow(columns, index) * columns.dtS;
    }
    for (const [index, column] of block.channels.entries()) {
      const name = info.columns[column]?.channel;
      const lows = columns.min[index]?.slice();
      if (name === undefined || !lows) continue;
      const piece: TraceColumns = {
        start: 0,
        end: columns.length,
        times,
        lows,
        highs: columns.n === 1 ? lows : (columns.max[index]?.slice() ?? lows),
        flags:
          columns.flags?.slice(index * columns.length, (index + 1) * columns.length) ?? new Uint8Array(columns.length),
        rows: columns.n,
        spanS: columns.n > 1 ? columns.n * columns.dtS : 0,
      };
      const id = channelId(info.instrument, name);
      const known = this.#segments.get(id);
      if (known?.number === block.number) known.pieces.push(piece);
      else this.#segments.set(id, { number: block.number, pieces: [piece] });
    }
    this.#revision++;
  }

  #extent(): { fromS: number; toS: number } {
    let fromS = Number.POSITIVE_INFINITY;
    let toS = Number.NEGATIVE_INFINITY;
    for (const { pieces } of this.#segments.values()) {
      for (const { times, end, spanS } of pieces) {
        fromS = Math.min(fromS, times[0] ?? fromS);
        toS = Math.max(toS, (times[end - 1] ?? toS) + spanS);
      }
    }
    return toS > fromS ? { fromS, toS } : { fromS: 0, toS: 1e-3 };
  }

  #source(channel: string): TraceSource {
    const self = this;
    return {
      get revision() {
        return self.#revision;
      },
      changedFromS: () => Number.NEGATIVE_INFINITY,
      pieces: () => self.#segments.get(channel)?.pieces ?? [],
    };
  }
}
