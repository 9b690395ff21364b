import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Asker } from '../../src/contract/envelope.ts';
import { ManualClock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { LockTable } from '../../src/engine/lock/lock-table.ts';
import { LockDesk } from '../../src/hub/access/lock-desk.ts';
import { LockHistory } from '../../src/hub/access/lock-history.ts';
import type { LockPort } from '../../src/hub/access/lock-port.ts';
import type { Principal } from '../../src/hub/access/principal.ts';
import type { HubRole } from '../../src/hub/access/role.ts';

const somebody = (name: string, role: HubRole): Principal => ({ user: `u-${name}`, name, role, expiresMs: undefined });
const ANNA = somebody('anna', 'developer');
const BEN = somebody('ben', 'developer');
const CHIEF = somebody('chief', 'admin');
const VIEWER = somebody('vera', 'viewer');

let clock: ManualClock;
let table: LockTable;
let desk: LockDesk;
let history: LockHistory;

/** The engine's own table of locks, asked as the engine asks it. */
function portOf(locks: LockTable): LockPort {
  const by = ({ user, client }: Asker) => ({
    caller: `client ${client}`,
    who: `${user} (client ${client})`,
    screen: 1,
  });
  const given = ({ expiresNs, ...rest }: ReturnType<LockTable['take']>) => ({
    ...rest,
    expiresMs: Number(BigInt(expiresNs) / 1_000_000n),
  });
  return {
    take: async (wish, as) => given(locks.take(by(as), wish)),
    touch: async (lock, as) => given(locks.touch(by(as), lock)),
    release: async (lock, as) => locks.release(by(as), lock),
    force: async (lock, as) => void locks.force(by(as), lock),
    list: async (instrument) => locks.list('hub', instrument),
  };
}

beforeEach(() => {
  clock = new ManualClock();
  table = new LockTable({ clock, changed: () => {}, labelOf: (instrument) => instrument });
  history = new LockHistory(50);
  desk = new LockDesk({ clock, port: portOf(table), history, say: (text) => expect.fail(text) });
});
afterEach(async () => {
  await desk[Symbol.asyncDispose]();
  expect(table.list('hub')).toEqual([]);
  expect(clock.pending).toBe(0);
});

const acquire = (
  principal: Principal,
  session: string,
  more: { mode?: 'observer'; queue?: boolean; timeoutS?: number } = {},
) => desk.acquire(principal, { instrument: 'psu', session, mode: 'exclusive', timeoutS: 300, queue: false, ...more });
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error) => error.code,
  );
const held = () => table.list('hub').map(({ holder, mode, state }) => `${holder} ${mode} ${state}`);

describe('an exclusive lock', () => {
  test('is taken, renewed, refused to others, given back', async () => {
    const first = await acquire(ANNA, 's-1');
    expect(first).toMatchObject({ status: 'locked', position: 0 });
    await clock.advance(1000);
    const again = await acquire(ANNA, 's-1');
    expect(again).toMatchObject({ status: 'refreshed', lock: first.lock, expiresMs: first.expiresMs + 1000 });
    expect(await codeOf(acquire(BEN, 's-2'))).toBe('instrument.locked');
    expect(await desk.list('psu')).toMatchObject([{ id: first.lock, session: 's-1', holder: 'anna', state: 'held' }]);
    expect(await codeOf(desk.release(BEN, 'psu', 's-2'))).toBe('hub.forbidden');
    expect(await codeOf(desk.release(BEN, 'psu', 's-1'))).toBe('hub.forbidden');
    expect(await desk.release(ANNA, 'psu', 's-1')).toEqual({ status: 'released', wasForced: false });
    expect(await desk.release(ANNA, 'psu', 's-1')).toEqual({ status: 'not_locked', wasForced: false });
    expect(held()).toEqual([]);
  });

  test('needs a role that may control', async () => {
    for (const role of ['viewer', 'bot', 'anonymous'] as const)
      expect([role, await codeOf(acquire(somebody('x', role), 's'))]).toEqual([role, 'hub.forbidden']);
    expect((await acquire(VIEWER, 's', { mode: 'observer' })).status).toBe('observer');
    expect(await desk.release(VIEWER, 'psu', 's')).toEqual({ status: 'observer_released', wasForced: false });
  });

  test('is forced by an admin alone', async () => {
    await acquire(ANNA, 's-1');
    expect(await codeOf(desk.release(BEN, 'psu', 's-2', true))).toBe('hub.forbidden');
    expect(held()).toEqual(['anna exclusive held']);
    expect(await desk.release(CHIEF, 'psu', 's-3', true)).toEqual({ status: 'released', wasForced: true });
    expect(await desk.touch(ANNA, 'psu', 's-1')).toBe(false);
    expect((await acquire(BEN, 's-2')).status).toBe('locked');
    expect(history.list({ instrument: 'psu' }).map(({ kind, user }) => `${kind} ${user}`)).toEqual([
      'acquired anna',
      'forced chief',
      'acquired ben',
    ]);
  });

  test('goes to whoever waits longest', async () => {
    await acquire(ANNA, 's-1');
    expect(await acquire(BEN, 's-2', { queue: true })).toMatchObject({ status: 'queued', position: 1 });
    expect(await acquire(CHIEF, 's-3', { queue: true })).toMatchObject({ status: 'queued', position: 2 });
    await desk.release(BEN, 'psu', 's-2');
    await desk.release(ANNA, 'psu', 's-1');
    expect(await acquire(CHIEF, 's-3')).toMatchObject({ status: 'refreshed' });
    expect(held()).toEqual(['chief exclusive held']);
  });

  test('holds for the screens at the bench, and theirs for the clients', async () => {
    await acquire(ANNA, 's-1');
    expect(() => table.check('psu', 'screen 1')).toThrow(expect.objectContaining({ code: 'instrument.locked' }));
    const { client } = desk.asker(ANNA, 's-1')!;
    expect(() => table.check('psu', `client ${client}`)).not.toThrow();
    await desk.release(ANNA, 'psu', 's-1');
    const screen = { caller: 'screen 1', who: 'at the bench', screen: 2 };
    table.take(screen, { instrument: 'psu', mode: 'exclusive', holder: 'bench', ttlS: 60, wait: false });
    expect(await codeOf(acquire(ANNA, 's-1'))).toBe('instrument.locked');
    expect(await desk.list()).toMatchObject([{ holder: 'bench', session: undefined }]);
    expect(await codeOf(desk.release(ANNA, 'psu', 's-1', true))).toBe('hub.forbidden');
    expect(await desk.release(CHIEF, 'psu', 's-9', true)).toMatchObject({ wasForced: true });
  });
});

describe('time', () => {
  test('a lock runs out without a touch, and a touch puts that off', async () => {
    await acquire(ANNA, 's-1', { timeoutS: 60 });
    await clock.advance(59_000);
    expect(await desk.touch(ANNA, 'psu', 's-1')).toBe(true);
    await clock.advance(59_000);
    expect(held()).toEqual(['anna exclusive held']);
    await clock.advance(1000);
    expect(held()).toEqual([]);
    expect(await desk.touch(ANNA, 'psu', 's-1')).toBe(false);
    expect((await acquire(BEN, 's-2')).status).toBe('locked');
  });

  test('one for ever is kept for a day without a word, one of 5 h for 5 h', async () => {
    await acquire(ANNA, 's-1', { timeoutS: 0 });
    await desk.acquire(BEN, { instrument: 'load', session: 's-2', mode: 'exclusive', timeoutS: 18_000, queue: false });
    await clock.advance(17_990_000);
    expect(held()).toEqual(['anna exclusive held', 'ben exclusive held']);
    await clock.advance(20_000);
    expect(held()).toEqual(['anna exclusive held']);
    await clock.advance(86_400_000);
    expect(held()).toEqual(['anna exclusive held']);
  });

  test('a session that is not used ends; one with a lock does not before the lock', async () => {
    const { id } = desk.openSession(ANNA, { clientName: 'script', timeoutS: 100, metadata: { a: 1 } });
    expect(desk.session(id)).toMatchObject({ user: 'anna', clientName: 'script', remainingS: 100, metadata: { a: 1 } });
    await acquire(ANNA, id, { timeoutS: 500 });
    expect(held()).toEqual(['anna (script) exclusive held']);
    await clock.advance(490_000);
    expect(desk.session(id)?.remainingS).toBe(0);
    await clock.advance(20_000);
    expect(desk.session(id)).toBeUndefined();
    const touched = desk.openSession(ANNA, { timeoutS: 100 });
    for (let count = 0; count < 10; count++) {
      await clock.advance(50_000);
      expect(desk.touchSession(ANNA, touched.id)).toBe(true);
    }
    await clock.advance(110_000);
    expect(desk.touchSession(ANNA, touched.id)).toBe(false);
  });
});

describe('sessions', () => {
  test('are their user’s, whoever knows the id', async () => {
    await acquire(ANNA, 's-1');
    expect(await codeOf(acquire(BEN, 's-1'))).toBe('hub.forbidden');
    expect(await codeOf(desk.touch(BEN, 'psu', 's-1'))).toBe('hub.forbidden');
    expect(() => desk.asker(BEN, 's-1')).toThrow(expect.objectContaining({ code: 'hub.forbidden' }));
    expect(await codeOf(desk.endSession(BEN, 's-1'))).toBe('hub.forbidden');
    expect(await desk.endSession(CHIEF, 's-1')).toBe(1);
    expect(await desk.endSession(CHIEF, 's-1')).toBeUndefined();
    expect(held()).toEqual([]);
  });

  test('two of one user exclude each other', async () => {
    await acquire(ANNA, 's-1');
    expect(await codeOf(acquire(ANNA, 's-2'))).toBe('instrument.locked');
    expect(desk.asker(ANNA, 's-1')?.client).not.toBe(desk.asker(ANNA, 's-2')?.client);
  });

  test('that end while they take a lock leave none behind', async () => {
    const { id } = desk.openSession(ANNA);
    const taking = acquire(ANNA, id);
    await desk.endSession(ANNA, id);
    expect(await codeOf(taking)).toBe('lock.unknown');
    const other = desk.openSession(BEN).id;
    const asked = acquire(BEN, other);
    await desk.review((principal) => ({ ...principal, role: 'viewer' }));
    expect(await codeOf(asked)).toBe('lock.unknown');
    expect(held()).toEqual([]);
  });

  test('are bounded, by user too', () => {
    for (let count = 0; count < 100; count++) desk.openSession(ANNA);
    expect(() => desk.openSession(ANNA)).toThrow(expect.objectContaining({ code: 'hub.busy' }));
    expect(desk.openSession(BEN).user).toBe('ben');
  });

  test('end when their user is out; a role that only looks costs the exclusive locks', async () => {
    await acquire(ANNA, 's-1');
    await desk.acquire(BEN, { instrument: 'load', session: 's-2', mode: 'exclusive', timeoutS: 300, queue: false });
    await desk.acquire(BEN, { instrument: 'dmm', session: 's-2', mode: 'observer', timeoutS: 300, queue: false });
    await desk.review((principal) => (principal.user === ANNA.user ? undefined : { ...principal, role: 'viewer' }));
    expect(held()).toEqual(['ben observer held']);
    expect([desk.session('s-1'), desk.session('s-2')?.user]).toEqual([undefined, 'ben']);
    expect(desk.asker({ ...BEN, role: 'viewer' }, 's-2')).toMatchObject({ role: 'viewer', rights: ['view'] });
  });
});

test('the history is bounded, newest last', async () => {
  for (let count = 0; count < 200; count++) {
    await acquire(ANNA, 's-1');
    await desk.release(ANNA, 'psu', 's-1');
  }
  expect(history.list({}, 1000)).toHaveLength(50);
  expect(history.list({ session: 's-1' }, 2).map(({ kind }) => kind)).toEqual(['acquired', 'released']);
  expect(history.list({ session: 'another' })).toEqual([]);
});

test.each(Array.from({ length: 12 }, (_, seed) => seed))(
  'random orders, seed %i: one holder at most, and it is known who',
  async (seed) => {
    const random = seededRandom(seed);
    const people = [ANNA, BEN, CHIEF, VIEWER];
    for (let step = 0; step < 200; step++) {
      const person = people[random.below(4)]!;
      const session = `${person.name}-${random.below(2)}`;
      const instrument = ['psu', 'load'][random.below(2)]!;
      const mode = random.below(4) === 0 ? 'observer' : 'exclusive';
      const refused = async (promise: Promise<unknown>): Promise<void> => {
        expect(['none', 'hub.forbidden', 'instrument.locked', 'hub.busy']).toContain(await codeOf(promise));
      };
      switch (random.below(6)) {
        case 0:
        case 1:
          await refused(
            desk.acquire(person, {
              instrument,
              session,
              mode,
              timeoutS: random.below(400),
              queue: random.below(2) === 0,
            }),
          );
          break;
        case 2:
          await refused(desk.release(person, instrument, session, random.below(5) === 0));
          break;
        case 3:
          await refused(desk.touch(person, instrument, session));
          break;
        case 4:
          await clock.advance(random.below(100_000));
          break;
        default:
          if (random.below(4) === 0) await refused(desk.endSession(person, session));
      }
      for (const name of ['psu', 'load']) {
        const holders = (await desk.list(name)).filter((lock) => lock.mode === 'exclusive' && lock.state === 'held');
        expect(holders.length).toBeLessThanOrEqual(1);
        // Whoever the engine gave it to is a session of the desk: nothing is held that nobody can give back.
        for (const holder of holders) expect(desk.session(holder.session ?? '')?.user).toBe(holder.holder);
      }
    }
  },
);
