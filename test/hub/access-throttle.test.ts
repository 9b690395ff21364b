import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { LoginThrottle } from '../../src/hub/access/login-throttle.ts';
import { isLoopback, placeOf } from '../../src/hub/access/place.ts';
import { TryTable } from '../../src/hub/access/try-table.ts';

const LIMITS = { tries: 5, windowMs: 1000, lockMs: 1000, max: 100 };

/** What a login is refused with; undefined: it is looked at. */
function refusal(begin: () => unknown): string | undefined {
  try {
    begin();
    return undefined;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('the place of an address', () => {
  test.each([
    ['192.168.1.4', '192.168.1.4'],
    ['127.0.0.1', 'loopback'],
    ['127.8.9.10', 'loopback'],
    ['::1', 'loopback'],
    ['0:0:0:0:0:0:0:1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:7f00:1', 'loopback'],
    ['::ffff:192.168.1.4', '192.168.1.4'],
    ['::FFFF:c0a8:104', '192.168.1.4'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::9', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.33', '64:ff9b:0:0::/64'],
    ['', 'unknown'],
    ['bench.lab', 'unknown'],
    ['1.2.3', 'unknown'],
    ['1.2.3.4.5', 'unknown'],
    [':::1', 'unknown'],
  ])('%s is %s', (address, place) => expect(placeOf(address)).toBe(place));

  test('only loopback is loopback', () => {
    expect(['localhost', '127.0.0.1', '::1'].map(isLoopback)).toEqual([true, true, true]);
    expect(['0.0.0.0', '::', '', '10.0.0.1', '128.0.0.1', '::2', 'localhost.lab'].filter(isLoopback)).toEqual([]);
  });
});

describe('the table of tries', () => {
  test('the fifth locks, to the millisecond; then it begins anew', () => {
    const table = new TryTable(LIMITS);
    expect([1, 2, 3, 4, 5].map(() => table.take('a', 0))).toEqual([4, 3, 2, 1, 0]);
    expect([table.lockedMs('a', 0), table.lockedMs('a', 999), table.lockedMs('a', 1000)]).toEqual([1000, 1, 0]);
    expect(table.take('a', 1000)).toBe(4);
  });

  test('tries further apart than the window do not add up', () => {
    const table = new TryTable(LIMITS);
    for (let at = 0; at < 100; at++) {
      table.take('a', at * 250);
      expect(table.lockedMs('a', at * 250)).toBe(0);
    }
  });

  test('one given back opens the lock it made', () => {
    const table = new TryTable(LIMITS);
    for (let count = 0; count < 5; count++) table.take('a', 0);
    table.giveBack('a');
    expect([table.lockedMs('a', 0), table.take('a', 0), table.lockedMs('a', 0)]).toEqual([0, 0, 1000]);
  });

  test('stays within its bound; locked entries go last', () => {
    const table = new TryTable(LIMITS);
    for (let count = 0; count < 5; count++) table.take('guesser', 0);
    for (let at = 0; at < 100_000; at++) {
      table.take(`other-${at}`, 1);
      if (table.size > 100) throw new Error(`${table.size} entries`);
    }
    expect([table.size, table.lockedMs('guesser', 1)]).toEqual([100, 999]);
    table.sweep(5000);
    expect(table.size).toBe(0);
  });

  test('stays within its bound when all are locked', () => {
    const table = new TryTable({ ...LIMITS, tries: 1 });
    for (let at = 0; at < 10_000; at++) table.take(`k-${at}`, 0);
    expect(table.size).toBe(100);
  });
});

describe('the throttle', () => {
  test('10⁵ addresses and 10⁵ names: bounded, and forgotten in time', async () => {
    const clock = new ManualClock();
    const throttle = new LoginThrottle(clock);
    const random = seededRandom(3);
    for (let count = 0; count < 100_000; count++) {
      const octets = [1, 2, 3].map(() => random.below(256)).join('.');
      const isUser = count % 2 === 0;
      const name = isUser ? 'anna' : `name-${count}`;
      refusal(() => throttle.begin(name, placeOf(`10.${octets}`), isUser, false).wrong());
    }
    expect(throttle.size).toBeLessThanOrEqual(80_000);
    expect(throttle.size).toBeGreaterThan(1000);
    expect(refusal(() => throttle.begin('anna', '12.0.0.1', true, false))).toBe('hub.throttled');
    expect(refusal(() => throttle.begin('anna', '192.168.1.20', true, true))).toBeUndefined();
    await clock.advance(1_800_000);
    throttle.sweep();
    expect(throttle.size).toBe(0);
  });

  test('inventing names pushes no count of a user out', () => {
    const throttle = new LoginThrottle(new ManualClock(), {
      user: { tries: 10, max: 50 },
      pair: { max: 50 },
      place: { max: 50 },
    });
    for (let count = 0; count < 10; count++) throttle.begin('anna', `10.0.0.${count}`, true, false).wrong();
    for (let count = 0; count < 1000; count++) {
      throttle.begin(`name-${count}`, `10.1.${count >> 8}.${count & 255}`, false, false).wrong();
    }
    expect(refusal(() => throttle.begin('anna', '12.0.0.1', true, false))).toBe('hub.throttled');
  });

  test('a name nobody has answers as one somebody has', () => {
    const run = (isUser: boolean): (string | number | undefined)[] => {
      const throttle = new LoginThrottle(new ManualClock());
      return Array.from({ length: 300 }, (_, count) => {
        let remaining: number | undefined;
        const place = `10.0.${count >> 1}.1`;
        return (
          refusal(() => {
            const attempt = throttle.begin('x', place, isUser, false);
            remaining = attempt.remaining;
            attempt.wrong();
          }) ?? remaining
        );
      });
    };
    expect(run(true)).toEqual(run(false));
    expect(run(true).at(-1)).toBe('hub.throttled');
  });

  test('one place that tries many names is closed as a whole, others are not', () => {
    const throttle = new LoginThrottle(new ManualClock());
    for (let count = 0; count < 30; count++) throttle.begin(`name-${count}`, 'a', false, false).wrong();
    expect(refusal(() => throttle.begin('anna', 'a', true, true))).toBe('hub.throttled');
    expect(refusal(() => throttle.begin('anna', 'b', true, false))).toBeUndefined();
  });

  test('right logins never add up, and of one place four are looked at at once', () => {
    const throttle = new LoginThrottle(new ManualClock());
    for (let count = 0; count < 1000; count++) throttle.begin('anna', 'a', true, false).right();
    for (let count = 0; count < 1000; count++) throttle.begin('anna', 'a', true, false).drop();
    expect(throttle.size).toBe(0);
    const open = [1, 2, 3, 4].map((name) => throttle.begin(`n${name}`, 'a', true, false));
    expect(refusal(() => throttle.begin('anna', 'a', true, false))).toBe('hub.busy');
    expect(refusal(() => throttle.begin('anna', 'b', true, false))).toBeUndefined();
    open[0]?.right();
    // Ending twice frees one place, not two.
    open[0]?.wrong();
    throttle.begin('anna', 'a', true, false);
    expect(refusal(() => throttle.begin('bob', 'a', true, false))).toBe('hub.busy');
  });

  test('what one place fails at does not count elsewhere', () => {
    const throttle = new LoginThrottle(new ManualClock());
    for (let count = 0; count < 5; count++) throttle.begin('anna', 'attacker', true, false).wrong();
    expect(refusal(() => throttle.begin('anna', 'attacker', true, false))).toBe('hub.throttled');
    expect(refusal(() => throttle.begin('anna', 'home', true, false))).toBeUndefined();
  });
});
