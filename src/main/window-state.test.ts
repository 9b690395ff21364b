import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isReachable, parseWindowState, readWindowState, writeWindowState } from './window-state.ts';

const SCREEN = { x: 0, y: 0, width: 1920, height: 1080 };
const BOUNDS = { x: 100, y: 50, width: 1280, height: 720 };

test('what was written is read', () => {
  const folder = mkdtempSync(join(tmpdir(), 'labwire-window-'));
  const path = join(folder, 'window.json');
  expect(readWindowState(path, [SCREEN])).toEqual({ bounds: undefined, maximized: false, fullScreen: false });
  writeWindowState(path, { bounds: BOUNDS, maximized: true, fullScreen: false });
  expect(readWindowState(path, [SCREEN])).toEqual({ bounds: BOUNDS, maximized: true, fullScreen: false });
  rmSync(folder, { recursive: true });
  expect(() => writeWindowState(path, { bounds: BOUNDS, maximized: false, fullScreen: false })).not.toThrow();
});

test('a window on a monitor that is gone comes back in the middle', () => {
  expect(isReachable(BOUNDS, [SCREEN])).toBe(true);
  expect(isReachable({ ...BOUNDS, x: 1900 }, [SCREEN])).toBe(false);
  expect(isReachable({ ...BOUNDS, x: 2500 }, [SCREEN, { ...SCREEN, x: 1920 }])).toBe(true);
  // Its title bar would be above the screen.
  expect(isReachable({ ...BOUNDS, y: -10 }, [SCREEN])).toBe(false);
});

test.each([
  '',
  'null',
  '[]',
  '{"bounds":{"x":"1"}}',
  '{"bounds":{"x":1e9,"y":0,"width":1,"height":1}}',
  '{"maximized":1}',
])('nonsense %j gives the defaults', (text) => {
  expect(parseWindowState(text, [SCREEN])).toEqual({ bounds: undefined, maximized: false, fullScreen: false });
});
