import { LabError } from '../core/errors.ts';

const UNIT_MS: Record<string, number> = {
  ms: 1,
  s: 1000,
  '': 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** `500ms`, `10s`, `1.5m`, `2h`, `1d`; a bare number is seconds. ms. Throws call.invalid. */
export function parseDurationMs(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([a-z]*)$/.exec(text.trim());
  const unit = UNIT_MS[match?.[2] ?? ''];
  if (!match || unit === undefined) {
    throw new LabError('call.invalid', `"${text}" is no duration. Write 500ms, 10s, 1.5m, 2h or 1d.`);
  }
  return Number(match[1]) * unit;
}
