import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** 256 random bits as text that fits a URL fragment and a WebSocket subprotocol (RFC 6455 4.1: an HTTP token). */
export function createToken(): string {
  return randomBytes(32).toString('base64url');
}

/** Compares in constant time; hashed first, so that the length tells nothing either. */
export function isToken(expected: string, offered: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(expected), hash(offered));
}
