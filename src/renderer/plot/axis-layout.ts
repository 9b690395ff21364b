/** One y axis: all traces of a plot with one unit share it. */
export interface AxisPlace {
  /** Scale key of uPlot. */
  key: string;
  unit: string;
  side: 'left' | 'right';
}

/** Axes a plot shows; traces of further units share the last one's place but keep their scale. */
export const MOST_AXES = 6;

/** One axis per unit in the order the units appear: the first left, the second right, the third left again. */
export function layAxes(units: readonly string[]): AxisPlace[] {
  return [...new Set(units)].map((unit, index) => ({
    key: `y${index}`,
    unit,
    side: index % 2 === 0 ? 'left' : 'right',
  }));
}

/** Axes on each side, so that plots over each other can keep their time axes in line. */
export function countSides(axes: readonly AxisPlace[]): { left: number; right: number } {
  const shown = axes.slice(0, MOST_AXES);
  const left = shown.filter((axis) => axis.side === 'left').length;
  return { left, right: shown.length - left };
}
