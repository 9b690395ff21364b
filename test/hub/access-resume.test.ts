import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../src/core/clock.ts';
import { type SeededRandom, seededRandom } from '../../src/core/seeded-random.ts';
import type { RandomBytes } from '../../src/hub/access/password-hash.ts';
import { systemRandom } from '../../src/hub/access/password-hash.ts';
import { ANONYMOUS, type Principal } from '../../src/hub/access/principal.ts';
import type { FenceReason, SessionHold, SessionOwner } from '../../src/hub/access/resume-session.ts';
import { ResumeTokens } from '../../src/hub/access/resume-token.ts';
import { SessionStore, type SessionStoreOptions } from '../../src/hub/access/session-store.ts';
import { seededBytes } from './access-bench.ts';

const KEY = seededBytes(9)(32);
const ANNA: Principal = { user: 'u-anna', name: 'anna', role: 'developer', expiresMs: undefined, loginId: 'l-1' };
const BOB: Principal = { user: 'u-bob', name: 'bob', role: 'admin', expiresMs: undefined, loginId: 'l-2' };

interface Kept {
  subscriptions: string[];
  unsent: number[];
}

/** A socket as a dialect has it: what it has not sent goes into the session when it is fenced. */
class Socket implements SessionOwner {
  fencedWith: FenceReason[] = [];
  tokens: string[] = [];
  hold: SessionHold<Kept> | undefined;
  unsent: number[] = [];

  fenced(reason: FenceReason): void {
    this.fencedWith.push(reason);
    this.hold?.session.kept.unsent.push(...this.unsent);
    this.unsent = [];
  }

  reissued(token: string, expiresInS: number): void {
    expect(expiresInS).toBe(300);
    this.tokens.push(token);
  }
}

class Bench {
  readonly clock = new ManualClock();
  readonly dropped: string[] = [];
  readonly store: SessionStore<Kept>;

  constructor(
    options: Partial<SessionStoreOptions<Kept>> = {},
    instance = 'run-1',
    random: RandomBytes = systemRandom,
  ) {
    this.store = new SessionStore<Kept>({
      clock: this.clock,
      tokens: new ResumeTokens(KEY, instance, random),
      onDropped: ({ clientId }, why) => void this.dropped.push(`${clientId} ${why}`),
      ...options,
    });
  }

  open(principal = ANNA, clientId = 'c-1'): { socket: Socket; hold: SessionHold<Kept> } {
    const socket = new Socket();
    socket.hold = this.store.open(principal, clientId, socket, { subscriptions: [], unsent: [] });
    return { socket, hold: socket.hold };
  }

  resume(token: string, principal = ANNA, clientId: string | undefined = 'c-1') {
    const socket = new Socket();
    const answer = this.store.resume(token, principal, clientId, socket);
    if (answer.result === 'ok') socket.hold = answer.hold;
    return { socket, answer, result: answer.result };
  }
}

describe('262: the token', () => {
  test('is 32 bytes, urlsafe, 43 characters, and looks random in every byte', () => {
    const tokens = new ResumeTokens(KEY, 'run-1', systemRandom);
    const made = Array.from({ length: 2000 }, () => tokens.create());
    expect(new Set(made).size).toBe(2000);
    for (const token of made) expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const bytes = made.map((token) => Buffer.from(token, 'base64url'));
    for (let at = 0; at < 32; at++) {
      // 2000 draws of 256 values leave one out about 0.1 times in a run; far fewer than 230 is no chance.
      expect([at, new Set(bytes.map((each) => each[at])).size > 230]).toEqual([at, true]);
    }
  });

  test('is kept nowhere: neither in the store nor in what it tells', () => {
    const bench = new Bench();
    const { token, ...rest } = bench.open().hold;
    expect(JSON.stringify(rest)).toContain('c-1');
    expect(inspect([rest, bench.store], { depth: 10, showHidden: true }) + JSON.stringify(rest)).not.toContain(token);
  });

  test('of an earlier run is told from one that was never given', () => {
    const before = new ResumeTokens(KEY, 'run-1', systemRandom);
    const now = new ResumeTokens(KEY, 'run-2', systemRandom);
    const foreign = new ResumeTokens(seededBytes(8)(32), 'run-2', systemRandom);
    expect(now.originOf(before.create())).toBe('before');
    expect(now.originOf(now.create())).toBe('ours');
    expect(now.originOf(foreign.create())).toBe('foreign');
    for (const text of ['', 'x', '='.repeat(43), 'A'.repeat(44), 'Ä'.repeat(43)])
      expect(now.originOf(text)).toBe('foreign');
  });
});

describe('263: the time', () => {
  test('299 s after the loss it is good, 301 s after it is expired', async () => {
    for (const [waitedS, result] of [
      [299, 'ok'],
      [301, 'expired'],
    ] as const) {
      const bench = new Bench();
      const { hold } = bench.open();
      hold.lost();
      await bench.clock.advance(waitedS * 1000);
      expect([waitedS, bench.resume(hold.token).result]).toEqual([waitedS, result]);
      expect(bench.dropped).toEqual(result === 'ok' ? [] : ['c-1 expired']);
    }
  });

  test('counts from the loss, not from the issue', async () => {
    const bench = new Bench({ reissueS: 1_000_000 });
    const { hold } = bench.open();
    await bench.clock.advance(86_400_000);
    hold.lost();
    await bench.clock.advance(299_000);
    expect(bench.resume(hold.token).result).toBe('ok');
  });

  test('begins anew with each loss, and is what the hub sets', async () => {
    const bench = new Bench({ ttlS: 10 });
    let { hold } = bench.open();
    expect(hold.expiresInS).toBe(10);
    for (let round = 0; round < 5; round++) {
      hold.lost();
      await bench.clock.advance(9999);
      const { answer } = bench.resume(hold.token);
      if (answer.result !== 'ok') throw new Error(answer.result);
      hold = answer.hold;
    }
    hold.lost();
    await bench.clock.advance(10_000);
    expect(bench.resume(hold.token).result).toBe('expired');
  });
});

test('264: client id, user, subscriptions and everything else kept come back equal', async () => {
  const bench = new Bench();
  const { hold, socket } = bench.open();
  hold.session.kept.subscriptions = ['metrics', 'status'];
  const { id, clientId, principal, kept } = hold.session;
  hold.lost();
  await bench.clock.advance(60_000);
  const { answer } = bench.resume(hold.token);
  if (answer.result !== 'ok') throw new Error(answer.result);
  expect(answer.hold.session).toMatchObject({ id, clientId, principal });
  expect(answer.hold.session.kept).toBe(kept);
  expect(socket.fencedWith).toEqual([]);
});

test('264: a role is the one of now, and the one of before is told', () => {
  const bench = new Bench();
  const { hold } = bench.open();
  hold.lost();
  const { answer } = bench.resume(hold.token, { ...ANNA, role: 'viewer' });
  if (answer.result !== 'ok') throw new Error(answer.result);
  expect([answer.before.role, answer.hold.session.principal.role]).toEqual(['developer', 'viewer']);
});

test('265: 100,000 lost sessions are swept, and nothing of them is left', async () => {
  const bench = new Bench({ maxSessions: 200_000, maxAwayPerUser: 200_000, maxPast: 5000 });
  const first = bench.open(ANNA, 'first');
  first.hold.lost();
  for (let count = 1; count < 100_000; count++) bench.open(ANNA, 'c').hold.lost();
  expect(bench.store.counts).toEqual({ live: 0, away: 100_000, tokens: 100_000 });
  await bench.clock.advance(300_000);
  expect(bench.store.counts).toEqual({ live: 0, away: 0, tokens: 5000 });
  expect(bench.dropped).toHaveLength(100_000);
  // Longer ago than is remembered.
  expect(bench.resume(first.hold.token, ANNA, 'first').result).toBe('unknown');
  await bench.clock.advance(3_600_000);
  expect(bench.store.counts).toEqual({ live: 0, away: 0, tokens: 0 });
  expect(bench.clock.pending).toBe(0);
}, 240_000);

describe('268: the token is used once', () => {
  test('a second use is refused as used, and the session is not touched', () => {
    const bench = new Bench();
    const { hold } = bench.open();
    hold.lost();
    const first = bench.resume(hold.token);
    expect(first.result).toBe('ok');
    expect(bench.resume(hold.token).result).toBe('used');
    expect(first.socket.fencedWith).toEqual([]);
    expect(first.socket.hold?.isOwner).toBe(true);
  });

  test('using the newest ends the one before, and the other way round', async () => {
    for (const used of [0, 1]) {
      const bench = new Bench();
      const { hold } = bench.open();
      const tokens = [hold.token, hold.reissue()!];
      hold.lost();
      expect(bench.resume(tokens[used]!).result).toBe('ok');
      expect(bench.resume(tokens[1 - used]!).result).toBe('used');
    }
  });

  test('a new one comes every 10 min; the last two are good, older ones are not', async () => {
    const bench = new Bench();
    const { hold, socket } = bench.open();
    await bench.clock.advance(599_999);
    expect(socket.tokens).toEqual([]);
    await bench.clock.advance(1);
    expect(socket.tokens).toHaveLength(1);
    await bench.clock.advance(600_000);
    expect(socket.tokens).toHaveLength(2);
    expect(bench.store.counts.tokens).toBe(3);
    expect(bench.resume(hold.token).result).toBe('expired');
    expect(bench.resume(socket.tokens[0]!).result).toBe('ok');
  });
});

describe('who may', () => {
  test('another user, another client, another run: refused with the reason, and the right one comes back still', () => {
    const bench = new Bench();
    const { hold } = bench.open();
    hold.lost();
    expect(bench.resume(hold.token, BOB).result).toBe('user_mismatch');
    expect(bench.resume(hold.token, ANONYMOUS).result).toBe('user_mismatch');
    expect(bench.resume(hold.token, ANNA, 'c-2').result).toBe('user_mismatch');
    expect(new Bench({}, 'run-2').resume(hold.token).result).toBe('instance_changed');
    expect(bench.resume('A'.repeat(43)).result).toBe('unknown');
    expect(bench.resume(hold.token, ANNA, undefined).result).toBe('ok');
  });

  test('what was revoked says so; other users go on', () => {
    const bench = new Bench();
    const live = bench.open(ANNA, 'live');
    const away = bench.open(ANNA, 'away');
    const other = bench.open(BOB, 'other');
    away.hold.lost();
    expect(bench.store.revoke(({ user }) => user === ANNA.user)).toBe(2);
    expect([live.socket.fencedWith, away.socket.fencedWith, other.socket.fencedWith]).toEqual([['revoked'], [], []]);
    expect(bench.dropped).toEqual(['away revoked']);
    expect(bench.resume(live.hold.token, ANNA, 'live').result).toBe('revoked');
    expect(bench.resume(away.hold.token, ANNA, 'away').result).toBe('revoked');
    expect([live.hold.isOwner, other.hold.isOwner]).toEqual([false, true]);
  });

  test('after a goodbye nothing is left to come back to', () => {
    const bench = new Bench();
    const { hold, socket } = bench.open();
    hold.end();
    hold.end();
    hold.lost();
    expect([bench.resume(hold.token).result, socket.fencedWith, bench.dropped]).toEqual(['expired', [], []]);
    expect(bench.store.counts).toMatchObject({ live: 0, away: 0 });
  });
});

describe('fencing', () => {
  test('a half-open socket is fenced before the new one owns; what it had not sent moves over', () => {
    const bench = new Bench();
    const { hold, socket } = bench.open();
    socket.unsent = [1, 2, 3];
    const { answer } = bench.resume(hold.token);
    if (answer.result !== 'ok') throw new Error(answer.result);
    expect(socket.fencedWith).toEqual(['superseded']);
    expect(answer.hold.session.kept.unsent).toEqual([1, 2, 3]);
    expect([hold.isOwner, answer.hold.isOwner]).toEqual([false, true]);
    // The old one learns of its end late.
    hold.lost();
    hold.end();
    expect([hold.reissue(), answer.hold.isOwner]).toEqual([undefined, true]);
    expect(bench.store.counts).toMatchObject({ live: 1, away: 0 });
  });

  test('two who race with the newest token and the one before: one owns', () => {
    const bench = new Bench();
    const { hold } = bench.open();
    const newest = hold.reissue()!;
    hold.lost();
    expect([hold.token, newest].map((token) => bench.resume(token).result)).toEqual(['ok', 'used']);
  });
});

describe('bounds', () => {
  test('of all sessions: the one lost longest ago goes; with none lost a further client is refused', () => {
    const bench = new Bench({ maxSessions: 3 });
    const [a, b] = [bench.open(ANNA, 'a'), bench.open(BOB, 'b')];
    bench.open(BOB, 'c');
    b.hold.lost();
    a.hold.lost();
    bench.open(BOB, 'd');
    expect(bench.dropped).toEqual(['b evicted']);
    expect(bench.resume(b.hold.token, BOB, 'b').result).toBe('expired');
    bench.open(BOB, 'e');
    expect(() => bench.open(BOB, 'f')).toThrow(expect.objectContaining({ code: 'hub.busy' }));
    expect(bench.store.counts).toMatchObject({ live: 3, away: 0 });
  });

  test('of the lost ones of a user: others lose nothing by it', () => {
    const bench = new Bench({ maxAwayPerUser: 2 });
    const bob = bench.open(BOB, 'b');
    bob.hold.lost();
    for (const name of ['1', '2', '3', '4']) bench.open(ANNA, name).hold.lost();
    expect(bench.dropped).toEqual(['1 evicted', '2 evicted']);
    expect(bench.resume(bob.hold.token, BOB, 'b').result).toBe('ok');
  });

  test('nothing is left to the clock after the end', () => {
    const bench = new Bench();
    bench.open();
    bench.open().hold.lost();
    expect(bench.clock.pending).toBe(1);
    bench.store[Symbol.dispose]();
    expect(bench.clock.pending).toBe(0);
  });
});

describe('random orders of events', () => {
  interface Client {
    readonly id: string;
    readonly principal: Principal;
    sockets: Socket[];
    /** Tokens the client got, oldest first, with what became of them. */
    tokens: { token: string; isUsed: boolean }[];
    lostMs: number | undefined;
    isGone: boolean;
  }

  function pick<T>(random: SeededRandom, list: readonly T[]): T | undefined {
    return list[random.below(list.length)];
  }

  /** One client’s session: never two owners, nothing kept lost or doubled, a token never good twice. */
  function check(clients: readonly Client[], bench: Bench): void {
    const owners = clients.map(({ sockets }) => sockets.filter(({ hold }) => hold?.isOwner).length);
    expect(owners.every((count) => count <= 1)).toBe(true);
    const live = owners.reduce((sum, count) => sum + count, 0);
    expect(bench.store.counts.live).toBe(live);
    for (const { sockets } of clients) {
      for (const { fencedWith, hold } of sockets) {
        expect(fencedWith.length).toBeLessThanOrEqual(1);
        if (fencedWith.length > 0) expect(hold?.isOwner).toBe(false);
      }
    }
  }

  test.each(Array.from({ length: 25 }, (_, seed) => seed))('seed %i', async (seed) => {
    const random = seededRandom(seed);
    const bench = new Bench({ maxSessions: 1000, maxPast: 100_000 }, 'run-1', seededBytes(1000 + seed));
    const clients: Client[] = [];
    let number = 0;
    for (let step = 0; step < 300; step++) {
      const client = pick(random, clients);
      const owner = client?.sockets.find(({ hold }) => hold?.isOwner);
      switch (random.below(9)) {
        case 0: {
          const principal = random.below(2) === 0 ? ANNA : BOB;
          const id = `c-${clients.length}`;
          const { socket, hold } = bench.open(principal, id);
          const tokens = [{ token: hold.token, isUsed: false }];
          clients.push({ id, principal, sockets: [socket], tokens, lostMs: undefined, isGone: false });
          break;
        }
        case 1:
          owner?.hold?.lost();
          if (client && owner) client.lostMs = bench.clock.monotonicMs();
          break;
        case 2: {
          // Late: of a socket that may be fenced already.
          const hold = pick(random, client?.sockets ?? [])?.hold;
          if (!client || !hold) break;
          const [wasOwner, isEnd] = [hold.isOwner, random.below(6) === 0];
          hold[isEnd ? 'end' : 'lost']();
          if (wasOwner && isEnd) client.isGone = true;
          if (wasOwner && !isEnd) client.lostMs = bench.clock.monotonicMs();
          break;
        }
        case 3: {
          const token = owner?.hold?.reissue();
          if (client && token) client.tokens.push({ token, isUsed: false });
          break;
        }
        case 4:
          await bench.clock.advance(random.below(120_000));
          break;
        case 5:
          if (owner) {
            owner.unsent.push(++number);
          }
          break;
        case 6: {
          // Somebody else with a copy.
          const token = pick(random, client?.tokens ?? [])?.token;
          if (!client || token === undefined) break;
          const stranger = client.principal === ANNA ? BOB : ANNA;
          expect(bench.resume(token, stranger, client.id).result).not.toBe('ok');
          break;
        }
        default: {
          const offered = pick(random, client?.tokens.slice(-4) ?? []);
          if (!client || !offered) break;
          const unsent = owner ? [...owner.hold!.session.kept.unsent, ...owner.unsent] : undefined;
          const { socket, answer } = bench.resume(offered.token, client.principal, client.id);
          if (answer.result !== 'ok') {
            // Good only if it is one of the last two of a session that is there.
            const isFresh = client.tokens.slice(-2).includes(offered) && !offered.isUsed;
            const isAway = client.lostMs !== undefined && bench.clock.monotonicMs() - client.lostMs >= 300_000;
            expect(isFresh && !isAway && !client.isGone).toBe(false);
            break;
          }
          expect(offered.isUsed).toBe(false);
          expect(client.isGone).toBe(false);
          if (client.lostMs !== undefined) expect(bench.clock.monotonicMs() - client.lostMs).toBeLessThan(300_000);
          if (unsent) expect(answer.hold.session.kept.unsent).toEqual(unsent);
          for (const known of client.tokens) known.isUsed = true;
          client.tokens.push({ token: answer.hold.token, isUsed: false });
          client.sockets.push(socket);
          client.lostMs = undefined;
        }
      }
      for (const { sockets, tokens } of clients) {
        for (const socket of sockets) {
          tokens.push(...socket.tokens.splice(0).map((token) => ({ token, isUsed: false })));
        }
      }
      check(clients, bench);
    }
    // Every token that was used, or stood beside one that was, is worth nothing now.
    for (const { tokens, principal, id } of clients) {
      for (const { token, isUsed } of tokens) {
        if (isUsed) expect(bench.resume(token, principal, id).result).not.toBe('ok');
      }
    }
    // In the end all are lost, and nothing is left.
    for (const { sockets } of clients) for (const { hold } of sockets) hold?.lost();
    await bench.clock.advance(4_000_000);
    expect(bench.store.counts).toEqual({ live: 0, away: 0, tokens: 0 });
    expect(bench.clock.pending).toBe(0);
  });
});
