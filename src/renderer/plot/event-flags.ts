/** An event on the time axis. */
export interface EventMark {
  id: string;
  /** s since the plot's origin. */
  timeS: number;
  kind: string;
  text: string;
  severity: string | undefined;
  channel: string | undefined;
  instrument: string | undefined;
}

/** A mark with its place: x in pixels of the plotting area, and whether there is room for its words. */
export interface EventFlag {
  mark: EventMark;
  x: number;
  worded: boolean;
}

/** Most flags drawn; the newest are kept. */
const MOST_FLAGS = 120;

/** Places the marks of a range; words only where they end before the next flag with words. `measure`: width of a text in pixels. */
export function placeFlags(
  marks: readonly EventMark[],
  fromS: number,
  secondsPerPx: number,
  widthPx: number,
  measure: (text: string) => number,
): EventFlag[] {
  const flags = marks
    .filter((mark) => isFlag(mark.kind))
    .map((mark) => ({ mark, x: (mark.timeS - fromS) / secondsPerPx, worded: false }))
    .filter((flag) => flag.x >= 0 && flag.x < widthPx)
    .sort((a, b) => a.x - b.x)
    .slice(-MOST_FLAGS);
  // From the newest backwards: what happened last is read first.
  let free = widthPx;
  for (let index = flags.length - 1; index >= 0; index--) {
    const flag = flags[index] as EventFlag;
    const end = flag.x + measure(flag.mark.text);
    flag.worded = end <= free;
    if (flag.worded) free = flag.x - 4;
    else free = Math.min(free, flag.x - 2);
  }
  return flags;
}

/** Gaps are hatched and overload is marked where it happens; the rest gets a flag. */
function isFlag(kind: string): boolean {
  return kind !== 'gap' && kind !== 'overload';
}

/** Why something is missing between two times: the words of the nearest gap, reconnect or interruption; undefined if nothing tells. */
export function gapReason(marks: readonly EventMark[], fromS: number, toS: number): string | undefined {
  const slack = Math.max(1, (toS - fromS) * 0.5);
  let best: { mark: EventMark; distance: number } | undefined;
  for (const mark of marks) {
    if (!['gap', 'reconnect', 'interrupted', 'clock'].includes(mark.kind)) continue;
    const distance = mark.timeS < fromS ? fromS - mark.timeS : Math.max(0, mark.timeS - toS);
    if (distance > slack) continue;
    // At equal distance the gap event itself knows best.
    const score = distance + (mark.kind === 'gap' ? 0 : slack * 0.01);
    if (!best || score < best.distance) best = { mark, distance: score };
  }
  return best?.mark.text;
}
