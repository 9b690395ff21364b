/** Times, sizes and counts as a person reads them. Sizes are decimal (1 MB = 1 000 000 bytes), as disks are sold. */

/** `1.28 GB` */
export function formatBytes(bytes: number): string {
  return scaled(bytes, ['B', 'kB', 'MB', 'GB', 'TB', 'PB'], 1000);
}

/** `812.4 kS/s` */
export function formatRate(perSecond: number): string {
  return scaled(perSecond, ['S/s', 'kS/s', 'MS/s', 'GS/s'], 1000, 4);
}

/** Rate of a channel: `2.4 /s`, `1 kS/s`. */
export function formatHz(hz: number): string {
  if (hz <= 0) return '–';
  return hz < 1000 ? `${trim(hz, 3)} /s` : scaled(hz, ['S/s', 'kS/s', 'MS/s'], 1000, 3);
}

/** `49.2 M`, `2 534` */
export function formatCount(count: number): string {
  if (count < 1e6) return groups(Math.round(count));
  return scaled(count, ['', 'k', 'M', 'G', 'T'], 1000);
}

/** Elapsed time with a fixed width: `00:42:17`. */
export function formatElapsed(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${two(Math.floor(whole / 3600))}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}

/** Two parts at most: `13 h 40 min`, `6 min 02 s`, `9.8 s`, `12 ms`. */
export function formatDuration(seconds: number): string {
  if (seconds < 0 || !Number.isFinite(seconds)) return '–';
  if (seconds < 1) return `${trim(seconds * 1000, 3)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${two(Math.floor(whole / 60) % 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor(whole / 3600) % 24} h`;
}

/** Coarse, for what is left: `9 d`, `3 h`, `12 min`. */
export function formatLeft(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds)) return '–';
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 2 * 86_400) return `${Math.floor(seconds / 3600)} h`;
  if (seconds < 730 * 86_400) return `${Math.floor(seconds / 86_400)} d`;
  return '> 2 years';
}

/** ms since 1970 of a time of the contract. */
export function msOf(timeNs: string): number {
  return Number(BigInt(timeNs) / 1_000_000n);
}

/** `14:32:07.125` */
export function formatClock(ms: number, withMs = true): string {
  const date = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, '0');
  const base = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return withMs ? `${base}.${String(date.getMilliseconds()).padStart(3, '0')}` : base;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `20 Nov 14:12`, with the year if it is another one. */
export function formatDate(ms: number, now = Date.now()): string {
  const date = new Date(ms);
  const day = `${date.getDate()} ${MONTHS[date.getMonth()] ?? ''}`;
  const year = date.getFullYear() === new Date(now).getFullYear() ? '' : ` ${date.getFullYear()}`;
  return `${day}${year} ${formatClock(ms, false).slice(0, 5)}`;
}

/** `just now`, `12 s ago`, `3 min ago`. */
export function formatAgo(ms: number, now = Date.now()): string {
  const seconds = Math.max(0, (now - ms) / 1000);
  if (seconds < 3) return 'just now';
  return `${formatLeft(seconds)} ago`;
}

/** `1 channel`, `2 channels`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

function scaled(value: number, units: readonly string[], base: number, digits = 3): string {
  let step = 0;
  let rest = value;
  while (Math.abs(rest) >= base * (1 - 0.5 * 10 ** -digits) && step < units.length - 1) {
    rest /= base;
    step++;
  }
  const unit = units[step] ?? '';
  const text =
    step === 0 ? trim(rest, digits) : rest.toPrecision(Math.max(digits, Math.ceil(Math.log10(Math.abs(rest) + 1))));
  return unit ? `${text} ${unit}` : text;
}

function trim(value: number, digits: number): string {
  return String(Number(value.toPrecision(digits)));
}

function groups(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

/** The last piece of a path, of whichever system it comes from. */
export function fileName(path: string): string {
  return path.split(/[\\/]/).at(-1) ?? path;
}
