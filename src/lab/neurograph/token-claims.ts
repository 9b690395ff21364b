/** What a JSON Web Token says of itself; it is not checked here, that is the server's business. */
export interface TokenClaims {
  user: string | undefined;
  /** What the server takes for the role: an explicit claim, else the first scope. */
  role: string | undefined;
  /** s since 1970. */
  expiresS: number | undefined;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** The claims of a token; undefined for what is no JSON Web Token. */
export function tokenClaims(token: string): TokenClaims | undefined {
  const body = token.split('.')[1];
  if (body === undefined || body.length > 16_384) return undefined;
  try {
    const claims = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(base64url(body))) as unknown;
    if (typeof claims !== 'object' || claims === null) return undefined;
    const { sub, role, scopes, exp } = claims as Record<string, unknown>;
    const first: unknown = Array.isArray(scopes) ? scopes[0] : undefined;
    return {
      user: typeof sub === 'string' ? sub : undefined,
      role: typeof role === 'string' ? role : typeof first === 'string' ? first : undefined,
      expiresS: typeof exp === 'number' ? exp : undefined,
    };
  } catch {
    return undefined;
  }
}

function base64url(text: string): Uint8Array {
  const letters = text.replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_');
  const bytes = new Uint8Array(Math.floor((letters.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const letter of letters) {
    const value = ALPHABET.indexOf(letter);
    if (value < 0) throw new Error('no base64url');
    bits = ((bits << 6) | value) & 0xffff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes[at++] = (bits >> held) & 0xff;
    }
  }
  return bytes;
}
