/** `14:30`, `14:30:05`, `14:30:05.250`: rounded to the decimals shown. */
export function clockText(secondsOfDayS: number, decimals: number, withSeconds = true): string {
  const scale = 10 ** decimals;
  const ticks = Math.round(secondsOfDayS * scale);
  const whole = Math.floor(ticks / scale);
  const two = (value: number): string => String(value).padStart(2, '0');
  const head = `${two(Math.floor(whole / 3600) % 24)}:${two(Math.floor(whole / 60) % 60)}`;
  if (!withSeconds) return head;
  const tail = decimals > 0 ? `.${String(ticks - whole * scale).padStart(decimals, '0')}` : '';
  return `${head}:${two(whole % 60)}${tail}`;
}

/** `1:05`, `2:03:05`, `3 d 04:00`: a duration as a clock counts it. */
export function durationText(seconds: number, decimals = 0, withSeconds = true): string {
  const days = Math.floor(seconds / 86_400);
  if (days > 0) return `${days} d ${clockText(seconds - days * 86_400, 0, false)}`;
  if (seconds >= 3600 || !withSeconds) return clockText(seconds, decimals, withSeconds).replace(/^0(?=\d)/, '');
  return clockText(seconds, decimals)
    .slice(3)
    .replace(/^0(?=\d)/, '');
}
