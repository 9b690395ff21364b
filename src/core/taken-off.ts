/** Close code of a connection that a person ended on purpose: its client is not to come again by itself. */
export const TAKEN_OFF = 4410;

const WORDS = 'took this connection off the bench.';

/** What its client shows. `who` ended it. */
export function takenOffText(who: string): string {
  return `${who.slice(0, 40)} ${WORDS}`;
}

/** Whether the reason of an end says that. */
export function isTakenOff(reason: string): boolean {
  return reason.endsWith(WORDS);
}
