import { scryptSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { fromBase32, matchedStep, oneTimeCode, provisioningUri, toBase32 } from '../../src/hub/access/one-time-code.ts';
import { PasswordDesk } from '../../src/hub/access/password-desk.ts';
import {
  hashPassword,
  isPasswordHash,
  isWeakHash,
  SCRYPT_COSTS,
  verifyPassword,
} from '../../src/hub/access/password-hash.ts';
import { checkPassword } from '../../src/hub/access/password-rule.ts';
import { CHEAP, PASSWORD, seededBytes } from './access-bench.ts';

const unpadded = (text: string | Buffer): string => Buffer.from(text).toString('base64').replace(/=+$/, '');

describe('scrypt in PHC form', () => {
  // RFC 7914 section 12, third vector.
  const VECTOR =
    '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887';

  test('the vector of RFC 7914', async () => {
    const text = `$scrypt$ln=14,r=8,p=1$${unpadded('SodiumChloride')}$${unpadded(Buffer.from(VECTOR, 'hex'))}`;
    expect(await verifyPassword('pleaseletmein', text)).toBe(true);
    expect(await verifyPassword('pleaseletmeIn', text)).toBe(false);
  });

  test('costs are those recommended, and stand in the text', async () => {
    expect(SCRYPT_COSTS.ln).toBeGreaterThanOrEqual(15);
    const text = await hashPassword(PASSWORD, seededBytes(1));
    const [, name, costs, salt = '', hash = ''] = text.split('$');
    expect([name, costs, salt.length, hash.length]).toEqual(['scrypt', 'ln=15,r=8,p=3', 22, 43]);
    const again = scryptSync(PASSWORD, Buffer.from(salt, 'base64'), 32, { N: 2 ** 15, r: 8, p: 3, maxmem: 2 ** 27 });
    expect(unpadded(again)).toBe(hash);
    expect(isWeakHash(text)).toBe(false);
    expect(isWeakHash(await hashPassword(PASSWORD, seededBytes(1), CHEAP))).toBe(true);
  });

  test('two of the same password differ; normal forms of the same letters do not', async () => {
    const random = seededBytes(2);
    const first = await hashPassword('Prüfstand eins', random, CHEAP);
    expect(await hashPassword('Prüfstand eins', random, CHEAP)).not.toBe(first);
    expect(await verifyPassword('Pru\u0308fstand eins', first)).toBe(true);
    expect(await verifyPassword('Prufstand eins', first)).toBe(false);
  });

  const good = `$scrypt$ln=10,r=1,p=1$${unpadded('saltsaltsaltsalt')}$${unpadded(Buffer.alloc(32, 7))}`;
  test.each([
    ['', 'empty'],
    [good.replace('scrypt', 'argon2id'), 'another function'],
    [good.replace('ln=10', 'ln=9'), 'too cheap'],
    [good.replace('ln=10', 'ln=21'), 'too dear'],
    [good.replace('ln=10,r=1', 'ln=20,r=16'), '2 GiB'],
    [good.replace('p=1', 'p=0'), 'no work'],
    [good.replace('ln=10', 'ln=010'), 'a leading zero'],
    [good.replace('r=1,p=1', 'p=1,r=1'), 'another order'],
    [`${good}=`, 'padding'],
    [`${good}\n`, 'a line end'],
    [`${good.slice(0, -1)}/`, 'bits that are not used'],
    [good.slice(0, 40), 'no hash'],
  ])('%j is none: %s', async (text) => {
    expect(isPasswordHash(text)).toBe(false);
    expect(await verifyPassword('x', text)).toBe(false);
  });

  test('seeded damage is never a hash of the password, and never throws', async () => {
    const random = seededRandom(7);
    const text = await hashPassword(PASSWORD, seededBytes(3), CHEAP);
    for (let round = 0; round < 300; round++) {
      const at = random.below(text.length);
      const damaged = text.slice(0, at) + String.fromCharCode(33 + random.below(90)) + text.slice(at + 1);
      if (damaged === text || /ln=1[1-9]|r=[2-9]|p=[2-9]/.test(damaged)) continue;
      expect([damaged, await verifyPassword(PASSWORD, damaged)]).toEqual([damaged, false]);
    }
  });
});

describe('the password desk', () => {
  test('computes a few at a time; a further one is refused, and an unknown user takes a place too', async () => {
    const desk = new PasswordDesk({ costs: CHEAP, atOnce: 2, maxWaiting: 3 });
    const stored = await desk.hash(PASSWORD);
    const asked = [
      desk.verify(PASSWORD, stored),
      desk.verify(PASSWORD, undefined),
      desk.verify('wrong', stored),
      desk.verify(PASSWORD, undefined),
      desk.verify(PASSWORD, stored),
    ];
    expect(desk.waiting).toBe(3);
    await expect(desk.verify(PASSWORD, stored)).rejects.toMatchObject({
      code: 'hub.busy',
      details: { retryAfterS: expect.any(Number) },
    });
    expect(await Promise.all(asked)).toEqual([true, false, false, false, true]);
    expect(desk.waiting).toBe(0);
    expect(await desk.verify(PASSWORD, stored)).toBe(true);
  });

  test('nobody gets in with the password nobody has', async () => {
    const random = seededBytes(4);
    const desk = new PasswordDesk({ costs: CHEAP, random });
    await desk.prepare();
    const same = Buffer.from(seededBytes(4)(16)).toString('hex');
    expect(await desk.verify(same, undefined)).toBe(false);
  });
});

test.each([
  ['short', 'shorter'],
  ['x'.repeat(201), 'longer'],
  ['aaaaaaaaaaaa', 'repeats'],
  ['PassWord', 'tried first'],
  ['henrietta42', 'name of the user'],
])('%j is refused with the reason', (password, reason) => {
  expect(() => checkPassword('Henrietta', password)).toThrow(
    expect.objectContaining({ code: 'hub.weak-password', message: expect.stringContaining(reason) }),
  );
});

test.each([PASSWORD, 'äöüßäöü8', 'correct horse', 'henrietta of the bench'])('%j is taken', (password) => {
  expect(() => checkPassword('henrietta', password)).not.toThrow();
});

describe('one-time codes', () => {
  const SECRET = Buffer.from('12345678901234567890');

  test.each([
    [59, '94287082'],
    [1_111_111_109, '07081804'],
    [1_111_111_111, '14050471'],
    [1_234_567_890, '89005924'],
    [2_000_000_000, '69279037'],
    [20_000_000_000, '65353130'],
  ])('RFC 6238 appendix B: at %i s %s', (nowS, code) => {
    expect(oneTimeCode(SECRET, nowS, 8)).toBe(code);
    expect(oneTimeCode(SECRET, nowS)).toBe(code.slice(2));
  });

  test('one step either way is taken, two are not', () => {
    const nowS = 1_111_111_111;
    const step = Math.floor(nowS / 30);
    const taken = [-2, -1, 0, 1, 2].map((away) => matchedStep(SECRET, oneTimeCode(SECRET, nowS + away * 30), nowS, 0));
    expect(taken).toEqual([undefined, step - 1, step, step + 1, undefined]);
  });

  test('a used step is refused, and those before it', () => {
    const nowS = 1_111_111_111;
    const step = Math.floor(nowS / 30);
    expect(matchedStep(SECRET, oneTimeCode(SECRET, nowS), nowS, step)).toBeUndefined();
    expect(matchedStep(SECRET, oneTimeCode(SECRET, nowS - 30), nowS, step)).toBeUndefined();
    expect(matchedStep(SECRET, oneTimeCode(SECRET, nowS + 30), nowS, step)).toBe(step + 1);
  });

  test.each(['', '12345', '1234567', 'abcdef', '１２３４５６', '-12345', ' 12345'])('%j is no code', (code) => {
    expect(matchedStep(SECRET, code, 59, 0)).toBeUndefined();
  });

  test.each([
    ['', ''],
    ['f', 'MY'],
    ['fo', 'MZXQ'],
    ['foo', 'MZXW6'],
    ['foob', 'MZXW6YQ'],
    ['fooba', 'MZXW6YTB'],
    ['foobar', 'MZXW6YTBOI'],
  ])('RFC 4648 section 10: %j is %j in base32', (text, coded) => {
    expect(toBase32(Buffer.from(text))).toBe(coded);
    expect(Buffer.from(fromBase32(coded)!).toString()).toBe(text);
  });

  test('base32 of random bytes comes back', () => {
    const random = seededBytes(5);
    for (let size = 0; size < 64; size++) {
      const bytes = random(size);
      expect(fromBase32(toBase32(bytes))).toEqual(bytes);
    }
    for (const text of ['a', '0', '1', 'MZ=', 'Ä']) expect(fromBase32(text)).toBeUndefined();
  });

  test('the address for an authenticator', () => {
    expect(provisioningUri('ABC', 'anna@lab', 'Bench & Co')).toBe(
      'otpauth://totp/Bench%20%26%20Co:anna%40lab?secret=ABC&issuer=Bench%20%26%20Co&algorithm=SHA1&digits=6&period=30',
    );
  });
});
