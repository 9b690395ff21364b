import { createHmac, timingSafeEqual } from 'node:crypto';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const STEP_S = 30;
/** A code of the step before or after is taken too (RFC 6238 5.2): clocks of telephones differ. */
const SLACK_STEPS = 1;

/** HOTP (RFC 4226 5.3) with SHA-1, the only hash every authenticator app has. */
function codeOf(secret: Uint8Array, counter: number, digits: number): string {
  const message = Buffer.alloc(8);
  message.writeBigUInt64BE(BigInt(counter));
  const mac = createHmac('sha1', secret).update(message).digest();
  const offset = (mac[mac.length - 1] ?? 0) & 0x0f;
  const number = mac.readUInt32BE(offset) & 0x7fff_ffff;
  return String(number % 10 ** digits).padStart(digits, '0');
}

/** The time step a moment is in, s since 1970 over 30. */
export function timeStep(nowS: number): number {
  return Math.floor(nowS / STEP_S);
}

/** TOTP (RFC 6238) of a moment, s since 1970. */
export function oneTimeCode(secret: Uint8Array, nowS: number, digits = 6): string {
  return codeOf(secret, timeStep(nowS), digits);
}

/**
 * The time step whose code was given, within one step of now and after `lastStep`; undefined: wrong, too old, or used already.
 * Every step is compared, so that the time taken tells nothing.
 */
export function matchedStep(secret: Uint8Array, code: string, nowS: number, lastStep: number): number | undefined {
  if (!/^\d{6}$/.test(code)) return undefined;
  const now = timeStep(nowS);
  let matched: number | undefined;
  for (let step = now - SLACK_STEPS; step <= now + SLACK_STEPS; step++) {
    const isEqual = timingSafeEqual(Buffer.from(codeOf(secret, step, 6)), Buffer.from(code));
    if (isEqual && step > lastStep) matched = step;
  }
  return matched;
}

/** Base32 (RFC 4648 6) without padding, as authenticator apps take it. */
export function toBase32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += ALPHABET[(held >> (bits - 5)) & 31];
  }
  return bits > 0 ? text + ALPHABET[(held << (5 - bits)) & 31] : text;
}

/** Undefined for what is no base32. */
export function fromBase32(text: string): Uint8Array | undefined {
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const letter of text) {
    const value = ALPHABET.indexOf(letter);
    if (value < 0) return undefined;
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((held >> bits) & 0xff);
    }
  }
  return Uint8Array.from(bytes);
}

/** What the QR code of an authenticator app holds. */
export function provisioningUri(secret: string, user: string, issuer: string): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(user)}`;
  return `otpauth://totp/${label}?secret=${secret}&issuer=${encodeURIComponent(issuer)}&algorithm=SHA1&digits=6&period=${STEP_S}`;
}
