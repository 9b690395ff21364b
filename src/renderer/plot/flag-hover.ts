import { formatClock } from '../text-format.ts';
import type { EventFlag } from './event-flags.ts';

/** Height of the strip the flags stand in, and how far beside a flag the pointer may be; CSS pixels. */
const STRIP_PX = 18;
const CATCH_PX = 10;
const MOST_LINES = 8;

/** Words of the flags at the pointer, where there was no room to write them all. Owns one element in its host. */
export class FlagHover implements Disposable {
  readonly #host: HTMLElement;
  readonly #originMs: number;
  #element: HTMLElement | undefined;

  /** `originMs`: second 0 of the axis; ms since 1970. */
  constructor(host: HTMLElement, originMs: number) {
    this.#host = host;
    this.#originMs = originMs;
  }

  /** `x`, `y`: of the pointer from the corner of the plotting area; `flags`: as painted, x in device pixels. */
  at(x: number, y: number, area: { left: number; top: number; width: number }, flags: readonly EventFlag[]): void {
    const ratio = devicePixelRatio || 1;
    const near =
      y < 0 || y > STRIP_PX
        ? []
        : flags.filter((flag) => Math.abs(flag.x / ratio + 4 - x) <= CATCH_PX).slice(-MOST_LINES);
    if (near.length === 0) {
      this.hide();
      return;
    }
    const element = this.#shown();
    const lines = near.map(({ mark }) => `${formatClock(this.#originMs + mark.timeS * 1000)}  ${mark.text}`);
    const text = lines.join('\n');
    if (element.textContent !== text) element.textContent = text;
    const left = Math.min(area.left + x, area.left + area.width - element.offsetWidth);
    element.style.left = `${Math.max(0, left)}px`;
    element.style.top = `${area.top + STRIP_PX}px`;
  }

  hide(): void {
    this.#element?.remove();
    this.#element = undefined;
  }

  [Symbol.dispose](): void {
    this.hide();
  }

  #shown(): HTMLElement {
    if (this.#element) return this.#element;
    const element = document.createElement('div');
    element.className = 'plot-flag-words';
    this.#host.append(element);
    this.#element = element;
    return element;
  }
}
