import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { AdapterLock } from './adapter-lock.ts';

describe('a wait for the bus', () => {
  it('ends with any of its signals, and leaves no listener on the others', async () => {
    const lock = new AdapterLock();
    const held = await lock.acquire();
    const [own, disposed] = [new AbortController(), new AbortController()];
    const signals = [undefined, own.signal, disposed.signal];
    const listeners = () => [own, disposed].map(({ signal }) => getEventListeners(signal, 'abort').length);

    const first = lock.acquire({ signals });
    expect(listeners()).toEqual([1, 1]);
    own.abort();
    await expect(first).rejects.toMatchObject({ code: 'call.cancelled' });
    expect(listeners()).toEqual([0, 0]);
    await expect(lock.acquire({ signals })).rejects.toMatchObject({ code: 'call.cancelled' });

    const second = lock.acquire({ signals: [disposed.signal] });
    held.release();
    const again = await second;
    expect(listeners()).toEqual([0, 0]);
    const third = lock.acquire({ signals: [disposed.signal] });
    disposed.abort();
    await expect(third).rejects.toMatchObject({ code: 'call.cancelled' });
    again.release();
    expect(lock.isHeld).toBe(false);
  });
});

describe('Outputs off', () => {
  it('cuts the holder once, however many wait', async () => {
    const lock = new AdapterLock();
    const held = await lock.acquire();
    let cuts = 0;
    held.cut = () => void cuts++;
    const urgent = [lock.acquire({ isUrgent: true })];
    await expect.poll(() => cuts).toBe(1);
    // The holder clears its instrument meanwhile; others come, and time passes.
    for (let more = 0; more < 3; more++) {
      urgent.push(lock.acquire({ isUrgent: true }));
      void lock.acquire().then((hold) => hold.release());
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(cuts).toBe(1);
    held.release();
    for (const waiting of urgent) (await waiting).release();
  });

  it('hurries one that waits already past the others', async () => {
    const lock = new AdapterLock();
    const held = await lock.acquire();
    let isCut = false;
    held.cut = () => {
      isCut = true;
      held.release();
    };
    const order: string[] = [];
    const first = lock.acquire().then((hold) => {
      order.push('first');
      hold.release();
    });
    const hurry = new AbortController();
    const second = lock.acquire({ hurry: hurry.signal }).then((hold) => {
      order.push(`second, urgent ${hold.isUrgent}`);
      hold.release();
    });
    hurry.abort();
    await Promise.all([first, second]);
    expect(isCut).toBe(true);
    expect(order).toEqual(['second, urgent true', 'first']);
    expect(getEventListeners(hurry.signal, 'abort')).toHaveLength(0);
  });
});
