import { expect, test } from 'vitest';
import { LabError } from '../../src/core/errors.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { LockWorld } from './lock-world.ts';

const signal = new AbortController().signal;

/** What it came to: `ours`, `free`, or the code of its error. */
function outcome(set: Promise<{ isOurs: boolean }>): Promise<string> {
  return set.then(
    ({ isOurs }) => (isOurs ? 'ours' : 'free'),
    (thrown: unknown) => LabError.from(thrown).code,
  );
}

async function taken(world = new LockWorld()): Promise<LockWorld> {
  const set = outcome(world.locks.set('psu', true, false, signal));
  await world.flow();
  expect(await set).toBe('ours');
  return world;
}

test.each([403, 500, 503, 429, 401])(
  'HTTP %i at keep-alive: the lock is kept, asked for again soon, and why is said once',
  async (status) => {
    const world = await taken();
    for (let round = 0; round < 3; round++) {
      await world.clock.advance(round === 0 ? 80_000 : 10_000);
      expect(world.waiting.map(({ path }) => path)).toEqual(['/api/locks/acquire']);
      await world.flow(() => status);
    }
    expect(world.told.at(-1)).toMatchObject({ isOurs: true });
    expect(world.notes).toHaveLength(1);
    expect(world.notes[0]).toMatch(/could not be kept: .*trouble/);
    await world.clock.advance(10_000);
    await world.flow();
    expect(world.locks.state('psu')).toMatchObject({ isOurs: true });
  },
);

test.each([409, 423])("HTTP %i at keep-alive: it is another's, who is named", async (status) => {
  const world = await taken();
  world.held.set('psu', 'theirs');
  await world.clock.advance(80_000);
  await world.flow((path) => (path.endsWith('acquire') ? status : 'done'));
  expect(world.told.at(-1)).toEqual({
    equipment: 'psu',
    owner: 'person of theirs',
    isOurs: false,
    expiresInS: undefined,
  });
  expect(world.notes).toEqual(['psu: its lock was taken from this client; person of theirs has it now.']);
  await world.clock.advance(500_000);
  expect(world.asked, 'nothing is asked for any more').toEqual([]);
});

test.each([
  [403, 'server.denied'],
  [500, 'server.rejected'],
  [503, 'server.refused'],
  [409, 'server.busy'],
  [423, 'server.busy'],
] as const)('HTTP %i to who asks for a lock is %s', async (status, code) => {
  const world = new LockWorld();
  const set = outcome(world.locks.set('psu', true, false, signal));
  await world.flow((path) => (path.endsWith('acquire') ? status : 'done'));
  expect(await set).toBe(code);
  expect(world.clock.pending).toBe(0);
});

test('an answer that comes after the end is given back, and no timer is left', async () => {
  const world = new LockWorld();
  const set = outcome(world.locks.set('psu', true, false, signal));
  await new Promise(setImmediate);
  const ended = world.locks[Symbol.asyncDispose]();
  await world.flow();
  await ended;
  expect(await set).toBe('call.cancelled');
  expect([...world.held]).toEqual([]);
  expect(world.told).toEqual([]);
  expect(world.clock.pending).toBe(0);
});

test('a keep-alive that is answered after the end is given back, too', async () => {
  const world = await taken();
  await world.clock.advance(80_000);
  const ended = world.locks[Symbol.asyncDispose]();
  await world.flow();
  await ended;
  expect([...world.held]).toEqual([]);
  expect(world.clock.pending).toBe(0);
});

test('at the end a server that answers nothing is waited for four seconds at most', async () => {
  const world = await taken();
  await world.clock.advance(80_000);
  let isOver = false;
  const ended = world.locks[Symbol.asyncDispose]().then(() => {
    isOver = true;
  });
  await world.clock.advance(2000);
  await new Promise(setImmediate);
  await world.clock.advance(2000);
  await ended;
  expect(isOver).toBe(true);
  expect(world.clock.pending).toBe(0);
});

test('a lock that was not given back is still ours, and kept', async () => {
  const world = await taken();
  const set = outcome(world.locks.set('psu', false, false, signal));
  await world.flow(() => 500);
  expect(await set).toBe('server.rejected');
  expect(world.locks.state('psu')).toMatchObject({ isOurs: true });
  await world.clock.advance(80_000);
  expect(world.waiting.map(({ path }) => path)).toEqual(['/api/locks/acquire']);
});

test('without a session nothing is asked', async () => {
  const world = new LockWorld();
  world.session = '';
  expect(await outcome(world.locks.set('psu', true, false, signal))).toBe('server.closed');
  expect(world.asked).toEqual([]);
});

/** Faults of what gives a lock back leave it to run out at the server: these seeds have none. */
const SEEDS = 400;

test(`${SEEDS} seeded orders of taking, keeping, giving back, refusing, breaking off and ending: no lock is left behind, none is taken by force unasked`, async () => {
  let late = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world = new LockWorld(seed);
    const random = seededRandom(seed);
    const all = ['psu', 'load'];
    const sessions = new Set([world.session]);
    let forces = 0;
    const sets: Promise<string>[] = [];
    for (let step = 0; step < 40; step++) {
      const equipment = all[random.below(2)] as string;
      switch (random.below(9)) {
        case 0: {
          const force = random.below(3) === 0;
          if (force) forces++;
          const stop = new AbortController();
          sets.push(outcome(world.locks.set(equipment, true, force, stop.signal)));
          if (random.below(3) === 0) stop.abort(new LabError('call.cancelled', 'Cancelled.'));
          break;
        }
        case 1:
          sets.push(outcome(world.locks.set(equipment, false, false, signal)));
          break;
        case 2:
          if (random.below(2)) world.session = `ours-${step}-${seed}`;
          sessions.add(world.session);
          void world.locks.renewed();
          break;
        case 3:
          void world.locks.look();
          break;
        case 4:
          if (!world.held.has(equipment)) world.held.set(equipment, 'theirs');
          break;
        case 5:
          if (random.below(2)) world.held.delete(equipment);
          break;
        case 6:
          await world.clock.advance(random.below(100_000));
          break;
        default: {
          const asked = world.asked[random.below(world.asked.length || 1)];
          // A release is carried out at once, for nobody asks for a lock on the same equipment before it is answered.
          const isAcquire = asked?.path.endsWith('acquire') === true;
          const fates = ['done', 'done', 'done', 500, 503, 403, 'mute', 'lost'] as const;
          if (asked) world.give(asked, isAcquire ? fates[random.below(fates.length)] : 'done');
        }
      }
      await new Promise(setImmediate);
      // What was given up by us is still on its way to the server: it gets there before what we say next.
      for (const asked of world.asked.filter(({ isOver }) => isOver)) world.give(asked, 'done');
    }
    const quiet = world.locks.look();
    await world.flow();
    await quiet;
    await Promise.all(sets.splice(0));
    const look = world.locks.look();
    await world.flow();
    await look;
    for (const equipment of all) {
      const holder = world.held.get(equipment);
      const said = world.locks.state(equipment) ?? { owner: '', isOurs: false };
      expect(said.isOurs, `seed ${seed}, ${equipment} of ${holder}`).toBe(holder !== undefined && sessions.has(holder));
      if (!said.isOurs) expect(said.owner).toBe(holder === undefined ? '' : `person of ${holder}`);
    }
    expect(world.forced).toBeLessThanOrEqual(forces);
    // Something is under way when the end comes.
    const last = outcome(world.locks.set('psu', true, false, signal));
    if (seed % 2) await world.flow();
    else late++;
    const ended = world.locks[Symbol.asyncDispose]();
    await world.flow();
    await ended;
    await last;
    await world.clock.advance(1_000_000);
    await world.flow();
    expect(
      [...world.held.values()].filter((session) => sessions.has(session)),
      `seed ${seed}`,
    ).toEqual([]);
    expect(world.clock.pending, `seed ${seed}`).toBe(0);
  }
  expect(late).toBe(SEEDS / 2);
});
