/** What a legend needs of a line of a panel. */
interface Named {
  label: string;
}

export interface LegendEntry<L extends Named> {
  line: L;
  /** Its label, shortened where it is wider than the panel. */
  label: string;
  /** px from the left edge of the panel. */
  at: number;
  row: number;
}

const MARK_PX = 22;
const APART_PX = 18;
const FONT_PX = 12;
/** Widths in em, those of Inter and DejaVu Sans at least, the widest fonts the pictures name: whichever is found, no label runs into the next. */
const WIDTHS: readonly (readonly [RegExp, number])[] = [
  [/[ijl.,:;'|!]/, 0.4],
  [/[ftrI()[\]/\\\s-]/, 0.46],
  [/[mwMW%@]/, 1.02],
  [/[A-Z&#$~+=<>^]/, 0.84],
  [/[\u0370-\u05ff]/, 0.95],
  [/[\u1100-\u{10ffff}]/u, 1.25],
];
const OTHER_EM = 0.65;

/** The legend of a panel in rows that are not wider than it. */
export function layLegend<L extends Named>(lines: readonly L[], width: number): LegendEntry<L>[] {
  let at = 0;
  let row = 0;
  return lines.map((line) => {
    const label = shorten(line.label, width - MARK_PX);
    const needed = MARK_PX + textPx(label) + APART_PX;
    if (at > 0 && at + needed - APART_PX > width) {
      at = 0;
      row++;
    }
    const placed = { line, label, at, row };
    at += needed;
    return placed;
  });
}

/** How wide a text is at most, px. */
export function textPx(text: string): number {
  let em = 0;
  for (const character of text) em += WIDTHS.find(([kind]) => kind.test(character))?.[1] ?? OTHER_EM;
  return em * FONT_PX;
}

function shorten(text: string, mostPx: number): string {
  if (textPx(text) <= mostPx) return text;
  const characters = [...text];
  while (characters.length > 1 && textPx(`${characters.join('')}…`) > mostPx) characters.pop();
  return `${characters.join('')}…`;
}

/** A name for each channel: its label, with the id only where another is called the same. */
export function legendNames(channels: readonly { id: string; label: string }[]): string[] {
  const counts = new Map<string, number>();
  for (const { label } of channels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return channels.map(({ id, label }) => {
    if (label === '') return id;
    return counts.get(label) === 1 ? label : `${label} (${id})`;
  });
}
