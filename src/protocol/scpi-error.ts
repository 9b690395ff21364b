/** One entry of the error/event queue (SCPI-99 volume 1, SYSTem:ERRor[:NEXT]?; classes in volume 2, 21.8). */
export interface ScpiError {
  /** 0: no error; negative: SCPI; positive: of the maker. */
  code: number;
  message: string;
  /** What the device added after `;` inside the text: usually the offending header. */
  context: string;
}

/**
 * Reads one answer of `SYST:ERR?`: `0,"No error"`, `+0,"No error"`, `-113,"Undefined header;FOO?"`, `-113,'…'`, without quotes,
 * code alone (`0`, `+0`), and with the text cut off before its closing quote. `undefined` if no code stands in front.
 */
export function parseScpiError(text: string): ScpiError | undefined {
  const match = /^\s*([+-]?\d{1,9})\s*(?:[,\s]\s*(.*))?$/.exec(text);
  if (!match) return undefined;
  const body = (match[2] ?? '').trim();
  const quote = body[0] === '"' || body[0] === "'" ? body[0] : undefined;
  const inner = quote ? body.slice(1, body.length > 1 && body.at(-1) === quote ? -1 : undefined) : body;
  const whole = quote ? inner.replaceAll(quote + quote, quote) : inner;
  const cut = whole.indexOf(';');
  const code = Number(match[1]);
  return {
    code: code === 0 ? 0 : code,
    message: (cut < 0 ? whole : whole.slice(0, cut)).trim(),
    context: cut < 0 ? '' : whole.slice(cut + 1).trim(),
  };
}

/** What class of IEEE 488.2 standard event an error belongs to (SCPI-99 volume 2, 21.8). */
export function scpiErrorClass(code: number): 'none' | 'command' | 'execution' | 'device' | 'query' | 'maker' {
  if (code === 0) return 'none';
  if (code > 0) return 'maker';
  if (code <= -100 && code > -200) return 'command';
  if (code <= -200 && code > -300) return 'execution';
  if (code <= -300 && code > -400) return 'device';
  if (code <= -400 && code > -500) return 'query';
  return 'maker';
}

/** For the person: `-222 Data out of range (VOLT 99)`. */
export function formatScpiError(error: ScpiError): string {
  const context = error.context === '' ? '' : ` (${error.context})`;
  return `${error.code} ${error.message || 'without a text'}${context}`;
}
