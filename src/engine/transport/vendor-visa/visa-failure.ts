import type { VisaLibrary } from './visa-library.ts';
import { isVisaError, VISA_ERROR } from './visa-status.ts';

/** Longest text the library gives (VI_FIND_BUFLEN), and longest key of a lock. */
export const TEXT_BYTES = 256;

/** The library refused. `status`: its ViStatus; undefined: it was not asked. */
export class VisaFailure extends Error {
  readonly status: number | undefined;

  constructor(status: number | undefined, text: string) {
    super(text);
    this.status = status;
  }
}

/** Throws VisaFailure with the library's own words if `status` is an error. `object`: who is asked for them. */
export async function checkStatus(library: VisaLibrary, object: number, status: number): Promise<void> {
  if (!isVisaError(status)) return;
  const text = new Uint8Array(TEXT_BYTES);
  await library.statusDesc(object, status, text);
  throw new VisaFailure(status, textOf(text));
}

/** What the library wrote into `bytes`, up to its NUL. */
export function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('latin1');
}

export function noSession(): VisaFailure {
  return new VisaFailure(VISA_ERROR.invalidObject, 'no such session');
}
