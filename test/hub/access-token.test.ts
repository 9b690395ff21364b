import { createHmac } from 'node:crypto';
import { generateKeyPair, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import type { SecretFile } from '../../src/hub/access/access-schema.ts';
import { TokenMaker } from '../../src/hub/access/token-maker.ts';
import { seededBytes } from './access-bench.ts';

const key = Buffer.from(seededBytes(1)(32));
const SECRET: SecretFile = { version: 1, kid: 'secret-one', key: key.toString('base64url'), createdMs: 0 };
const SUBJECT = {
  user: 'u-1',
  name: 'anna',
  role: 'developer',
  scopes: ['developer'],
  version: 3,
  login: 'l-1',
} as const;

const clock = new ManualClock();
const nowS = Number(clock.nowNs() / 1_000_000_000n);
const maker = new TokenMaker(clock, SECRET);

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const HEADER = { alg: 'HS256', typ: 'JWT', kid: SECRET.kid };
const CLAIMS = {
  sub: 'u-1',
  username: 'anna',
  role: 'admin',
  scopes: ['admin'],
  token_type: 'access',
  iat: nowS,
  exp: nowS + 900,
  jti: 'j-1',
  ver: 3,
  login: 'l-1',
};

/** A token of the given parts, signed with HMAC of the hash. */
function made(header: object, claims: object, secret: Uint8Array = key, hash = 'sha256'): string {
  const text = `${part(header)}.${part(claims)}`;
  return `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`;
}

const codeOf = (token: string, type: 'access' | 'refresh' = 'access'): Promise<string> =>
  maker.verify(token, type).then(
    () => 'none',
    (error) => error.code,
  );

test('a token says who it is for, and is what any reader of RFC 7515 finds', async () => {
  const token = await maker.sign('access', SUBJECT, 'j-1', 900);
  const [header, claims] = token.split('.').map((text) => Buffer.from(text, 'base64url').toString());
  expect(JSON.parse(header!)).toEqual(HEADER);
  expect(JSON.parse(claims!)).toEqual({ ...CLAIMS, role: 'developer', scopes: ['developer'] });
  expect(token).toBe(made(JSON.parse(header!), JSON.parse(claims!)));
  expect(await maker.verify(token, 'access')).toEqual({ ...CLAIMS, role: 'developer', scopes: ['developer'] });
});

test('the forger of this test would be believed with the right key, so what follows is refused for its fault', async () => {
  expect(await codeOf(made(HEADER, CLAIMS))).toBe('none');
});

describe('refused', () => {
  test.each([
    ['alg none', `${part({ ...HEADER, alg: 'none' })}.${part(CLAIMS)}.`],
    ['alg None, signed', made({ ...HEADER, alg: 'None' }, CLAIMS)],
    ['no alg', made({ typ: 'JWT', kid: SECRET.kid }, CLAIMS)],
    ['HS512 with the same key', made({ ...HEADER, alg: 'HS512' }, CLAIMS, key, 'sha512')],
    ['RS256 in words, HMAC in fact', made({ ...HEADER, alg: 'RS256' }, CLAIMS)],
    ['no kid', made({ alg: 'HS256', typ: 'JWT' }, CLAIMS)],
    ['another kid', made({ ...HEADER, kid: 'secret-two' }, CLAIMS)],
    ['a path for a kid', made({ ...HEADER, kid: '../../dev/null' }, CLAIMS)],
    ['another type', made({ ...HEADER, typ: 'at+jwt' }, CLAIMS)],
    ['a critical extension', made({ ...HEADER, crit: ['b64'], b64: false }, CLAIMS)],
    ['a key in the header', made({ ...HEADER, jwk: { kty: 'oct', k: SECRET.key } }, CLAIMS, Buffer.from('other'))],
    ['another secret', made(HEADER, CLAIMS, Buffer.from(seededBytes(2)(32)))],
    ['an empty secret', made(HEADER, CLAIMS, Buffer.alloc(0))],
    ['no signature', made(HEADER, CLAIMS).replace(/[^.]+$/, '')],
    ['two parts', made(HEADER, CLAIMS).replace(/\.[^.]+$/, '')],
    ['no claim of a role', made(HEADER, { ...CLAIMS, role: undefined })],
    ['a role nobody has', made(HEADER, { ...CLAIMS, role: 'anonymous' })],
    ['no end', made(HEADER, { ...CLAIMS, exp: undefined })],
    ['an end in words', made(HEADER, { ...CLAIMS, exp: 'never' })],
    ['not yet', made(HEADER, { ...CLAIMS, nbf: nowS + 60 })],
    ['a refresh token', made(HEADER, { ...CLAIMS, token_type: 'refresh' })],
    ['empty', ''],
    ['dots', '..'],
    ['a megabyte', `${'A'.repeat(500_000)}.${'A'.repeat(500_000)}.A`],
  ])('%s', async (_, token) => expect(await codeOf(token)).toBe('hub.unauthenticated'));

  test('RS256 with a key of the forger', async () => {
    const { privateKey } = await generateKeyPair('RS256');
    const token = await new SignJWT(CLAIMS).setProtectedHeader({ ...HEADER, alg: 'RS256' }).sign(privateKey);
    expect(await codeOf(token)).toBe('hub.unauthenticated');
  });

  test('expired: to the second, and only with the right signature', async () => {
    const token = await maker.sign('access', SUBJECT, 'j', 60);
    await clock.advance(59_999);
    expect(await codeOf(token)).toBe('none');
    await clock.advance(1);
    expect(await codeOf(token)).toBe('hub.expired');
    expect(await codeOf(made(HEADER, { ...CLAIMS, exp: nowS }, Buffer.from('other')))).toBe('hub.unauthenticated');
  });

  test('one letter changed anywhere', async () => {
    const random = seededRandom(11);
    const token = await maker.sign('access', SUBJECT, 'j', 900);
    const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ ';
    for (let at = 0; at < token.length; at++) {
      const changed = token.slice(0, at) + ALPHABET[random.below(ALPHABET.length)] + token.slice(at + 1);
      // The last letter holds two bits that mean nothing; jose reads over them, and the bytes are the same.
      const isSame =
        at === token.length - 1 &&
        Buffer.from(changed.split('.')[2]!, 'base64url').equals(Buffer.from(token.split('.')[2]!, 'base64url'));
      if (changed === token || isSame) continue;
      expect([at, await codeOf(changed)]).toEqual([at, 'hub.unauthenticated']);
    }
  });

  test('claims of another user under the old signature', async () => {
    const token = await maker.sign('access', SUBJECT, 'j', 900);
    const [header, , signature] = token.split('.');
    expect(await codeOf(`${header}.${part({ ...CLAIMS, role: 'admin' })}.${signature}`)).toBe('hub.unauthenticated');
  });

  test('seeded noise', async () => {
    const random = seededRandom(12);
    for (let round = 0; round < 500; round++) {
      const size = random.below(200);
      const text = String.fromCharCode(...Array.from({ length: size }, () => 32 + random.below(200)));
      expect(await codeOf(text)).toBe('hub.unauthenticated');
    }
  });
});
