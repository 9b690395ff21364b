/** What the plots need of the design tokens, read once per change of theme. */
export interface PlotTheme {
  background: string;
  grid: string;
  label: string;
  text: string;
  cursor: string;
  hatch: string;
  accent: string;
  warn: string;
  bad: string;
  info: string;
  quiet: string;
  fontNum: string;
  channels: string[];
  /** High contrast: thicker lines, stronger envelopes. */
  contrast: boolean;
}

/** Dash patterns by colour number, CSS pixels on, off, …: from the fifth on colour is never the only sign. */
const DASHES: readonly (readonly number[])[] = [[], [], [], [], [14, 3], [6, 3], [14, 3, 3, 3], [3, 2]];

/** How one trace is drawn. Numbers are 0xAABBGGRR. */
export interface TraceStyle {
  css: string;
  envelopeCss: string;
  color: number;
  envelope: number;
  dash: readonly number[];
  widthPx: number;
}

/** Reads the tokens as they apply to an element. */
export function readTheme(element: Element): PlotTheme {
  const style = getComputedStyle(element);
  const token = (name: string, otherwise: string): string => style.getPropertyValue(name).trim() || otherwise;
  return {
    background: token('--bg', '#0e1115'),
    grid: token('--grid', '#1d242d'),
    label: token('--text-3', '#8793a2'),
    text: token('--text-2', '#a9b4c1'),
    cursor: token('--cursor', '#8fa0b3'),
    hatch: token('--line-strong', '#47525f'),
    accent: token('--accent', '#4aa8ff'),
    warn: token('--warn', '#f5b84b'),
    bad: token('--bad', '#ff7272'),
    info: token('--info', '#4aa8ff'),
    quiet: token('--text-3', '#8793a2'),
    fontNum: token('--font-num', 'monospace'),
    channels: [1, 2, 3, 4, 5, 6, 7, 8].map((number) => token(`--ch${number}`, '#888888')),
    contrast: element.closest('[data-theme="contrast"]') !== null,
  };
}

/** Style of a channel: a colour number 1…8 of the palette or a colour of one's own. */
export function traceStyle(theme: PlotTheme, color: number | string): TraceStyle {
  const number = typeof color === 'number' ? Math.min(8, Math.max(1, color)) : 0;
  const css = number > 0 ? (theme.channels[number - 1] ?? '#888888') : String(color);
  const rgb = parseColor(css);
  const alpha = theme.contrast ? 0.38 : 0.24;
  return {
    css,
    envelopeCss: `rgba(${rgb & 255},${(rgb >>> 8) & 255},${(rgb >>> 16) & 255},${alpha})`,
    color: (rgb | 0xff000000) >>> 0,
    envelope: (rgb | (Math.round(alpha * 255) << 24)) >>> 0,
    dash: DASHES[number - 1] ?? [],
    widthPx: theme.contrast ? 2 : 1.5,
  };
}

/** `#rgb` or `#rrggbb` as 0x00BBGGRR; grey for what is neither. */
export function parseColor(css: string): number {
  const long = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})/i.exec(css);
  const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])$/i.exec(css);
  const parts = long ? long.slice(1) : short ? short.slice(1).map((digit) => digit + digit) : ['88', '88', '88'];
  const [red = 0, green = 0, blue = 0] = parts.map((part) => Number.parseInt(part, 16));
  return red | (green << 8) | (blue << 16);
}

/** Calls when the theme may have changed; gives the function that stops watching. */
export function watchTheme(onChange: () => void): () => void {
  const observer = new MutationObserver(onChange);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme', 'class'] });
  const queries = ['(prefers-color-scheme: dark)', '(prefers-contrast: more)'].map((query) => matchMedia(query));
  for (const query of queries) query.addEventListener('change', onChange);
  return () => {
    observer.disconnect();
    for (const query of queries) query.removeEventListener('change', onChange);
  };
}
