const MARK = '\u0001';

/** A time as the server's driver objects hold it: text in REST and repaired sockets, the end of every client of a socket that is not. */
export class ServerDate {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  toJSON(): string {
    return this.text;
  }
}

/** JSON as Python's json.dumps writes it: NaN and Infinity as bare tokens. */
export function pythonJson(value: unknown): string {
  const text = JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'number' && !Number.isFinite(item) ? `${MARK}${item}${MARK}` : item,
  );
  return text.replaceAll(/"\\u0001(NaN|-?Infinity)\\u0001"/g, '$1');
}

/** Whether strict JSON can hold it: Starlette's JSONResponse refuses NaN with a plain 500. */
export function isStrictJson(value: unknown): boolean {
  return !/[:,[]-?(NaN|Infinity)/.test(pythonJson(value));
}

/** Whether there is a date in it: as shipped such a message cannot be sent on a socket. */
export function holdsDate(value: unknown): boolean {
  if (value instanceof ServerDate) return true;
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some(holdsDate);
}
