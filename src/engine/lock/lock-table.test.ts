import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import { LockTable, type LockTableOptions } from './lock-table.ts';
import type { LockCaller, LockWish } from './lock-wish.ts';

const ANNA: LockCaller = { caller: 'client 7f', who: 'anna (client 7f)', screen: 1 };
const BOB: LockCaller = { caller: 'client 80', who: 'bob (client 80)', screen: 1 };
const DESK: LockCaller = { caller: 'screen 2', who: 'window', screen: 2 };

function create(options: Partial<LockTableOptions> = {}) {
  const clock = new ManualClock();
  const changes: string[] = [];
  const table = new LockTable({
    clock,
    labelOf: (instrument) => `the ${instrument}`,
    changed: (instrument) => changes.push(instrument),
    ...options,
  });
  const take = (by: LockCaller, wish: Partial<LockWish> = {}) =>
    table.take(by, { instrument: 'psu', mode: 'exclusive', holder: by.who, ttlS: 300, wait: false, ...wish });
  return { clock, table, take, changes };
}

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return LabError.from(error).code;
  }
  return 'no error';
}

describe('locks of instruments', () => {
  it('refuse everybody but their holder, and say who has it until when', () => {
    const { table, take, clock } = create();
    table.check('psu', DESK.caller);
    const given = take(ANNA, { holder: 'anna' });
    expect(given).toMatchObject({ state: 'held', position: 0, expiresNs: String(clock.nowNs() + 300_000_000_000n) });
    table.check('psu', ANNA.caller);
    table.check('meter', DESK.caller);
    expect(() => table.check('psu', DESK.caller)).toThrow(
      expect.objectContaining({
        code: 'instrument.locked',
        message: expect.stringMatching(/anna \(client 7f\) has the psu for themselves until 2023-11-14T22:18:20/),
        details: { instrument: 'psu', lock: given.lock, holder: 'anna', who: ANNA.who, untilNs: given.expiresNs },
      }),
    );
    expect(codeOf(() => take(BOB))).toBe('instrument.locked');
    table.release(ANNA, given.lock);
    table.check('psu', DESK.caller);
    expect(table.exclusive('psu')).toBeUndefined();
    table[Symbol.dispose]();
  });

  it('run out by the clock unless touched; the next in the queue has it then, with its own time', async () => {
    const { table, take, clock, changes } = create();
    const first = take(ANNA, { ttlS: 10 });
    const second = take(BOB, { ttlS: 20, wait: true });
    const third = take(DESK, { ttlS: 100, wait: true });
    expect([second, third].map(({ state, position }) => ({ state, position }))).toEqual([
      { state: 'waiting', position: 1 },
      { state: 'waiting', position: 2 },
    ]);
    expect(table.exclusive('psu')).toMatchObject({ id: first.lock, waiting: 2 });
    await clock.advance(9000);
    table.touch(ANNA, first.lock);
    await clock.advance(9999);
    expect(table.exclusive('psu')?.id).toBe(first.lock);
    table.touch(BOB, second.lock);
    const before = changes.length;
    await clock.advance(1);
    expect(table.exclusive('psu')).toMatchObject({ id: second.lock, waiting: 1 });
    expect(changes.length).toBe(before + 1);
    await clock.advance(20_000);
    expect(table.exclusive('psu')?.id).toBe(third.lock);
    await clock.advance(100_000);
    expect(table.exclusive('psu')).toBeUndefined();
    expect(clock.pending).toBe(0);
  });

  it('end 30 s after the link of their holder, unless they are touched over another', async () => {
    const { table, take, clock } = create();
    const lost = take(ANNA);
    const kept = take(DESK, { instrument: 'meter' });
    const waiting = take(DESK, { wait: true });
    table.left(1);
    table.left(2);
    await clock.advance(29_999);
    // The window was loaded anew: another screen, which shows the key.
    const reloaded: LockCaller = { caller: 'screen 9', who: 'window', screen: 9 };
    expect(codeOf(() => table.touch(reloaded, kept.lock))).toBe('call.denied');
    table.touch(reloaded, kept.lock, kept.key);
    await clock.advance(1);
    expect(table.exclusive('psu'), 'whoever waited has gone as well').toBeUndefined();
    expect(codeOf(() => table.touch(ANNA, lost.lock))).toBe('lock.unknown');
    expect(codeOf(() => table.touch(DESK, waiting.lock))).toBe('lock.unknown');
    table.check('meter', reloaded.caller);
    expect(codeOf(() => table.check('meter', DESK.caller))).toBe('instrument.locked');
    table.detached('meter');
    expect(table.list('', undefined)).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('belong to the client of the hub, whichever link it comes over', async () => {
    const { table, take, clock } = create();
    const given = take(ANNA);
    table.left(1);
    await clock.advance(1000);
    expect(take({ ...ANNA, screen: 5 }).lock).toBe(given.lock);
    await clock.advance(60_000);
    expect(table.exclusive('psu')?.id).toBe(given.lock);
    table[Symbol.dispose]();
    expect(clock.pending).toBe(0);
  });

  it('are taken over by force: before those who wait, who keep their places', () => {
    const { table, take } = create();
    const first = take(ANNA);
    const second = take(BOB, { wait: true });
    const { was, taken } = table.force(DESK, first.lock, { holder: 'me', ttlS: 60 });
    expect(was).toMatchObject({ holder: ANNA.who, instrument: 'psu' });
    expect(table.exclusive('psu')).toMatchObject({ id: taken?.lock, holder: 'me', who: 'window', waiting: 1 });
    expect(codeOf(() => table.check('psu', ANNA.caller))).toBe('instrument.locked');
    expect(table.force(DESK, taken?.lock ?? '').taken).toBeNull();
    expect(table.exclusive('psu')?.id).toBe(second.lock);
    expect(codeOf(() => table.force(DESK, first.lock))).toBe('lock.unknown');
    table[Symbol.dispose]();
  });

  it('observed: everybody may, nobody is kept from anything but the observer', () => {
    const { table, take } = create();
    take(ANNA, { mode: 'observer' });
    take(BOB, { mode: 'observer' });
    table.check('psu', DESK.caller);
    expect(codeOf(() => table.check('psu', ANNA.caller))).toBe('instrument.locked');
    // Who wants more takes it, and observes no longer.
    const held = take(ANNA);
    table.check('psu', ANNA.caller);
    expect(table.list(ANNA.caller).map(({ mode, isMine }) => `${mode} ${isMine}`)).toEqual([
      'observer false',
      'exclusive true',
    ]);
    expect(codeOf(() => take(BOB))).toBe('instrument.locked');
    expect(table.list(BOB.caller).filter(({ isMine }) => isMine)).toHaveLength(1);
    take(ANNA, { mode: 'observer' });
    expect(table.exclusive('psu')).toBeUndefined();
    expect(codeOf(() => table.release(ANNA, held.lock))).toBe('lock.unknown');
    table[Symbol.dispose]();
  });

  it('are bounded: 16 wait, and the list of observers ends', () => {
    const { table, take } = create({ maxObservers: 2 });
    take(ANNA);
    const waiter = (index: number): LockCaller => ({ caller: `client w${index}`, who: 'w', screen: 1 });
    for (let index = 0; index < 16; index++) take(waiter(index), { wait: true });
    expect(codeOf(() => take(waiter(16), { wait: true }))).toBe('call.limit');
    // One that waits already has a place.
    expect(take(waiter(15), { wait: true }).position).toBe(16);
    take(BOB, { instrument: 'meter', mode: 'observer' });
    take(DESK, { instrument: 'meter', mode: 'observer' });
    expect(codeOf(() => take(ANNA, { instrument: 'meter', mode: 'observer' }))).toBe('call.limit');
    table[Symbol.dispose]();
  });

  it('tell the screens when it shows, not at each touch', async () => {
    const { table, take, clock, changes } = create();
    const { lock } = take(ANNA);
    changes.length = 0;
    for (let turn = 0; turn < 100; turn++) {
      await clock.advance(10);
      table.touch(ANNA, lock);
    }
    expect(changes.length).toBeLessThanOrEqual(1);
    table[Symbol.dispose]();
  });
});

describe('any order of events', () => {
  it.each([1, 2, 3, 4, 5])('seed %i: one holder at most, and the queue in order', async (seed) => {
    const { next: random } = seededRandom(seed);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
    const { clock, table, take } = create({ maxWaiting: 4, graceMs: 3000 });
    const callers = Array.from({ length: 8 }, (_, index) => ({
      caller: `client ${index}`,
      who: `w${index}`,
      screen: index % 3,
    }));
    const instruments = ['psu', 'meter'];
    let queues = new Map<string, string[]>();
    let held = new Map<string, string | undefined>();
    const look = () => {
      const list = table.list('');
      for (const instrument of instruments) {
        const own = list.filter((lock) => lock.instrument === instrument);
        const holders = own.filter(({ mode, state }) => mode === 'exclusive' && state === 'held');
        expect(holders.length, 'never two').toBeLessThanOrEqual(1);
        const waiting = own.filter(({ state }) => state === 'waiting').map(({ id }) => id);
        expect(waiting.length === 0 || holders.length === 1, 'nobody waits for what is free').toBe(true);
        expect(waiting.length).toBeLessThanOrEqual(4);
        expect(table.exclusive(instrument)).toEqual(
          holders[0] ? expect.objectContaining({ id: holders[0].id, waiting: waiting.length }) : undefined,
        );
        // Who still waits stands in the order of before; who came, came behind.
        const before = queues.get(instrument) ?? [];
        const stayed = before.filter((id) => waiting.includes(id));
        expect(waiting.slice(0, stayed.length), 'first come, first served').toEqual(stayed);
        // A holder that changed by itself was the first of those who are still there.
        const holder = holders[0]?.id;
        if (holder !== held.get(instrument) && holder !== undefined && before.includes(holder)) {
          const passed = before.slice(0, before.indexOf(holder));
          expect(
            passed.some((id) => waiting.includes(id)),
            'nobody was passed over',
          ).toBe(false);
        }
        queues = new Map(queues).set(instrument, waiting);
        held = new Map(held).set(instrument, holder);
        const callersOf = new Set(own.map(({ who }) => who));
        expect(callersOf.size, 'one entry for each').toBe(own.length);
      }
    };
    const known: string[] = [];
    for (let step = 0; step < 500; step++) {
      const by = pick(callers);
      const lock = pick(known.length > 0 ? known.slice(-12) : ['none']);
      const what = random();
      const act = (): void => {
        if (what < 0.45) {
          const given = take(by, {
            instrument: pick(instruments),
            mode: random() < 0.8 ? 'exclusive' : 'observer',
            wait: random() < 0.8,
            ttlS: 1 + random() * 20,
          });
          known.push(given.lock);
        } else if (what < 0.6) table.release(by, lock);
        else if (what < 0.7) table.touch(by, lock);
        else if (what < 0.75) table.force(by, lock, random() < 0.5 ? { holder: 'f', ttlS: 5 } : undefined);
        else if (what < 0.78) table.left(by.screen);
        else if (what < 0.79) table.detached(pick(instruments));
      };
      expect(['no error', 'instrument.locked', 'lock.unknown', 'call.denied', 'call.limit']).toContain(codeOf(act));
      look();
      if (what > 0.79) await clock.advance(random() * 2000);
      look();
    }
    await clock.advance(3_600_000);
    expect(table.list('')).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});
