import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BenchPage, openBenchPage } from '../../benchmarks/plot-page.ts';
import { findChromium } from '../chromium-host/chromium.ts';

const ROOT = resolve(import.meta.dirname, '..', '..');

interface PlotPixels {
  gap(kind: 'strokes' | 'layer'): { inside: number; outside: number };
  envelope(): { missing: number; of: number; above: number };
  running(): { differing: number; of: number };
  area(): Promise<void>;
}
declare const window: { plotPixels: PlotPixels };

/** Without Chromium (a newcomer's machine) these are skipped; CI installs it and sets LABWIRE_CI. */
const canRun = findChromium() !== undefined || process.env.LABWIRE_CI !== undefined;

describe.skipIf(!canRun)('pixels of the plots', () => {
  let opened: BenchPage;
  beforeAll(async () => {
    opened = await openBenchPage(ROOT, 'pixels');
    await opened.page.waitForFunction('window.plotPixels !== undefined');
  });
  afterAll(async () => {
    await opened[Symbol.asyncDispose]();
  });

  test.each(['strokes', 'layer'] as const)('a gap is not bridged by %s', async (kind) => {
    const { inside, outside } = await opened.page.evaluate((way) => window.plotPixels.gap(way), kind);
    expect(inside).toBe(0);
    expect(outside).toBeGreaterThan(400);
  });

  test('the envelope holds every lowest and highest sample', async () => {
    const { missing, of, above } = await opened.page.evaluate(() => window.plotPixels.envelope());
    expect(of).toBe(2800);
    expect(missing).toBe(0);
    expect(above).toBe(0);
  });

  test('a window that ran on looks like one painted anew', async () => {
    const { differing, of } = await opened.page.evaluate(() => window.plotPixels.running());
    expect(of).toBeGreaterThan(100_000);
    expect(differing).toBe(0);
  });

  test('the cursor table is right, by keys alone', async () => {
    const { page } = opened;
    await page.evaluate(() => window.plotPixels.area());
    await page.getByRole('button', { name: '10 s' }).click();
    const canvas = page.getByTestId('plot-canvas');
    await canvas.waitFor();
    await page.evaluate(() => (document.activeElement as { blur(): void } | null)?.blur());
    await page.keyboard.press(' ');
    await page.keyboard.press('c');
    const cell = (name: string) => page.locator(`[data-cell="${name}"]`);
    // Cursors stand at a third and two thirds of the 10 s: the ramp rises by 1 V/s.
    await expect.poll(() => cell('dt').textContent()).toBe('3.333\u202f3 s');
    await expect.poll(() => cell('rate').textContent()).toBe('300.0 mHz');
    await expect.poll(() => numberOf(cell('d daq/ramp'))).toBeCloseTo(10 / 3, 1);
    await expect.poll(() => numberOf(cell('d daq/flat'))).toBe(0);
    await expect.poll(() => numberOf(cell('a daq/flat'))).toBe(2);
    await page.keyboard.press('c');
    await expect.poll(() => page.getByTestId('cursor-table').count()).toBe(0);
  });

  test('wheel, drag and double click move all of it and return to live', async () => {
    const { page } = opened;
    const back = page.getByRole('button', { name: 'Back to live' });
    const box = await page.getByTestId('plot-canvas').boundingBox();
    if (!box) throw new Error('no plot');
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.wheel(0, -300);
    await back.waitFor();
    await page.mouse.dblclick(box.x + box.width / 2, box.y + box.height / 2);
    await expect.poll(() => back.count()).toBe(0);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2 + 200, box.y + box.height / 2, { steps: 4 });
    await page.mouse.up();
    await back.waitFor();
    await page.keyboard.press('End');
    await expect.poll(() => back.count()).toBe(0);
  });
});

async function numberOf(cell: { textContent(): Promise<string | null> }): Promise<number> {
  const text = (await cell.textContent()) ?? '';
  const [digits = '', unit = ''] = text.replaceAll('\u202f', '').replace('\u2212', '-').split(' ');
  return Number(digits) * (unit.startsWith('m') ? 1e-3 : 1);
}
