/** First MessageID after initialisation and device clear (IVI-6.1 3.1.2). */
export const FIRST_MESSAGE_ID = 0xffff_ff00;

/** What a status query names before anything was sent or delivered (6.14): the one before the first. */
export const NO_MESSAGE_ID = 0xffff_fefe;

/** A server's Data whose client message it cannot tell (3.1.1); never in DataEND. */
export const UNKNOWN_MESSAGE_ID = 0xffff_ffff;

/** The next MessageID: two on, around at 32 bits (3.1.2). */
export function nextMessageId(id: number): number {
  return (id + 2) >>> 0;
}

/** Whether `id` is `other` or was before it, on the circle of 32 bits. */
export function isMessageIdUpTo(id: number, other: number): boolean {
  return ((other - id) | 0) >= 0;
}
