import { NUMBER_BYTES, POINT, writeNumber } from './number-text.ts';
import type { TextOut } from './text-out.ts';

const encoder = new TextEncoder();
const NULL = encoder.encode('null');
const OVERLOAD = encoder.encode('"OL"');
const UNDERLOAD = encoder.encode('"-OL"');

/** A value in JSON takes at most so many bytes. */
export const JSON_VALUE_BYTES = NUMBER_BYTES;

/** A value: JSON knows neither NaN nor Infinity, so missing is `null` and overload the text `"OL"` or `"-OL"`. Room must be there. */
export function putJsonValue(out: TextOut, value: number, isFloat32: boolean): void {
  if (Number.isNaN(value)) out.put(NULL);
  else if (value === Number.POSITIVE_INFINITY) out.put(OVERLOAD);
  else if (value === Number.NEGATIVE_INFINITY) out.put(UNDERLOAD);
  else out.at = writeNumber(out.bytes, out.at, value, isFloat32, POINT);
}

/** A time as a JSON string, by a writer of ISO-8601. Room must be there. */
export function putJsonTime(out: TextOut, write: (bytes: Uint8Array, at: number) => number): void {
  const { bytes } = out;
  bytes[out.at] = 34;
  const at = write(bytes, out.at + 1);
  bytes[at] = 34;
  out.at = at + 1;
}
