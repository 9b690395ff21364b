import { parseQuantity } from '../../core/units-parse.ts';

const MOST = 10_000;

export type SweepValues = { ok: true; values: number[] } | { ok: false; reason: string };

/** `0 … 5 in 11` (also `0..5 in 11`): that many values from one to the other, both included; else a list between spaces, commas or semicolons. */
export function readSweepValues(text: string, unit: string): SweepValues {
  const range = /^\s*(\S+)\s*(?:…|\.{2,3}|to)\s*(\S+)\s+in\s+(\d+)\s*$/.exec(text);
  if (range) {
    const from = parseQuantity(range[1] ?? '', unit);
    const to = parseQuantity(range[2] ?? '', unit);
    const steps = Number(range[3]);
    if (!from.ok) return from;
    if (!to.ok) return to;
    if (steps < 2 || steps > MOST) return { ok: false, reason: `2 to ${MOST} values.` };
    // Rounded to what a person would type, not 0.30000000000000004.
    const values = Array.from({ length: steps }, (_, step) =>
      Number((from.value + ((to.value - from.value) * step) / (steps - 1)).toPrecision(12)),
    );
    return { ok: true, values };
  }
  const words = text.split(/[\s,;]+/).filter(Boolean);
  if (words.length === 0) return { ok: false, reason: 'Type values, such as 0 … 5 in 11.' };
  if (words.length > MOST) return { ok: false, reason: `${MOST} values at most.` };
  const values: number[] = [];
  for (const word of words) {
    const value = parseQuantity(word, unit);
    if (!value.ok) return { ok: false, reason: `${word}: ${value.reason}` };
    values.push(value.value);
  }
  return { ok: true, values };
}
