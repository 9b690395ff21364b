import { describe, expect, test } from 'vitest';
import type { ReplaySpeed } from '../../contract/replay-schema.ts';
import { type Clock, ManualClock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { type SeededRandom, seededRandom } from '../../core/seeded-random.ts';
import type { Deck } from './player-options.ts';
import { ReplayPlayer } from './replay-player.ts';

const FROM_NS = 1_700_000_000_000_000_000n;

interface DeckOptions {
  /** Time from row to row, ns, at most. */
  spacingNs: number;
  rows: number;
  /** Reading takes so long; 0: all is there. */
  readMs?: () => number;
  /** Rows in memory at once. */
  memory?: number;
  /** Rows read beyond those asked for. */
  chunk?: number;
}

/** Rows with a time each and nothing else, read as slowly as a test wants; it notes what is given. */
class RowDeck implements Deck {
  readonly times: bigint[] = [];
  /** Row numbers given since the last restart. */
  given: number[] = [];
  restarts = 0;
  failure: LabError | undefined;
  loading = 0;
  readonly #clock: Clock;
  readonly #options: DeckOptions;
  #next = 0;
  #loaded = 0;

  constructor(clock: Clock, random: SeededRandom, options: DeckOptions) {
    this.#clock = clock;
    this.#options = options;
    let timeNs = FROM_NS;
    for (let row = 0; row < options.rows; row++) {
      this.times.push(timeNs);
      // Some rows have the same time.
      timeNs += BigInt(random.below(5) === 0 ? 0 : 1 + random.below(options.spacingNs));
    }
    if (!options.readMs) this.#loaded = options.rows;
  }

  get fromNs(): bigint {
    return this.times[0] ?? FROM_NS;
  }

  get toNs(): bigint {
    return this.times.at(-1) ?? FROM_NS;
  }

  get loadedNs(): bigint {
    return (this.times[this.#loaded] ?? 2n ** 62n) - 1n;
  }

  load(untilNs: bigint): bigint | Promise<bigint> {
    if (this.failure) throw this.failure;
    if (this.loadedNs >= untilNs) return this.loadedNs;
    this.loading++;
    const { readMs = () => 0, memory = 100 } = this.#options;
    return new Promise((resolve) => {
      this.#clock.after(readMs(), () => {
        const before = this.#loaded;
        while (this.loadedNs < untilNs && (this.#loaded - this.#next < memory || this.#loaded === before))
          this.#loaded++;
        // Chunks hold more than was asked for.
        this.#loaded = Math.min(this.times.length, this.#loaded + (this.#options.chunk ?? 0));
        this.loading--;
        resolve(this.loadedNs);
      });
    });
  }

  advance(untilNs: bigint): void {
    expect(untilNs <= this.loadedNs, 'only what is read is given').toBe(true);
    for (
      let timeNs = this.times[this.#next];
      timeNs !== undefined && timeNs <= untilNs;
      timeNs = this.times[this.#next]
    ) {
      this.given.push(this.#next++);
    }
  }

  async restart(atNs: bigint): Promise<void> {
    this.restarts++;
    this.given = [];
    this.#next = Math.max(
      0,
      this.times.findLastIndex((timeNs) => timeNs <= atNs),
    );
    this.#loaded = this.#options.readMs ? this.#next : this.times.length;
    await this.load(atNs);
  }

  async neighbour(fromNs: bigint, step: 1 | -1): Promise<bigint | undefined> {
    return step > 0 ? this.times.find((timeNs) => timeNs > fromNs) : this.times.findLast((timeNs) => timeNs < fromNs);
  }

  /** Rows between the place it began at and the position, each once and in order; none later than the position, none left out. */
  check(positionNs: bigint): void {
    const [first = 0] = this.given;
    expect(this.given).toEqual(this.given.map((_, index) => first + index));
    const last = this.given.at(-1);
    if (last !== undefined) expect((this.times[last] ?? 0n) <= positionNs).toBe(true);
    const next = this.times[last === undefined ? 0 : last + 1];
    if (next !== undefined && last !== undefined) expect(next > positionNs).toBe(true);
  }
}

/** Disposes while the clock goes on: what is being read is waited for. */
async function ended(player: ReplayPlayer, clock: ManualClock): Promise<void> {
  const disposed = player[Symbol.asyncDispose]();
  await clock.advance(10_000);
  await disposed;
}

const SPEEDS: ReplaySpeed[] = [0.1, 0.5, 1, 2.5, 10, 100];

describe('random orders', () => {
  test.each(Array.from({ length: 25 }, (_, index) => index + 1))(
    'seeded %d: each row once, in order, at its time; the pace is exact',
    async (seed) => {
      const random = seededRandom(seed);
      const clock = new ManualClock();
      const deck = new RowDeck(clock, random, { spacingNs: 10 ** (4 + random.below(5)), rows: 3000 });
      await using player = new ReplayPlayer({ clock, deck, changed: () => {} });
      // What the position must be, from the orders alone.
      let place = { ns: deck.fromNs, ms: 0, speed: 1, isPlaying: false };
      const expected = (): bigint => {
        if (!place.isPlaying) return place.ns;
        const ns = place.ns + BigInt(Math.round((clock.monotonicMs() - place.ms) * place.speed * 1e6));
        return ns < deck.toNs ? ns : deck.toNs;
      };
      const anchor = (change: Partial<typeof place>): void => {
        const ns = expected();
        place = { ...place, ns, ms: clock.monotonicMs(), isPlaying: place.isPlaying && ns < deck.toNs, ...change };
      };
      for (let order = 0; order < 60; order++) {
        await clock.advance(random.below(4) === 0 ? random.next() * 3000 : random.next() * 40);
        const isOver = expected() >= deck.toNs;
        switch (random.below(6)) {
          case 0:
            await player.play();
            // Playing already: nothing changes, the anchor neither.
            if (isOver) anchor({ ns: deck.fromNs, isPlaying: true });
            else if (!place.isPlaying) anchor({ isPlaying: true });
            break;
          case 1:
            await player.pause();
            anchor({ isPlaying: false });
            break;
          case 2: {
            const speed = SPEEDS[random.below(SPEEDS.length)] as number;
            await player.setSpeed(speed);
            // The same speed changes nothing, the anchor neither.
            if (speed !== place.speed) anchor({ speed });
            break;
          }
          case 3: {
            const span = Number(deck.toNs - deck.fromNs);
            const at = deck.fromNs + BigInt(Math.round((random.next() * 1.2 - 0.1) * span));
            const ns = at < deck.fromNs ? deck.fromNs : at > deck.toNs ? deck.toNs : at;
            await player.seek(at);
            anchor({});
            place = { ...place, ns, isPlaying: place.isPlaying && !isOver };
            break;
          }
          default: {
            const step = random.below(2) === 0 ? 1 : -1;
            const from = expected();
            await player.step(step);
            const ns = (await deck.neighbour(from, step)) ?? (step > 0 ? deck.toNs : deck.fromNs);
            anchor({ ns, isPlaying: false });
          }
        }
        deck.check(player.positionNs);
        const due = expected();
        if (player.state === 'playing') {
          expect(player.nowNs).toBe(due);
          const behindNs = Number(due - player.positionNs);
          expect(behindNs).toBeGreaterThanOrEqual(0);
          expect(behindNs).toBeLessThanOrEqual(16 * place.speed * 1e6 + 1);
        } else expect(player.positionNs).toBe(due);
        // At the end it may be a beat late.
        if (due < deck.toNs) expect(player.state).toBe(place.isPlaying ? 'playing' : 'paused');
        else expect(['playing', 'ended']).toContain(player.state);
      }
      await player.pause();
      expect(clock.pending).toBe(0);
    },
  );

  test.each(Array.from({ length: 15 }, (_, index) => index + 1))(
    'seeded %d: a slow disk delays rows and loses none',
    async (seed) => {
      const random = seededRandom(1000 + seed);
      const clock = new ManualClock();
      const readMs = (): number => (random.below(10) === 0 ? random.below(2000) : random.below(20));
      const deck = new RowDeck(clock, random, {
        spacingNs: 10 ** (5 + random.below(3)),
        rows: 2000,
        readMs,
        memory: 1 + random.below(200),
        chunk: random.below(60),
      });
      const player = new ReplayPlayer({ clock, deck, changed: () => deck.check(player.positionNs) });
      for (let order = 0; order < 40; order++) {
        const at = deck.fromNs + BigInt(Math.round(random.next() * Number(deck.toNs - deck.fromNs)));
        const orders = [
          () => player.play(),
          () => player.pause(),
          () => player.setSpeed(random.below(5) === 0 ? 'max' : (SPEEDS[random.below(SPEEDS.length)] as ReplaySpeed)),
          () => player.seek(at),
          () => player.step(1),
          () => player.step(-1),
        ];
        // Not waited for: orders come while others are under way.
        void (orders[random.below(orders.length)] as () => Promise<void>)();
        await clock.advance(random.next() * 500);
      }
      await clock.advance(60_000);
      deck.check(player.positionNs);
      expect(['paused', 'playing', 'ended']).toContain(player.state);
      await ended(player, clock);
      expect([deck.loading, clock.pending]).toEqual([0, 0]);
    },
  );
});

test('steps of what has to be read first come to the very rows', async () => {
  const clock = new ManualClock();
  const random = seededRandom(8);
  const deck = new RowDeck(clock, random, { spacingNs: 1_000_000, rows: 2000, readMs: () => 1, chunk: 5 });
  const player = new ReplayPlayer({ clock, deck, changed: () => {} });
  for (let round = 0; round < 100; round++) {
    const step = random.below(8) === 0 ? -1 : 1;
    const from = player.positionNs;
    const stepped = player.step(step);
    await clock.advance(10);
    await stepped;
    expect(player.positionNs).toBe((await deck.neighbour(from, step)) ?? deck.fromNs);
    deck.check(player.positionNs);
  }
});

test('max gives all there is and ends; play begins again', async () => {
  const clock = new ManualClock();
  const deck = new RowDeck(clock, seededRandom(1), { spacingNs: 1_000_000, rows: 500, readMs: () => 0, memory: 10 });
  await using player = new ReplayPlayer({ clock, deck, changed: () => {} });
  await player.setSpeed('max');
  await player.play();
  await clock.advance(1000);
  expect(player.state).toBe('ended');
  expect(deck.given.length).toBe(500);
  expect(player.positionNs).toBe(deck.toNs);
  void player.play();
  await clock.advance(1000);
  expect([deck.restarts, deck.given.length, player.state]).toEqual([1, 500, 'ended']);
});

test('what cannot be read in time makes it later, and it says so; it does not hurry after', async () => {
  const clock = new ManualClock();
  const reads: number[] = [];
  const readMs = (): number => reads.shift() ?? 0;
  const deck = new RowDeck(clock, seededRandom(2), { spacingNs: 2_000_000, rows: 100_000, readMs, memory: 1000 });
  let slips = 0;
  const player = new ReplayPlayer({ clock, deck, changed: () => {}, slipped: () => slips++ });
  await player.play();
  await clock.advance(2000);
  expect(slips).toBe(0);
  reads.push(5000);
  await clock.advance(6500);
  expect(slips).toBe(1);
  const before = player.positionNs;
  await clock.advance(1600);
  expect(Number(player.positionNs - before) / 1e6).toBeCloseTo(1600, 0);
  expect(player.speedGot).toBeCloseTo(1, 2);
  // Some 5 s of real time were lost, and no row.
  expect(Number(player.positionNs - deck.fromNs) / 1e9).toBeLessThan(10.1 - 4);
  deck.check(player.positionNs);
  await ended(player, clock);
});

test('a disk that fails: the reason is kept, orders are refused with it, nothing goes on', async () => {
  const clock = new ManualClock();
  const deck = new RowDeck(clock, seededRandom(3), { spacingNs: 2_000_000, rows: 10_000, readMs: () => 1 });
  await using player = new ReplayPlayer({ clock, deck, changed: () => {} });
  await player.play();
  await clock.advance(500);
  deck.failure = new LabError('recording.failed', 'The disk is gone.');
  await clock.advance(2000);
  expect([player.state, player.error?.message, player.speedGot]).toEqual(['failed', 'The disk is gone.', 0]);
  const { length } = deck.given;
  for (const order of [player.play(), player.pause(), player.seek(deck.fromNs), player.step(1), player.setSpeed(2)]) {
    await expect(order).rejects.toMatchObject({ code: 'recording.failed' });
  }
  expect(deck.given.length).toBe(length);
  expect(clock.pending).toBe(0);
});

test('a recording of nothing ends at once', async () => {
  const clock = new ManualClock();
  const deck = new RowDeck(clock, seededRandom(4), { spacingNs: 1, rows: 0 });
  await using player = new ReplayPlayer({ clock, deck, changed: () => {} });
  await player.step(-1);
  await player.play();
  await clock.advance(100);
  expect(player.state).toBe('ended');
});

test('disposing waits for what is being read and gives nothing more', async () => {
  const clock = new ManualClock();
  const deck = new RowDeck(clock, seededRandom(5), { spacingNs: 1_000_000, rows: 1000, readMs: () => 300 });
  const player = new ReplayPlayer({ clock, deck, changed: () => {} });
  await player.play();
  expect(deck.loading).toBe(1);
  let isDisposed = false;
  const disposed = player[Symbol.asyncDispose]().then(() => {
    isDisposed = true;
  });
  await clock.advance(299);
  expect(isDisposed).toBe(false);
  await clock.advance(2);
  await disposed;
  expect([deck.given, deck.loading, clock.pending]).toEqual([[], 0, 0]);
});
