import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** Place of a window in screen pixels. */
export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface WindowState {
  bounds: Rectangle | undefined;
  maximized: boolean;
  fullScreen: boolean;
}

const MIN_VISIBLE_PX = 64;
const NONE: WindowState = { bounds: undefined, maximized: false, fullScreen: false };

function isRectangle(value: unknown): value is Rectangle {
  if (typeof value !== 'object' || value === null) return false;
  const fields = value as Record<string, unknown>;
  return ['x', 'y', 'width', 'height'].every(
    (key) => Number.isInteger(fields[key]) && Math.abs(Number(fields[key])) < 100_000,
  );
}

function overlap(a0: number, aLength: number, b0: number, bLength: number): number {
  return Math.min(a0 + aLength, b0 + bLength) - Math.max(a0, b0);
}

/** Whether enough of a window to grab it lies on one of the screens: a monitor may have gone since. */
export function isReachable(bounds: Rectangle, areas: readonly Rectangle[]): boolean {
  return areas.some(
    (area) =>
      overlap(bounds.x, bounds.width, area.x, area.width) >= MIN_VISIBLE_PX &&
      overlap(bounds.y, bounds.height, area.y, area.height) >= MIN_VISIBLE_PX &&
      bounds.y >= area.y,
  );
}

/** Reads unknown text as a window state on these screens; whatever does not fit is left to the defaults. */
export function parseWindowState(text: string, areas: readonly Rectangle[]): WindowState {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return NONE;
  }
  if (typeof value !== 'object' || value === null) return NONE;
  const { bounds, maximized, fullScreen } = value as Record<string, unknown>;
  return {
    bounds: isRectangle(bounds) && isReachable(bounds, areas) ? bounds : undefined,
    maximized: maximized === true,
    fullScreen: fullScreen === true,
  };
}

/** The state kept in `path`, the defaults if there is none. */
export function readWindowState(path: string, areas: readonly Rectangle[]): WindowState {
  try {
    return parseWindowState(readFileSync(path, 'utf8'), areas);
  } catch {
    return NONE;
  }
}

/** Keeps a state in `path`, whole or not at all. A folder that cannot be written costs the place of the window, nothing else. */
export function writeWindowState(path: string, state: WindowState): void {
  try {
    writeFileSync(`${path}.new`, JSON.stringify(state));
    renameSync(`${path}.new`, path);
  } catch {
    // The window opens in the middle next time.
  }
}
