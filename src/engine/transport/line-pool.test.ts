import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createDeferred } from '../../core/deferred.ts';
import { LabError } from '../../core/errors.ts';
import { LinePool } from './line-pool.ts';

class Line implements AsyncDisposable {
  readonly ended = createDeferred<void>();
  readonly closed = this.ended.promise;
  closings = 0;

  async [Symbol.asyncDispose](): Promise<void> {
    this.closings++;
    this.ended.resolve();
  }
}

/** Openings that end when the test says so. */
function setUp() {
  const lines = new LinePool<Line>();
  const begun: { signal: AbortSignal; opened: ReturnType<typeof createDeferred<Line>> }[] = [];
  const open = (signal: AbortSignal): Promise<Line> => {
    const opened = createDeferred<Line>();
    begun.push({ signal, opened });
    return opened.promise;
  };
  return { lines, begun, share: (signal?: AbortSignal) => lines.share('a', open, signal) };
}

const cancelled = { code: 'call.cancelled' };

describe('a line opened once for all', () => {
  it('is opened on for the others when the first that asked gives up', async () => {
    const { lines, begun, share } = setUp();
    const first = new AbortController();
    const giving = share(first.signal);
    const staying = share();
    await expect.poll(() => begun.length).toBe(1);
    first.abort();
    await expect(giving).rejects.toMatchObject(cancelled);
    expect(begun[0]?.signal.aborted).toBe(false);
    const line = new Line();
    begun[0]?.opened.resolve(line);
    const { value, [Symbol.asyncDispose]: giveBack } = await staying;
    expect(value).toBe(line);
    await giveBack();
    await giveBack();
    expect(line.closings).toBe(1);
    expect(lines.size).toBe(0);
  });

  it('is given up when nobody waits any more; the next opening waits until that is over', async () => {
    const { lines, begun, share } = setUp();
    const stop = new AbortController();
    const giving = share(stop.signal);
    await expect.poll(() => begun.length).toBe(1);
    stop.abort();
    await expect(giving).rejects.toMatchObject(cancelled);
    expect(begun[0]?.signal.aborted).toBe(true);
    expect(lines.size).toBe(0);
    const next = share();
    // It opened all the same.
    const late = new Line();
    begun[0]?.opened.resolve(late);
    await expect.poll(() => begun.length).toBe(2);
    expect(late.closings).toBe(1);
    begun[1]?.opened.resolve(new Line());
    await using given = await next;
    expect(given.value.closings).toBe(0);
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0);
  });

  it('that failed is told to all, and opened anew; one that ended as well', async () => {
    const { lines, begun, share } = setUp();
    const both = [share(), share()].map((one) => expect(one).rejects.toMatchObject({ code: 'transport.refused' }));
    await expect.poll(() => begun.length).toBe(1);
    begun[0]?.opened.reject(new LabError('transport.refused', 'No.'));
    await Promise.all(both);
    expect(lines.size).toBe(0);
    for (const count of [2, 3]) {
      const sharing = share();
      await expect.poll(() => begun.length).toBe(count);
      begun[count - 1]?.opened.resolve(new Line());
      const { value } = await sharing;
      value.ended.resolve();
      await expect.poll(() => lines.size).toBe(0);
    }
    await expect(share(AbortSignal.abort())).rejects.toMatchObject(cancelled);
    expect(begun).toHaveLength(3);
  });
});
