import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

/** Random bytes for secrets. */
export type RandomBytes = (sizeBytes: number) => Uint8Array;

export const systemRandom: RandomBytes = (sizeBytes) => randomBytes(sizeBytes);

/** Costs of scrypt (RFC 7914): N = 2^ln, block size r, parallelism p. Memory is 128·N·r bytes. */
export interface ScryptCosts {
  ln: number;
  r: number;
  p: number;
}

/** OWASP's figure for 32 MiB: about 0.2 s of one core. */
export const SCRYPT_COSTS: ScryptCosts = { ln: 15, r: 8, p: 3 };

interface Phc extends ScryptCosts {
  salt: Uint8Array;
  hash: Uint8Array;
}

const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** PHC string format, with the parameter names passlib gave scrypt; numbers without leading zeros, base64 without padding. */
const PHC = /^\$scrypt\$ln=([1-9]\d?),r=([1-9]\d?),p=([1-9]\d?)\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/;

/** The hash of a password as one text: `$scrypt$ln=15,r=8,p=3$SALT$HASH`. */
export async function hashPassword(
  password: string,
  random: RandomBytes = systemRandom,
  costs: ScryptCosts = SCRYPT_COSTS,
): Promise<string> {
  const salt = random(SALT_BYTES);
  const hash = await derive(password, salt, HASH_BYTES, costs);
  return `$scrypt$ln=${costs.ln},r=${costs.r},p=${costs.p}$${base64(salt)}$${base64(hash)}`;
}

/** Compares in constant time. False for a text that is no such hash, or one that would cost more than 1 GiB or half a minute. */
export async function verifyPassword(password: string, text: string): Promise<boolean> {
  const phc = parsePhc(text);
  if (!phc) return false;
  return timingSafeEqual(await derive(password, phc.salt, phc.hash.length, phc), phc.hash);
}

/** Whether a stored hash can be used at all: what a file is checked for. */
export function isPasswordHash(text: string): boolean {
  return parsePhc(text) !== undefined;
}

/** Whether a hash is cheaper to guess than one made today: it is made anew at the next login. */
export function isWeakHash(text: string, costs: ScryptCosts = SCRYPT_COSTS): boolean {
  const phc = parsePhc(text);
  return !phc || phc.ln < costs.ln || phc.r < costs.r || phc.p < costs.p || phc.hash.length < HASH_BYTES;
}

function parsePhc(text: string): Phc | undefined {
  const [, ln, r, p, salt = '', hash = ''] = PHC.exec(text) ?? [];
  const costs = { ln: Number(ln), r: Number(r), p: Number(p) };
  if (!(costs.ln >= 10 && costs.ln <= 20 && costs.r <= 16 && costs.p <= 16)) return undefined;
  const phc = { ...costs, salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') };
  // 2^ln · r bytes · 128 ≤ 1 GiB; a text that is no canonical base64 is refused, so that one hash has one spelling.
  if (2 ** costs.ln * costs.r > 2 ** 23 || base64(phc.salt) !== salt || base64(phc.hash) !== hash) return undefined;
  return phc;
}

/** In the thread pool of Node: the event loop goes on. */
function derive(password: string, salt: Uint8Array, sizeBytes: number, { ln, r, p }: ScryptCosts): Promise<Buffer> {
  const N = 2 ** ln;
  return new Promise((resolve, reject) => {
    // NIST SP 800-63B 5.1.1.2: the same password typed on another system may come in another normal form.
    scrypt(password.normalize('NFKC'), salt, sizeBytes, { N, r, p, maxmem: 256 * N * r }, (error, key) => {
      if (error) reject(error);
      else resolve(key);
    });
  });
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '');
}
