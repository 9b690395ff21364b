const DECIMAL = ['B', 'kB', 'MB', 'GB', 'TB'];
const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export type SizeResult = { ok: true; value: number } | { ok: false; reason: string };

/** `2 GiB`, `500 MB`: in the base that says it shortest, exactly. */
export function sizeText(bytes: number): string {
  const decimal = inBase(bytes, 1000, DECIMAL);
  const binary = inBase(bytes, 1024, BINARY);
  return binary.length < decimal.length ? binary : decimal;
}

/** Reads `2 GB`, `256M`, `1.5 GiB` into bytes within limits. A bare number is refused: nobody knows of what. */
export function readSize(text: string, leastBytes: number, mostBytes = Number.POSITIVE_INFINITY): SizeResult {
  const [, number, prefix = '', isBinary] =
    /^\s*(\d+(?:[.,]\d+)?)\s*([kmgt])?(i)?b?\s*$/i.exec(text.replace(/(\d)[\s\u202f](?=\d)/g, '$1')) ?? [];
  if (number === undefined) return { ok: false, reason: 'A size, such as 500 MB or 2 GB.' };
  const amount = Number(number.replace(',', '.'));
  if (prefix === '' && amount !== 0) return { ok: false, reason: 'Say of what: 500 MB, 2 GB.' };
  const value = Math.round(amount * (isBinary ? 1024 : 1000) ** ' kmgt'.indexOf(prefix.toLowerCase() || ' '));
  if (value < leastBytes) return { ok: false, reason: `At least ${sizeText(leastBytes)}.` };
  if (value > mostBytes) return { ok: false, reason: `At most ${sizeText(mostBytes)}.` };
  return { ok: true, value };
}

function inBase(bytes: number, base: number, units: readonly string[]): string {
  let step = 0;
  let rest = bytes;
  while (rest >= base && step < units.length - 1) {
    rest /= base;
    step++;
  }
  return `${Number(rest.toPrecision(10))} ${units[step] ?? ''}`;
}
