import { redactText } from '../diagnostics/redact.ts';

/** Longest text of a server that is shown or kept. */
const MAX_SAID = 500;
/** Longest name a server may give to something. */
export const MAX_NAME = 200;
/** White space, control characters, and those that turn the direction of a line. */
const UNSEEN = /[\s\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu;
const ODD = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]|\s\s/u;

/** What a server said as one line: bounded, without control characters, without tokens and passwords. `secrets`: texts that appear nowhere. */
export function saidText(text: string, secrets: readonly string[] = []): string {
  // Cut first, with some to spare: a text of megabytes is not searched through.
  const start = text.slice(0, MAX_SAID * 4);
  return shortened(redactText(oneLine(start), { secrets, homes: [], users: [] }), MAX_SAID);
}

/** A name a server gave to something as one bounded line. */
export function saidName(name: string): string {
  return shortened(oneLine(name.slice(0, MAX_NAME * 2)), MAX_NAME);
}

function oneLine(text: string): string {
  return ODD.test(text) ? text.replace(UNSEEN, ' ').trim() : text;
}

function shortened(text: string, limit: number): string {
  return text.length > limit ? `${text.slice(0, limit - 1)}…` : text;
}
