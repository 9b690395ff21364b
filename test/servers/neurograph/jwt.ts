import { createHmac } from 'node:crypto';

export interface Claims {
  sub: string;
  scopes: string[];
  exp: number;
  token_type: string;
}

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A JWT as NeuroGraph signs it (HS256). `exp` in s since 1970. */
export function signToken(secret: string, claims: Claims): string {
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ ...claims, iat: claims.exp - 900 })}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

/** The claims of a token that is whole, ours, of time and an access token; undefined for any other. */
export function readToken(secret: string, token: string): Claims | undefined {
  const [head, body, signature] = token.split('.');
  if (head === undefined || body === undefined) return undefined;
  if (createHmac('sha256', secret).update(`${head}.${body}`).digest('base64url') !== signature) return undefined;
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Claims;
  return claims.token_type === 'access' && claims.exp > Date.now() / 1000 ? claims : undefined;
}
