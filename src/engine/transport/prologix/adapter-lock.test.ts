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
