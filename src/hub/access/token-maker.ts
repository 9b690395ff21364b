import { errors, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import type { Clock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import type { SecretFile } from './access-schema.ts';
import type { NamedRole } from './role.ts';
import { NAMED_ROLES } from './role.ts';

/** Longer ones are not even read. */
const MAX_LENGTH = 4096;

const claims = z.object({
  /** Id of the user. */
  sub: z.string(),
  username: z.string(),
  role: z.enum(NAMED_ROLES),
  /** First the role: NeuroGraph's clients take it from there. */
  scopes: z.array(z.string()),
  token_type: z.enum(['access', 'refresh']),
  iat: z.int(),
  exp: z.int(),
  jti: z.string(),
  /** Version of the user the token was made for. */
  ver: z.int(),
  /** The login it belongs to. */
  login: z.string(),
});
export type TokenClaims = z.infer<typeof claims>;
export type TokenType = TokenClaims['token_type'];

/** What goes into a token. */
export interface TokenSubject {
  user: string;
  name: string;
  role: NamedRole;
  scopes: readonly string[];
  version: number;
  login: string;
}

/** JSON Web Tokens of this hub (RFC 7519), HS256 with the secret of its folder and with nothing else. */
export class TokenMaker {
  readonly #clock: Clock;
  readonly #kid: string;
  readonly #key: Uint8Array;

  constructor(clock: Clock, secret: SecretFile) {
    this.#clock = clock;
    this.#kid = secret.kid;
    this.#key = Buffer.from(secret.key, 'base64url');
  }

  sign(type: TokenType, subject: TokenSubject, id: string, ttlS: number): Promise<string> {
    const nowS = Number(this.#clock.nowNs() / 1_000_000_000n);
    const { name, role, scopes, version, login } = subject;
    return new SignJWT({ username: name, role, scopes: [...scopes], token_type: type, ver: version, login })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT', kid: this.#kid })
      .setSubject(subject.user)
      .setIssuedAt(nowS)
      .setExpirationTime(nowS + ttlS)
      .setJti(id)
      .sign(this.#key);
  }

  /** Throws hub.expired for one of ours whose time is over, hub.unauthenticated for anything else. */
  async verify(token: string, type: TokenType): Promise<TokenClaims> {
    if (token.length > MAX_LENGTH) throw unknownToken();
    try {
      const { payload } = await jwtVerify(token, ({ kid }) => this.#keyOf(kid), {
        algorithms: ['HS256'],
        typ: 'JWT',
        clockTolerance: 0,
        requiredClaims: ['sub', 'exp', 'iat', 'jti'],
        currentDate: new Date(Number(this.#clock.nowNs() / 1_000_000n)),
      });
      const parsed = claims.safeParse(payload);
      if (parsed.success && parsed.data.token_type === type) return parsed.data;
    } catch (error) {
      if (error instanceof errors.JWTExpired) {
        throw new LabError('hub.expired', 'The login has run out. Nothing was done; renew it, or log in again.');
      }
    }
    throw unknownToken();
  }

  #keyOf(kid: string | undefined): Uint8Array {
    if (kid !== this.#kid) throw unknownToken();
    return this.#key;
  }
}

/** One text for every fault of a token: which one it is helps only whoever forges it. */
export function unknownToken(): LabError {
  const text = 'The token given is none of this hub. Nothing was done; log in, or use an API key that is in force.';
  return new LabError('hub.unauthenticated', text);
}
