import { describe, expect, it } from 'vitest';
import { layLegend, legendNames, textPx } from './plot-legend.ts';

/** Widths at 12 px as Chromium 156 draws them: the wider one of DejaVu Sans 2.37 and Inter 4. */
const MEASURED: readonly (readonly [string, number])[] = [
  ['DAQ10 supply voltage', 133.74],
  ['MMMMM WWWWW', 117.87],
  ['(ill.1: fit/t)', 59.69],
  ['мощность Ж', 80.29],
  ['Ω°µ', 22.81],
  ['日本', 14.41],
];

describe('the legend of a picture', () => {
  it('gives text the room that the widest of the fonts needs', () => {
    for (const [text, px] of MEASURED) expect(textPx(text)).toBeGreaterThanOrEqual(px);
  });

  it('runs no label into the next, and none out of the panel', () => {
    const labels = ['a', 'DUT temperature', 'b', 'WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW', 'c'];
    const placed = layLegend(
      labels.map((label) => ({ label })),
      300,
    );
    for (const [index, { label, at, row }] of placed.entries()) {
      const next = placed[index + 1];
      const end = at + 22 + textPx(label);
      expect(end).toBeLessThanOrEqual(next?.row === row ? next.at : 300);
    }
    expect(placed.map(({ row }) => row)).toEqual([0, 0, 0, 1, 2]);
    expect(placed[3]?.label).toMatch(/^W+…$/);
  });

  it('has an id only where two are called the same, or one is called nothing', () => {
    const channels = [
      { id: 'a/v', label: 'Rail' },
      { id: 'b/v', label: 'Rail' },
      { id: 'c/v', label: 'Coil' },
      { id: 'd/v', label: '' },
    ];
    expect(legendNames(channels)).toEqual(['Rail (a/v)', 'Rail (b/v)', 'Coil', 'd/v']);
  });
});
