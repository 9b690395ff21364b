/** Colours of the palette; the first four are drawn solid. */
const COLORS = 8;

/** What one output or the input of an instrument measures, by the last part of the channel's name. */
const OF_OUTPUT: Record<string, number> = { voltage: 2, current: 3, power: 5 };
const OF_INPUT: Record<string, number> = { voltage: 6, current: 4, power: 7 };

/**
 * Colour 1…8 a channel has until somebody gives it another: by what it is, never by the order of attaching, so that a bench looks the same
 * every morning. What is looked at together (meter, voltage and current of a supply, current of a load) gets the first four.
 * `index`: of the channel among those of its stream.
 */
export function defaultColor(name: string, index: number): number {
  const [, group, quantity] = /^(?:ch(\d+)\.)?(\w+)$/.exec(name) ?? [];
  const known = quantity && (group ? OF_OUTPUT : OF_INPUT)[quantity];
  if (known) return known;
  const place = group ? Number(group) - 1 : index;
  return (place % COLORS) + 1;
}
