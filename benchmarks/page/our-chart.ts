import { viewFrame } from '../../src/contract/frame-read.ts';
import { ChangeLog } from '../../src/renderer/plot/change-log.ts';
import { ColumnSet } from '../../src/renderer/plot/column-set.ts';
import { PlotCanvas } from '../../src/renderer/plot/plot-canvas.ts';
import { readTheme } from '../../src/renderer/plot/plot-theme.ts';
import { CHART, ORIGIN_NS, streamOf } from './plot-data.ts';

/** The plot of the app, fed with encoded frames as its live feed is. */
export class OurChart {
  readonly #host: HTMLElement;
  readonly #canvas: PlotCanvas;
  readonly #theme: ReturnType<typeof readTheme>;
  readonly #changes = new ChangeLog();
  #set: ColumnSet;
  readonly #channels: number;
  readonly #rateHz: number;

  constructor(stage: HTMLElement, channels: number, rateHz: number) {
    this.#host = document.createElement('div');
    Object.assign(this.#host.style, { width: `${CHART.width}px`, height: `${CHART.height}px` });
    stage.append(this.#host);
    this.#channels = channels;
    this.#rateHz = rateHz;
    this.#set = this.#fresh();
    this.#theme = readTheme(document.documentElement);
    this.#canvas = new PlotCanvas(this.#host, this.#theme, 'bench');
    const self = this;
    this.#canvas.setTraces(
      Array.from({ length: channels }, (_, index) => ({
        id: `bench/ch${index + 1}`,
        label: `ch${index + 1}`,
        unit: 'V',
        color: (index % 8) + 1,
        gain: 1,
        offset: 0,
        resolution: null,
        source: {
          get revision() {
            return self.#changes.revision;
          },
          changedFromS: (revision: number) => self.#changes.since(revision),
          pieces: (fromS: number, toS: number) => self.#set.pieces(`bench/ch${index + 1}`, fromS, toS),
        },
      })),
    );
    this.#canvas.setAxis('y0', { low: -2, high: 22 });
    this.#canvas.resize(CHART.width, CHART.height);
  }

  /** Takes frames as they come from the link. */
  take(frames: readonly ArrayBuffer[]): void {
    for (const frame of frames) {
      const before = this.#set.changes.revision;
      for (const block of viewFrame(frame).blocks) this.#set.take(block);
      this.#changes.note(this.#set.changes.since(before));
    }
  }

  /** Forgets the columns: the next answer stands alone. */
  clear(): void {
    this.#set = this.#fresh();
    this.#changes.note(Number.NEGATIVE_INFINITY);
  }

  /** Paints a window that ends at or just before `toS`, on whole pixels as the board does. */
  paint(fromS: number, toS: number): void {
    const width = this.#canvas.area.width;
    const perPx = (toS - fromS) / Math.max(1, width);
    const endS = width > 0 ? Math.floor(toS / perPx + 1e-6) * perPx : toS;
    this.#canvas.paint({
      range: { fromS: endS - (toS - fromS), toS: endS },
      time: { style: 'relative', originMs: 0, zoneMinutes: 0, zeroS: 0 },
      marks: [],
      marksRevision: 0,
      gapReason: () => undefined,
      cursors: [],
      theme: this.#theme,
      nowMs: performance.now(),
      sides: { left: 1, right: 0 },
    });
  }

  /** The plotting area; pixels of the canvas. */
  get area() {
    return this.#canvas.area;
  }

  remove(): void {
    this.#canvas[Symbol.dispose]();
    this.#host.remove();
  }

  #fresh(): ColumnSet {
    return new ColumnSet(ORIGIN_NS, 32_768, () => streamOf(this.#channels, this.#rateHz));
  }
}
