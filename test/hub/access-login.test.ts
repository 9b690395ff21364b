import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Access } from '../../src/hub/access/access.ts';
import { openAccessFiles } from '../../src/hub/access/access-files.ts';
import { inTurn } from '../../src/hub/access/file-turn.ts';
import { LoginDesk } from '../../src/hub/access/login-desk.ts';
import { LoginThrottle } from '../../src/hub/access/login-throttle.ts';
import { MfaDesk } from '../../src/hub/access/mfa-desk.ts';
import { fromBase32, oneTimeCode } from '../../src/hub/access/one-time-code.ts';
import { systemRandom } from '../../src/hub/access/password-hash.ts';
import { ANONYMOUS, isConcerned } from '../../src/hub/access/principal.ts';
import { channelRights } from '../../src/hub/access/role.ts';
import { followWall } from '../../src/hub/access/wall-clock.ts';
import { NEUROGRAPH_CHANNELS } from '../../src/protocol/lab/neurograph-role.ts';
import { AccessBench, ATTACKER, CHEAP, DESK, HERE, PASSWORD } from './access-bench.ts';

let bench: AccessBench;
let access: Access;

beforeEach(async () => {
  bench = await AccessBench.create();
  access = await bench.open();
  await access.users.add('anna', 'admin', PASSWORD);
  await access.users.add('dev', 'developer', PASSWORD);
});
afterEach(() => bench[Symbol.asyncDispose]());

const login = (username: string, password = PASSWORD, mfaToken?: string) =>
  access.login({ username, password, mfaToken }, DESK);

/** Code and details of what a promise is refused with. */
async function refusal(promise: Promise<unknown>): Promise<{ code: string; details: Record<string, unknown> }> {
  const { code, details } = await promise.then(
    () => ({ code: 'none', details: {} }),
    (error) => error,
  );
  return { code, details };
}
const codeOf = async (promise: Promise<unknown>): Promise<string> => (await refusal(promise)).code;

describe('who comes in', () => {
  test('a login gives a token for 15 min and one for 7 d, and says who it is', async () => {
    const { access: token, principal, user, ...rest } = await login('Anna');
    expect(rest).toMatchObject({ accessExpiresInS: 900, refreshExpiresInS: 604_800 });
    expect(user).toMatchObject({ name: 'anna', role: 'admin', hasMfa: false });
    expect(await access.authenticate(token, DESK)).toEqual(principal);
    expect(await access.me(principal)).toEqual(user);
    expect(JSON.stringify([user, principal])).not.toContain('scrypt');
    await bench.pass(899_000);
    expect(await access.authenticate(token, DESK)).toEqual(principal);
    await bench.pass(1000);
    expect(await codeOf(access.authenticate(token, DESK))).toBe('hub.expired');
  });

  test.each([
    ['developer', ['metrics', 'signals', 'actions', 'logs', 'status']],
    ['viewer', ['metrics', 'status']],
    ['bot', ['metrics', 'signals', 'status']],
    ['admin', [...NEUROGRAPH_CHANNELS]],
  ] as const)("253: the login token of a %s gets its role's channels", async (role, channels) => {
    await access.users.add('somebody', role, PASSWORD);
    const { access: token } = await login('somebody');
    const principal = await access.authenticate(token, DESK);
    const open = channelRights(principal.role).filter(({ canSubscribe }) => canSubscribe);
    const names = open
      .map(({ name }) => name)
      .filter((name) => (NEUROGRAPH_CHANNELS as readonly string[]).includes(name));
    expect(names).toEqual(channels);
    // What a client of NeuroGraph reads from the token itself.
    const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString());
    expect([claims.role, claims.scopes[0], claims.token_type]).toEqual([role, role, 'access']);
    expect(claims.exp - claims.iat).toBe(900);
  });

  test('wrong name and wrong password are refused alike, with the tries left', async () => {
    const known = await login('anna', 'wrong password').catch((error) => error);
    const unknown = await login('nobody', 'wrong password').catch((error) => error);
    expect(known).toMatchObject({ code: 'hub.unauthenticated', details: { attemptsRemaining: 4 } });
    expect([unknown.code, unknown.message, unknown.details]).toEqual([known.code, known.message, known.details]);
  });

  test('without users nobody comes in, whatever is tried', async () => {
    await using other = await AccessBench.create();
    const empty = await other.open();
    for (const username of ['admin', 'developer', '', '__proto__']) {
      expect(await codeOf(empty.login({ username, password: 'admin123' }, HERE))).toBe('hub.unauthenticated');
    }
  });

  test('a password longer than any is refused, not computed', async () => {
    expect(await codeOf(login('anna', 'x'.repeat(1_000_000)))).toBe('hub.unauthenticated');
  });

  test('who has no login comes in only where that is allowed, from loopback to loopback', async () => {
    const come = (host: string, anonymous: boolean, address: string) => {
      bench.reach = { host, anonymous };
      return access.authenticate(undefined, { address }).then(
        ({ role }) => role,
        (error) => error.code,
      );
    };
    expect(await come('127.0.0.1', false, '127.0.0.1')).toBe('hub.unauthenticated');
    expect(await come('127.0.0.1', true, '127.0.0.1')).toBe('anonymous');
    expect(await come('::1', true, '::ffff:127.0.0.1')).toBe('anonymous');
    for (const host of ['0.0.0.0', '::', '192.168.1.2', 'bench.lab'])
      expect([host, await come(host, true, '127.0.0.1')]).toEqual([host, 'hub.unauthenticated']);
    expect(await come('127.0.0.1', true, '192.168.1.20')).toBe('hub.unauthenticated');
  });

  test('a socket of nobody is out when the hub goes beyond loopback', () => {
    bench.reach = { host: '127.0.0.1', anonymous: true };
    expect(access.recheck(ANONYMOUS)).toEqual(ANONYMOUS);
    bench.reach = { host: '0.0.0.0', anonymous: true };
    expect(access.recheck(ANONYMOUS)).toBeUndefined();
  });
});

describe('renewal', () => {
  test('each renewal gives a new pair; the login lives from then on', async () => {
    let last = await login('anna');
    for (let day = 0; day < 20; day += 5) {
      await bench.pass(5 * 86_400_000);
      const next = await access.refresh(last.refresh);
      expect(next.refresh).not.toBe(last.refresh);
      expect((await access.authenticate(next.access, DESK)).loginId).toBe(last.principal.loginId);
      last = next;
    }
    await bench.pass(7 * 86_400_000);
    expect(await codeOf(access.refresh(last.refresh))).toBe('hub.expired');
  });

  test('a token used twice ends the login, its newest tokens too, and says so', async () => {
    const first = await login('anna');
    const other = await login('anna');
    const second = await access.refresh(first.refresh);
    expect(await codeOf(access.refresh(first.refresh))).toBe('hub.unauthenticated');
    expect(await codeOf(access.refresh(second.refresh))).toBe('hub.expired');
    expect(await codeOf(access.authenticate(second.access, DESK))).toBe('hub.expired');
    expect(await access.authenticate(other.access, DESK)).toEqual(other.principal);
    expect(bench.said).toEqual([expect.stringMatching(/anna was used twice/)]);
    expect(bench.changes).toMatchObject([{ of: 'login', what: 'ended', id: first.principal.loginId }]);
  });

  test('of two renewals at once with one token only one succeeds, and the login ends', async () => {
    const { refresh } = await login('anna');
    const results = await Promise.allSettled([access.refresh(refresh), access.refresh(refresh)]);
    const won = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(won).toHaveLength(1);
    expect(await codeOf(access.authenticate(won[0]!.access, DESK))).toBe('hub.expired');
  });

  test('access and refresh tokens are not each other', async () => {
    const { access: token, refresh } = await login('anna');
    expect(await codeOf(access.authenticate(refresh, DESK))).toBe('hub.unauthenticated');
    expect(await codeOf(access.refresh(token))).toBe('hub.unauthenticated');
  });

  test('logout ends the login it came from at once, with either token, and no other', async () => {
    const one = await login('anna');
    const two = await login('anna');
    expect(await access.logout(one.access)).toBe(1);
    expect(await access.logout(one.refresh)).toBe(0);
    expect(await codeOf(access.authenticate(one.access, DESK))).toBe('hub.expired');
    expect(await codeOf(access.refresh(one.refresh))).toBe('hub.expired');
    expect(access.recheck(one.principal)).toBeUndefined();
    expect(access.recheck(two.principal)).toEqual(two.principal);
    expect(await access.logout(two.refresh)).toBe(1);
    expect(await access.logout('nonsense')).toBe(0);
  });

  test('logins outlive a restart of the hub', async () => {
    const { access: token, refresh, principal } = await login('anna');
    await access[Symbol.asyncDispose]();
    access = await bench.open();
    expect(await access.authenticate(token, DESK)).toEqual(principal);
    expect((await access.refresh(refresh)).principal.user).toBe(principal.user);
    expect(await codeOf(access.refresh(refresh))).toBe('hub.unauthenticated');
  });

  test('are bounded by user: the one renewed longest ago goes', async () => {
    await access[Symbol.asyncDispose]();
    access = await bench.open({ logins: { perUser: 3, total: 4 } });
    const mine = [];
    for (let count = 0; count < 3; count++) {
      mine.push(await login('anna'));
      await bench.clock.advance(1000);
    }
    mine[0] = await access.refresh(mine[0]!.refresh);
    await bench.clock.advance(1000);
    mine.push(await login('anna'));
    const state = await Promise.all(mine.map(({ access: token }) => codeOf(access.authenticate(token, DESK))));
    expect(state).toEqual(['none', 'hub.expired', 'none', 'none']);
  });
});

describe('changes take effect at once', () => {
  test('a role: the old token is refused, its renewal has the new role, the socket goes on with it', async () => {
    const { access: token, refresh, principal } = await login('dev');
    await access.users.setRole('dev', 'viewer');
    expect(bench.changes).toMatchObject([{ user: principal.user, of: 'user', what: 'role' }]);
    expect(await codeOf(access.authenticate(token, DESK))).toBe('hub.expired');
    expect(access.recheck(principal)).toEqual({ ...principal, role: 'viewer' });
    expect((await access.refresh(refresh)).principal.role).toBe('viewer');
  });

  test('a removal: token, renewal, key and socket are worth nothing', async () => {
    const { access: token, refresh, principal } = await login('dev');
    const { secret } = await access.keys.add('dev', { label: 'logger' });
    const byKey = await access.authenticate(secret, DESK);
    await access.users.remove('dev');
    expect(bench.changes).toMatchObject([{ user: principal.user, of: 'user', what: 'ended' }]);
    expect([principal, byKey].map((known) => isConcerned(known, bench.changes[0]!))).toEqual([true, true]);
    expect([access.recheck(principal), access.recheck(byKey)]).toEqual([undefined, undefined]);
    expect(await codeOf(access.authenticate(token, DESK))).toBe('hub.expired');
    expect(await codeOf(access.refresh(refresh))).toBe('hub.expired');
    expect(await codeOf(access.authenticate(secret, DESK))).toBe('hub.unauthenticated');
    expect(await codeOf(access.me(principal))).toBe('hub.unauthenticated');
    // Another one of that name is another one.
    await access.users.add('dev', 'admin', PASSWORD);
    expect(await codeOf(access.authenticate(token, DESK))).toBe('hub.expired');
    expect(access.keys.list()).toEqual([]);
  });

  test('a password: every login is over, keys are not', async () => {
    const { access: token, refresh, principal } = await login('dev');
    const { secret } = await access.keys.add('dev', { label: 'logger' });
    const byKey = await access.authenticate(secret, DESK);
    await access.changePassword(principal, PASSWORD, 'another four words', DESK);
    expect(bench.changes).toMatchObject([{ of: 'logins', what: 'ended' }]);
    expect([principal, byKey].map((known) => isConcerned(known, bench.changes[0]!))).toEqual([true, false]);
    expect(await codeOf(access.authenticate(token, DESK))).toBe('hub.expired');
    expect(await codeOf(access.refresh(refresh))).toBe('hub.expired');
    expect(await codeOf(login('dev'))).toBe('hub.unauthenticated');
    expect((await login('dev', 'another four words')).principal.role).toBe('developer');
    expect(await access.authenticate(secret, DESK)).toEqual(byKey);
    expect(await codeOf(access.changePassword(principal, PASSWORD, 'third words here', DESK))).toBe(
      'hub.unauthenticated',
    );
  });

  test('the last admin stays', async () => {
    expect(await codeOf(access.users.remove('anna'))).toBe('hub.last-admin');
    expect(await codeOf(access.users.setRole('anna', 'viewer'))).toBe('hub.last-admin');
    await access.users.setRole('dev', 'admin');
    await access.users.remove('anna');
    expect(access.users.list().map(({ name }) => name)).toEqual(['dev']);
  });

  test('also those the command line made beside the running hub', async () => {
    const { principal } = await login('dev');
    const files = await openAccessFiles({ folder: bench.folder, clock: bench.clock, costs: CHEAP, say: () => {} });
    await files.users.setRole('dev', 'bot');
    const changed = new Promise((resolve) => access.onRevoked(resolve));
    await bench.clock.advance(1000);
    expect(await changed).toMatchObject({ user: principal.user, what: 'role' });
    expect(access.recheck(principal)?.role).toBe('bot');
    await files.users.add('new', 'viewer', PASSWORD);
    expect((await login('new')).user.role).toBe('viewer');
    const { secret } = await files.keys.add('new', { label: '' });
    expect((await access.authenticate(secret, DESK)).name).toBe('new');
  });

  test('a user removed while its password is compared does not come in', async () => {
    const coming = login('dev');
    await access.users.remove('dev');
    expect(await codeOf(coming)).toBe('hub.unauthenticated');
  });
});

test('a password that is changed while the old one is compared lets nobody in', async () => {
  const files = await openAccessFiles({ folder: bench.folder, clock: bench.clock, costs: CHEAP, say: () => {} });
  const desk = new LoginDesk(
    files,
    new LoginThrottle(bench.clock),
    new MfaDesk(bench.clock, systemRandom, 'x'),
    bench.clock,
  );
  const path = `${bench.folder}/users.json`;
  let coming: Promise<unknown> = Promise.resolve();
  // The login cannot end before the change: it waits for this turn.
  await inTurn(`${bench.folder}/lock`, bench.clock, async () => {
    coming = desk.check({ username: 'dev', password: PASSWORD }, DESK);
    coming.catch(() => {});
    await writeFile(path, (await readFile(path, 'utf8')).replaceAll('"loginVersion": 0', '"loginVersion": 1'));
  });
  expect(await codeOf(coming)).toBe('hub.unauthenticated');
  expect((await desk.check({ username: 'dev', password: PASSWORD }, DESK)).user.loginVersion).toBe(1);
});

describe('API keys', () => {
  test('32 bytes, shown once, kept as a hash; label, role, last use', async () => {
    const { key, secret } = await access.keys.add('dev', { label: 'night logger', role: 'bot' });
    expect(secret).toMatch(/^lw_[\w-]{43}$/);
    expect(Buffer.from(secret.slice(3), 'base64url')).toHaveLength(32);
    expect(key).toMatchObject({ user: 'dev', role: 'bot', label: 'night logger', usedMs: undefined });
    await bench.clock.advance(5000);
    expect(await access.authenticate(secret, DESK)).toMatchObject({ name: 'dev', role: 'bot', keyId: key.id });
    expect(access.keys.list()[0]?.usedMs).toBe(key.createdMs + 5000);
    await access[Symbol.asyncDispose]();
    access = await bench.open();
    expect(access.keys.list()[0]?.usedMs).toBe(key.createdMs + 5000);
  });

  test('may never more than its user may', async () => {
    const { secret } = await access.keys.add('dev', { label: '', role: 'admin' });
    expect((await access.authenticate(secret, DESK)).role).toBe('developer');
    await access.users.setRole('dev', 'viewer');
    expect((await access.authenticate(secret, DESK)).role).toBe('viewer');
  });

  test('run out, and are revoked', async () => {
    const brief = await access.keys.add('dev', { label: '', ttlMs: 60_000 });
    const long = await access.keys.add('dev', { label: '' });
    const principal = await access.authenticate(brief.secret, DESK);
    expect(principal.expiresMs).toBe(brief.key.createdMs + 60_000);
    await bench.pass(60_000);
    expect(await codeOf(access.authenticate(brief.secret, DESK))).toBe('hub.expired');
    expect(access.recheck(principal)).toBeUndefined();
    await access.keys.remove(long.key.id);
    expect(bench.changes).toMatchObject([{ of: 'key', id: long.key.id, what: 'ended' }]);
    expect(await codeOf(access.authenticate(long.secret, DESK))).toBe('hub.unauthenticated');
    expect(await codeOf(access.keys.remove(long.key.id))).toBe('hub.key-unknown');
  });

  test.each(['lw_', `lw_${'A'.repeat(43)}`, `lw_${'A'.repeat(100_000)}`, 'lw_\u0000'])(
    '%.12s is none',
    async (secret) => {
      expect(await codeOf(access.authenticate(secret, DESK))).toBe('hub.unauthenticated');
    },
  );
});

describe('one-time codes', () => {
  const codeAt = (secret: string, awayS = 0): string =>
    oneTimeCode(fromBase32(secret)!, Number(bench.clock.nowNs() / 1_000_000_000n) + awayS);

  test('set up, asked for, used once, switched off', async () => {
    const { principal } = await login('anna');
    const { secret, backupCodes } = await access.setupMfa(principal);
    // Not confirmed yet: nothing is asked for.
    expect((await login('anna')).user.hasMfa).toBe(false);
    expect(await codeOf(access.confirmMfa(principal, '000000'))).toBe('hub.unauthenticated');
    await access.confirmMfa(principal, codeAt(secret));
    expect(await codeOf(login('anna'))).toBe('hub.mfa-required');
    expect(await codeOf(login('anna', PASSWORD, codeAt(secret)))).toBe('hub.unauthenticated');
    await bench.pass(30_000);
    expect((await login('anna', PASSWORD, codeAt(secret))).user.hasMfa).toBe(true);
    expect(await codeOf(login('anna', PASSWORD, codeAt(secret)))).toBe('hub.unauthenticated');
    expect((await login('anna', PASSWORD, backupCodes[0])).user.name).toBe('anna');
    expect(await codeOf(login('anna', PASSWORD, backupCodes[0]))).toBe('hub.unauthenticated');
    expect(await codeOf(access.disableMfa(principal, 'wrong', DESK))).toBe('hub.unauthenticated');
    await access.disableMfa(principal, PASSWORD, DESK);
    expect((await login('anna')).user.hasMfa).toBe(false);
  });

  test('of two logins at once with one code only one comes in', async () => {
    const { principal } = await login('anna');
    const { secret } = await access.setupMfa(principal);
    await access.confirmMfa(principal, codeAt(secret));
    await bench.pass(60_000);
    const code = codeAt(secret);
    const codes = await Promise.all([1, 2, 3].map(() => codeOf(login('anna', PASSWORD, code))));
    expect(codes.toSorted()).toEqual(['hub.unauthenticated', 'hub.unauthenticated', 'none']);
  });

  test('a missing code is no wrong try, a wrong one is', async () => {
    const { principal } = await login('anna');
    const { secret } = await access.setupMfa(principal);
    await access.confirmMfa(principal, codeAt(secret));
    for (let count = 0; count < 10; count++) expect(await codeOf(login('anna'))).toBe('hub.mfa-required');
    const tries = [];
    for (let count = 0; count < 6; count++) tries.push(await codeOf(login('anna', PASSWORD, '000000')));
    expect(tries).toEqual([...new Array(5).fill('hub.unauthenticated'), 'hub.throttled']);
  });

  test('a set-up is open for 10 min and five tries', async () => {
    const { principal } = await login('anna');
    const { secret } = await access.setupMfa(principal);
    for (let count = 0; count < 5; count++) await codeOf(access.confirmMfa(principal, '000000'));
    expect(await codeOf(access.confirmMfa(principal, codeAt(secret)))).toBe('hub.unauthenticated');
    const again = await access.setupMfa(principal);
    await bench.pass(600_000);
    expect(await codeOf(access.confirmMfa(principal, codeAt(again.secret)))).toBe('hub.unauthenticated');
  });
});

describe('guessing', () => {
  test('five wrong ones lock the pair of user and address for 30 min; the right one does not help then', async () => {
    const left = [];
    for (let count = 0; count < 5; count++) {
      left.push((await refusal(access.login({ username: 'anna', password: 'x' }, ATTACKER))).details.attemptsRemaining);
    }
    expect(left).toEqual([4, 3, 2, 1, 0]);
    const locked = await refusal(access.login({ username: 'anna', password: PASSWORD }, ATTACKER));
    expect(locked).toEqual({ code: 'hub.throttled', details: { retryAfterS: 1800, attemptsRemaining: 0 } });
    await bench.pass(1_799_000);
    expect((await refusal(access.login({ username: 'anna', password: PASSWORD }, ATTACKER))).details.retryAfterS).toBe(
      1,
    );
    await bench.pass(1000);
    expect((await access.login({ username: 'anna', password: PASSWORD }, ATTACKER)).user.name).toBe('anna');
  });

  test('a thousand at once are five tries', async () => {
    const tries = Array.from({ length: 1000 }, () =>
      codeOf(access.login({ username: 'anna', password: 'x' }, ATTACKER)),
    );
    const codes = await Promise.all(tries);
    expect(codes.filter((code) => code === 'hub.unauthenticated').length).toBeLessThanOrEqual(5);
    expect(codes.filter((code) => code === 'none')).toEqual([]);
    expect(await codeOf(login('anna'))).toBe('none');
  });

  test('a new password opens what was locked', async () => {
    for (let count = 0; count < 5; count++) await codeOf(login('dev', 'x'));
    expect(await codeOf(login('dev'))).toBe('hub.throttled');
    await access.users.setPassword('dev', 'another four words');
    expect(await codeOf(login('dev', 'another four words'))).toBe('none');
  });

  test('one who guesses from a thousand addresses keeps nobody out from where they came before', async () => {
    await login('anna');
    for (let count = 0; count < 300; count++) {
      const address = `203.0.${count >> 8}.${count & 255}`;
      await codeOf(access.login({ username: 'anna', password: 'x' }, { address }));
    }
    expect(await codeOf(access.login({ username: 'anna', password: PASSWORD }, { address: '198.51.100.1' }))).toBe(
      'hub.throttled',
    );
    expect(await codeOf(login('anna'))).toBe('none');
    expect(await codeOf(access.login({ username: 'anna', password: PASSWORD }, HERE))).toBe('none');
    await bench.pass(1_800_000);
    expect(await codeOf(access.login({ username: 'anna', password: PASSWORD }, { address: '198.51.100.1' }))).toBe(
      'none',
    );
  });
});

test('a clock that is set while the hub runs: codes and ends follow it, intervals do not', async () => {
  let aheadMs = 0;
  const wall = followWall(bench.clock, () => Number(bench.clock.nowNs()) / 1e6 + aheadMs);
  const other = await bench.open({ clock: wall });
  const come = () => other.login({ username: 'anna', password: PASSWORD }, DESK);
  const { access: token, principal } = await come();
  const { secret } = await other.setupMfa(principal);
  aheadMs = 600_000;
  const code = oneTimeCode(fromBase32(secret)!, Number(bench.clock.nowNs() / 1_000_000_000n) + 600);
  await other.confirmMfa(principal, code);
  expect(await codeOf(other.authenticate(token, DESK))).toBe('none');
  aheadMs = 900_000;
  expect(await codeOf(other.authenticate(token, DESK))).toBe('hub.expired');
  for (let count = 0; count < 5; count++) await codeOf(other.login({ username: 'dev', password: 'x' }, DESK));
  aheadMs = 86_400_000;
  expect(await codeOf(other.login({ username: 'dev', password: PASSWORD }, DESK))).toBe('hub.throttled');
});

test('a listener that throws keeps nobody else from hearing, and nothing from being changed', async () => {
  const heard: string[] = [];
  access.onRevoked(() => {
    throw new Error('a fault');
  });
  access.onRevoked(({ what }) => void heard.push(what));
  expect((await access.users.setRole('dev', 'bot')).role).toBe('bot');
  expect(heard).toEqual(['role']);
  expect(bench.said).toEqual([expect.stringMatching(/a fault/)]);
});

test('262: no password, token or key stands in a file or in what was said', async () => {
  const { principal, access: token, refresh } = await login('anna');
  const { secret } = await access.keys.add('dev', { label: 'x' });
  const { backupCodes } = await access.setupMfa(principal);
  await access.refresh(refresh);
  await codeOf(access.refresh(refresh));
  await access[Symbol.asyncDispose]();
  const names = await readdir(bench.folder);
  expect(names.toSorted()).toEqual(['keys.json', 'logins.json', 'secret', 'users.json']);
  const texts = await Promise.all(names.map((name) => readFile(`${bench.folder}/${name}`, 'utf8')));
  const all = [...texts, ...bench.said].join('\n');
  for (const hidden of [PASSWORD, token, refresh, secret, secret.slice(3), ...backupCodes]) {
    expect(all).not.toContain(hidden);
  }
  const claims = JSON.parse(Buffer.from(refresh.split('.')[1]!, 'base64url').toString());
  expect(all).not.toContain(claims.jti);
  if (process.platform === 'win32') return;
  for (const name of names) expect((await stat(`${bench.folder}/${name}`)).mode & 0o777).toBe(0o600);
  expect((await stat(bench.folder)).mode & 0o777).toBe(0o700);
});
