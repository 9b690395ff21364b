const SHOWN_BYTES = 16;

/**
 * A reply for people to read. A 488.2 block (which a session gives as text, one character a byte) becomes its size and first bytes in
 * hexadecimal; everything else stays as it is.
 */
export function summarizeReply(reply: string): string {
  const digits = /^#([1-9])/.exec(reply)?.[1];
  const header = digits === undefined ? 0 : 2 + Number(digits);
  const size = Number(reply.slice(2, header));
  if (header === 0 || reply.length !== header + size) return reply;
  const first = [...reply.slice(header, header + SHOWN_BYTES)].map((byte) =>
    byte.charCodeAt(0).toString(16).padStart(2, '0'),
  );
  return `#${digits}${size} block of ${size} bytes: ${first.join(' ')}${size > SHOWN_BYTES ? ' …' : ''}`;
}
