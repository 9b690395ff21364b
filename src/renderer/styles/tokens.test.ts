import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

/** WCAG 2.2, 1.4.3: text. */
const AA_TEXT = 4.5;
/** WCAG 2.2, 1.4.11: lines and lamps that carry meaning. */
const AA_SHAPE = 3;

const source = readFileSync(new URL('./tokens.css', import.meta.url), 'utf8');

function theme(name: string): Record<string, string> {
  const block = new RegExp(`\\[data-theme="${name}"\\] \\{([^}]*)\\}`).exec(source)?.[1] ?? '';
  return Object.fromEntries([...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map((match) => [match[1], match[2]]));
}

/** WCAG 2.2, relative luminance. */
function luminance(hex: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(a: string, b: string): number {
  const [high = 0, low = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

describe.each(['dark', 'light', 'contrast'])('%s', (name) => {
  const colors = theme(name);
  const pairs: [string, string, number][] = [
    ...['bg', 'surface', 'raised'].flatMap((ground) =>
      ['text', 'text-2', 'text-3', 'accent', 'ok', 'warn', 'bad'].map((ink): [string, string, number] => [
        ink,
        ground,
        AA_TEXT,
      ]),
    ),
    ...['ok', 'warn', 'bad', 'info'].map((ink): [string, string, number] => [ink, `${ink}-quiet`, AA_TEXT]),
    ['text', 'accent-quiet', AA_TEXT],
    ['text', 'bad-quiet', AA_TEXT],
    ['text-3', 'sunken', AA_TEXT],
    ['accent', 'accent-quiet', AA_TEXT],
    ['on-accent', 'accent', AA_TEXT],
    ['on-bad', 'bad', AA_TEXT],
    ['on-warn', 'warn', AA_TEXT],
    ...[1, 2, 3, 4, 5, 6, 7, 8].map((channel): [string, string, number] => [`ch${channel}`, 'surface', AA_SHAPE]),
  ];
  test.each(pairs)('%s on %s is at least %d : 1', (ink, ground, least) => {
    const [a, b] = [colors[ink], colors[ground]];
    expect(a, ink).toBeDefined();
    expect(b, ground).toBeDefined();
    expect(contrast(a ?? '', b ?? '')).toBeGreaterThanOrEqual(least);
  });
});

test('the themes name the same colours', () => {
  expect(Object.keys(theme('light')).sort()).toEqual(Object.keys(theme('dark')).sort());
  expect(Object.keys(theme('contrast')).sort()).toEqual(Object.keys(theme('dark')).sort());
});
