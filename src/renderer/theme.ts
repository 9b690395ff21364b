import type { Settings } from '../contract/bench-schema.ts';

const KEY = 'labwire.look';
const light = matchMedia('(prefers-color-scheme: light)');
const contrast = matchMedia('(prefers-contrast: more)');
let current: Pick<Settings, 'theme' | 'motion'> = { theme: 'system', motion: 'system' };

/** Before the first paint: the look of last time, so that the window does not flash. */
export function applyStoredLook(): void {
  const [theme = 'system', motion = 'system'] = (localStorage.getItem(KEY) ?? '').split(' ');
  applyLook({ theme: asTheme(theme), motion: motion === 'reduced' ? 'reduced' : 'system' });
  for (const query of [light, contrast]) query.addEventListener('change', () => applyLook(current));
}

/** Sets theme and motion of the page; `system` follows the system, also later. Listeners of `onLook` repaint canvases. */
export function applyLook(look: Pick<Settings, 'theme' | 'motion'>): void {
  current = look;
  localStorage.setItem(KEY, `${look.theme} ${look.motion}`);
  const system = contrast.matches ? 'contrast' : light.matches ? 'light' : 'dark';
  const root = document.documentElement;
  root.dataset.theme = look.theme === 'system' ? system : look.theme;
  root.dataset.motion = look.motion;
  dispatchEvent(new Event('labwire-look'));
}

function asTheme(text: string): Settings['theme'] {
  return text === 'dark' || text === 'light' || text === 'contrast' ? text : 'system';
}
