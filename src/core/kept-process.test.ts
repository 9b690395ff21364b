import { expect, test } from 'vitest';
import { ManualClock } from './clock.ts';
import { LabError } from './errors.ts';
import { type KeptChild, KeptProcess } from './kept-process.ts';
import { RestartLimit } from './restart-limit.ts';
import { seededRandom } from './seeded-random.ts';

/** A child that ends when the test says so, in order or by force as its knobs say. */
class TestChild implements KeptChild {
  readonly told: string[] = [];
  /** Ends when it is asked to. */
  isObedient = true;
  isGone = false;
  readonly #listeners: ((how: string) => void)[] = [];

  close(): void {
    this.told.push('close');
    if (this.isObedient) this.end('code 0');
  }

  kill(): void {
    this.told.push('kill');
    this.end('SIGKILL');
  }

  onExit(listener: (how: string) => void): void {
    this.#listeners.push(listener);
  }

  end(how: string): void {
    if (this.isGone) return;
    this.isGone = true;
    for (const listener of this.#listeners.splice(0)) listener(how);
  }
}

function create(limit = 2) {
  const clock = new ManualClock();
  const children: TestChild[] = [];
  const ends: { reason: string; retryMs: number | null }[] = [];
  const knobs = { isObedient: true, failure: undefined as LabError | undefined };
  const kept = new KeptProcess({
    name: 'The hub',
    clock,
    restarts: new RestartLimit({ limit }),
    fork: () => {
      if (knobs.failure) throw knobs.failure;
      const child = new TestChild();
      child.isObedient = knobs.isObedient;
      children.push(child);
      return child;
    },
    ended: (end) => ends.push(end),
  });
  return { clock, children, ends, knobs, kept };
}

test('starts once, and again when it dies, until it dies too often', async () => {
  const { clock, children, ends, kept } = create();
  await kept.start();
  await kept.start();
  expect(children).toHaveLength(1);
  children[0]?.end('code 1');
  expect(ends).toEqual([{ reason: 'The hub ended (code 1). It is started again.', retryMs: 0 }]);
  await clock.advance(0);
  children[1]?.end('SIGKILL');
  expect(ends[1]?.retryMs).toBe(250);
  await clock.advance(249);
  expect(children).toHaveLength(2);
  // A start meanwhile is no second process.
  await kept.start();
  await clock.advance(1);
  expect(children).toHaveLength(3);
  children[2]?.end('code 1');
  expect(ends[2]).toEqual({
    reason: expect.stringMatching(
      /^The hub ended \(code 1\)\. That was too often \(3 times in 60 s\): it is not started again/,
    ),
    retryMs: null,
  });
  await clock.advance(100_000);
  expect(children).toHaveLength(3);
  // A person asks for another try: with all its restarts.
  await kept.start();
  children[3]?.end('code 1');
  expect(ends[3]?.retryMs).toBe(0);
  await kept.stop();
  expect(clock.pending).toBe(0);
  expect(kept.state).toBe('idle');
});

test('ends in order, by force after 10 s, and a start waits for that', async () => {
  const { clock, children, ends, knobs, kept } = create();
  await kept.start();
  await kept.stop();
  expect(children[0]?.told).toEqual(['close']);
  knobs.isObedient = false;
  await kept.start();
  const stopping = kept.stop();
  const starting = kept.start();
  await clock.advance(9999);
  expect(children).toHaveLength(2);
  await clock.advance(1);
  await stopping;
  await starting;
  expect(children[1]?.told).toEqual(['close', 'kill']);
  expect(children).toHaveLength(3);
  expect(ends, 'an end that was asked for is none').toEqual([]);
  children[2]?.end('code 0');
  await kept.stop();
  expect(clock.pending).toBe(0);
});

test('one that cannot be started is told to who starts it, or given up after the limit', async () => {
  const { clock, children, ends, knobs, kept } = create();
  knobs.failure = new LabError('share.failed', 'not built');
  await expect(kept.start()).rejects.toMatchObject({ code: 'share.failed' });
  knobs.failure = undefined;
  await kept.start();
  knobs.failure = new LabError('share.failed', 'not built.');
  children[0]?.end('code 1');
  await clock.advance(1000);
  expect(ends.map(({ retryMs }) => retryMs)).toEqual([0, 250, null]);
  expect(ends[1]?.reason).toBe('The hub cannot be started: not built. It is started again.');
  expect(kept.state).toBe('failed');
});

test.each([1, 2, 3])('any order of events, seed %i: one child at most, none left', async (seed) => {
  const { below, next } = seededRandom(seed);
  const { clock, children, knobs, kept } = create(3);
  const work: Promise<void>[] = [];
  for (let step = 0; step < 300; step++) {
    const what = below(6);
    knobs.isObedient = next() < 0.7;
    if (what === 0) work.push(kept.start());
    else if (what === 1) work.push(kept.stop());
    else if (what === 2) children.at(-1)?.end('code 1');
    else await clock.advance(below(12_000));
    expect(children.filter(({ isGone }) => !isGone).length).toBeLessThanOrEqual(1);
  }
  work.push(kept.stop());
  await clock.advance(20_000);
  await Promise.all(work);
  await clock.advance(100_000);
  await kept.stop();
  expect(children.every(({ isGone }) => isGone)).toBe(true);
  expect(clock.pending).toBe(0);
});
