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

/** A mark with its place: x in pixels of the plotting area, and the row its words have room in; undefined: in none. */
export interface EventFlag {
  mark: EventMark;
  x: number;
  row: number | undefined;
}

/** Rows of words over each other. */
const ROWS = 2;

/** Events that tell why something is missing. */
const TELLING = new Set(['gap', 'reconnect', 'interrupted', 'clock']);
/** Most flags drawn; the newest are kept. */
const MOST_FLAGS = 120;

/** Words longer than this are cut on the plot; under the pointer they are whole. */
const MOST_LETTERS = 40;

/** What is written beside a flag. */
export function flagWords({ text }: Pick<EventMark, 'text'>): string {
  return text.length <= MOST_LETTERS ? text : `${text.slice(0, MOST_LETTERS - 1).trimEnd()}…`;
}

/** Colour of a flag, by what it means for the person; names of the theme. */
export type FlagTone = 'bad' | 'warn' | 'info' | 'accent' | 'quiet';

const TONES: Record<string, FlagTone> = {
  'outputs-off': 'bad',
  interrupted: 'bad',
  reconnect: 'warn',
  clock: 'warn',
  'instrument-error': 'warn',
  mode: 'info',
  'service-request': 'info',
  'operation-complete': 'info',
  setpoint: 'accent',
  note: 'accent',
};

/** Alarms, trips and what the safety limits did are as bad as they say; everything else has the tone of its kind. */
export function flagTone({ kind, severity }: Pick<EventMark, 'kind' | 'severity'>): FlagTone {
  if (kind === 'alarm' && severity === 'info') return 'info';
  if (kind === 'alarm' || kind === 'trip' || kind === 'safety') {
    if (severity === 'info') return 'quiet';
    return severity === 'warning' ? 'warn' : 'bad';
  }
  return TONES[kind] ?? 'quiet';
}

/** Places the marks of a range; words only in a row where they end before the next flag with words. `measure`: width of a text in pixels. */
export function placeFlags(
  marks: readonly EventMark[],
  fromS: number,
  secondsPerPx: number,
  widthPx: number,
  measure: (text: string) => number,
): EventFlag[] {
  const flags = marks
    .filter((mark) => isFlag(mark.kind))
    .map((mark) => ({ mark, x: (mark.timeS - fromS) / secondsPerPx, row: undefined as number | undefined }))
    .filter((flag) => flag.x >= 0 && flag.x < widthPx)
    .sort((a, b) => a.x - b.x)
    .slice(-MOST_FLAGS);
  // From the newest backwards: what happened last is read first. A row is free up to where its next words begin.
  const free = Array<number>(ROWS).fill(widthPx);
  for (const flag of [...flags].reverse()) {
    const end = flag.x + measure(flagWords(flag.mark));
    const row = free.findIndex((until) => end <= until);
    // The flag itself stands in the first row.
    free[0] = Math.min(free[0] ?? 0, flag.x - 2);
    if (row < 0) continue;
    flag.row = row;
    free[row] = flag.x - 4;
  }
  return flags;
}

/** Gaps are hatched and overload is marked where it happens; the rest gets a flag. */
function isFlag(kind: string): boolean {
  return kind !== 'gap' && kind !== 'overload';
}

/** Something is missing between two times, in the engine's words. */
export interface KnownGap {
  fromS: number;
  toS: number;
  reason: string;
}

/** Why something is missing between two times: what the stream says, else the nearest event that tells; undefined if nothing does. */
export function gapReason(
  known: readonly KnownGap[],
  marks: readonly EventMark[],
  fromS: number,
  toS: number,
): string | undefined {
  const slack = Math.max(1, (toS - fromS) * 0.5);
  const own = known.find((gap) => gap.reason !== '' && gap.fromS < toS + slack * 0.1 && gap.toS > fromS - slack * 0.1);
  if (own) return own.reason;
  let best: { mark: EventMark; score: number } | undefined;
  for (const mark of marks) {
    if (!TELLING.has(mark.kind)) continue;
    const distance = mark.timeS < fromS ? fromS - mark.timeS : Math.max(0, mark.timeS - toS);
    if (distance > slack) continue;
    // At equal distance the gap event itself knows best.
    const score = distance + (mark.kind === 'gap' ? 0 : slack * 0.01);
    if (!best || score < best.score) best = { mark, score };
  }
  return best?.mark.text.replace(/^Gap: /, '');
}
