import { FlagHover } from './flag-hover.ts';
import type { PlotBoard } from './plot-board.ts';
import type { PlotCanvas } from './plot-canvas.ts';

/** One notch of a wheel. */
const WHEEL_FACTOR = 1.2;
/** A cursor line is caught within this; CSS pixels. */
const CATCH_PX = 7;
/** A box smaller than this is a slip of the hand. */
const LEAST_BOX_PX = 5;

type Drag =
  | { kind: 'pan'; x: number; fromS: number; toS: number }
  | { kind: 'cursor'; which: 'a' | 'b' }
  | { kind: 'axis'; key: string; y: number; low: number; high: number }
  | { kind: 'box'; x: number; y: number; element: HTMLElement };

/**
 * Pointer and wheel on one plot. Wheel: zoom at the pointer, over a y axis that axis. Drag: pan, over an axis that axis, with Shift a box,
 * on a cursor line that cursor. Double click: back to live, axes scaling themselves.
 */
export class PlotInput implements Disposable {
  readonly #board: PlotBoard;
  readonly #canvas: PlotCanvas;
  readonly #host: HTMLElement;
  readonly #abort = new AbortController();
  readonly #flagHover: FlagHover;
  #drag: Drag | undefined;

  constructor(board: PlotBoard, canvas: PlotCanvas, host: HTMLElement) {
    this.#board = board;
    this.#canvas = canvas;
    this.#host = host;
    this.#flagHover = new FlagHover(host, Number(board.timeNs(0) / 1_000_000n));
    const options = { signal: this.#abort.signal };
    host.addEventListener('wheel', this.#onWheel, { ...options, passive: false });
    host.addEventListener('pointerdown', this.#onDown, options);
    host.addEventListener('pointermove', this.#onMove, options);
    host.addEventListener('pointerup', this.#onUp, options);
    host.addEventListener('pointercancel', this.#onUp, options);
    host.addEventListener('pointerleave', this.#onLeave, options);
    host.addEventListener('dblclick', this.#onDouble, options);
  }

  [Symbol.dispose](): void {
    this.#abort.abort();
    this.#flagHover[Symbol.dispose]();
    if (this.#drag?.kind === 'box') this.#drag.element.remove();
  }

  readonly #onWheel = (event: WheelEvent): void => {
    event.preventDefault();
    const { x, y } = this.#at(event);
    const notches = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY / 100 : event.deltaY / 3;
    const factor = WHEEL_FACTOR ** Math.max(-5, Math.min(5, notches));
    const axis = this.#canvas.axisAt(x);
    const { left, top, width, height } = this.#canvas.area;
    if (axis) {
      const range = this.#canvas.rangeOfAxis(axis.key);
      if (!range) return;
      const value = range.high - ((y - top) / height) * (range.high - range.low);
      this.#canvas.setAxis(axis.key, {
        low: value - (value - range.low) * factor,
        high: value + (range.high - value) * factor,
      });
      return;
    }
    // Touchpads push sideways to pan.
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) this.#board.view.panBy(event.deltaX / width);
    else this.#board.view.zoomBy(factor, Math.min(1, Math.max(0, (x - left) / width)));
  };

  readonly #onDown = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    const { x, y } = this.#at(event);
    const axis = this.#canvas.axisAt(x);
    const range = axis && this.#canvas.rangeOfAxis(axis.key);
    if (axis && range) this.#drag = { kind: 'axis', key: axis.key, y, ...range };
    else if (event.shiftKey) this.#drag = { kind: 'box', x, y, element: this.#box() };
    else {
      const which = this.#cursorAt(x);
      this.#drag = which ? { kind: 'cursor', which } : { kind: 'pan', x, ...this.#board.view.range };
    }
    this.#host.setPointerCapture(event.pointerId);
    this.#host.dataset.drag = this.#drag.kind;
  };

  readonly #onMove = (event: PointerEvent): void => {
    const { x, y } = this.#at(event);
    const { left, top, width, height } = this.#canvas.area;
    const drag = this.#drag;
    const timeS = this.#timeAt(x);
    this.#board.hoverS = x >= left && x <= left + width ? timeS : undefined;
    this.#flagHover.at(x - left, drag ? -1 : y - top, this.#canvas.area, this.#canvas.flags);
    if (!drag) {
      this.#host.dataset.over = this.#canvas.axisAt(x) ? 'axis' : this.#cursorAt(x) ? 'cursor' : 'plot';
      return;
    }
    if (drag.kind === 'cursor') this.#board.view.moveCursor(drag.which, timeS);
    else if (drag.kind === 'pan') {
      const byS = ((x - drag.x) / width) * (drag.toS - drag.fromS);
      if (Math.abs(x - drag.x) > 2) this.#board.view.show({ fromS: drag.fromS - byS, toS: drag.toS - byS });
    } else if (drag.kind === 'axis') {
      const by = ((y - drag.y) / height) * (drag.high - drag.low);
      if (Math.abs(y - drag.y) > 2) this.#canvas.setAxis(drag.key, { low: drag.low + by, high: drag.high + by });
    } else {
      const style = drag.element.style;
      style.left = `${Math.max(left, Math.min(x, drag.x))}px`;
      style.top = `${Math.max(top, Math.min(y, drag.y))}px`;
      style.width = `${Math.min(left + width, Math.max(x, drag.x)) - Math.max(left, Math.min(x, drag.x))}px`;
      style.height = `${Math.min(top + height, Math.max(y, drag.y)) - Math.max(top, Math.min(y, drag.y))}px`;
    }
  };

  readonly #onUp = (event: PointerEvent): void => {
    const drag = this.#drag;
    this.#drag = undefined;
    delete this.#host.dataset.drag;
    if (drag?.kind !== 'box') return;
    drag.element.remove();
    const { x, y } = this.#at(event);
    if (event.type === 'pointercancel' || Math.abs(x - drag.x) < LEAST_BOX_PX || Math.abs(y - drag.y) < LEAST_BOX_PX)
      return;
    const { top, height } = this.#canvas.area;
    const [upper, lower] = [Math.max(top, Math.min(y, drag.y)), Math.min(top + height, Math.max(y, drag.y))];
    for (const key of this.#canvas.axisKeys()) {
      const range = this.#canvas.rangeOfAxis(key);
      if (!range) continue;
      const per = (range.high - range.low) / height;
      this.#canvas.setAxis(key, { low: range.high - (lower - top) * per, high: range.high - (upper - top) * per });
    }
    this.#board.view.show({ fromS: this.#timeAt(Math.min(x, drag.x)), toS: this.#timeAt(Math.max(x, drag.x)) });
  };

  readonly #onLeave = (): void => {
    this.#board.hoverS = undefined;
    this.#flagHover.hide();
  };

  readonly #onDouble = (event: MouseEvent): void => {
    const axis = this.#canvas.axisAt(this.#at(event).x);
    if (axis) this.#canvas.setAxis(axis.key, undefined);
    else this.#board.reset();
  };

  #at(event: MouseEvent): { x: number; y: number } {
    const rect = this.#host.getBoundingClientRect();
    return { x: event.clientX - rect.left, y: event.clientY - rect.top };
  }

  #timeAt(x: number): number {
    const { left, width } = this.#canvas.area;
    const { fromS, toS } = this.#board.view.range;
    return fromS + (Math.min(Math.max(x, left), left + width) - left) * ((toS - fromS) / Math.max(1, width));
  }

  #cursorAt(x: number): 'a' | 'b' | undefined {
    const { cursors } = this.#board.view;
    if (!cursors) return undefined;
    const { left, width } = this.#canvas.area;
    const { fromS, toS } = this.#board.view.range;
    const place = (timeS: number): number => left + ((timeS - fromS) / (toS - fromS)) * width;
    const [a, b] = [Math.abs(place(cursors.aS) - x), Math.abs(place(cursors.bS) - x)];
    if (Math.min(a, b) > CATCH_PX) return undefined;
    return a <= b ? 'a' : 'b';
  }

  #box(): HTMLElement {
    const element = document.createElement('div');
    element.className = 'plot-box';
    this.#host.append(element);
    return element;
  }
}
