import { afterEach, expect, test } from 'vitest';
import { openScopes } from '../../src/core/scope.ts';
import { seededRandom } from '../../src/core/seeded-random.ts';
import { checkRows, type Harness, openHarness } from './labwire-harness.ts';

/** Cuts of one run; the soak makes more. */
const FAULTS = Number(process.env.LABWIRE_MODEL_FAULTS ?? 25);

let harness: Harness | undefined;

afterEach(async () => {
  await harness?.[Symbol.asyncDispose]();
  harness = undefined;
  expect(openScopes()).toEqual([]);
});

/** What may happen to a connection, each with a time until the next. */
const FAULTS_OF_NETWORK = ['cut', 'half-open', 'stall', 'refuse', 'renew', 'mute', 'interval', 'reply lost'] as const;

test.each([1, 2, 3])(
  '5.2 seed %i: whatever happens to the connection, each row is there once, in order, or named as lost',
  async (seed) => {
    const plan = { equipment: 'psu', name: 'readings', intervalMs: 100, form: 'f64' as const };
    harness = await openHarness({
      streams: [plan, { ...plan, name: 'timed', form: 'timed' }],
      rules: { pumpMs: 20, windowBytes: { min: 8192, max: 65_536 } },
    });
    const { server, proxy, client, until, pass } = harness;
    const both = [harness.want('psu/readings', 100), harness.want('psu/timed', 100)];
    await until('rows', () => both.every(({ log }) => log.count > 5));
    const random = seededRandom(seed);
    for (let count = 0; count < FAULTS; count++) {
      const fault = FAULTS_OF_NETWORK[random.below(FAULTS_OF_NETWORK.length)]!;
      const ms = random.below(5) === 0 ? 20_000 + random.below(20_000) : random.below(3000);
      switch (fault) {
        case 'cut':
          proxy.cut();
          break;
        case 'half-open':
          proxy.halfOpen();
          break;
        case 'stall':
          proxy.set({ isStalled: true });
          await pass(ms, 200);
          proxy.set({ isStalled: false });
          break;
        case 'refuse':
          proxy.set({ isRefusing: true });
          proxy.cut();
          await pass(ms, 200);
          proxy.set({ isRefusing: false });
          break;
        case 'renew':
          client.reconnect();
          break;
        case 'mute':
          server.world.knobs.isMute = true;
          await pass(ms, 200);
          server.world.knobs.isMute = false;
          break;
        case 'interval':
          both[0]!.stream.setInterval(random.below(2) === 0 ? 100 : 300);
          break;
        case 'reply lost':
          proxy.set({ segmentBytes: 1 + random.below(50) });
          await pass(200, 20);
          proxy.cut();
          proxy.set({ segmentBytes: 0 });
          break;
      }
      await pass(random.below(2000), 50);
    }
    client.reconnect();
    await until(
      'live',
      () => client.link.word === 'connected' && both.every(({ stream }) => stream.stats.source === 'live'),
    );
    const counts = both.map(({ log }) => log.count);
    await until('rows', () => both.every(({ log }, index) => log.count > (counts[index] ?? 0) + 20));
    for (const { log, stream } of both) {
      const made = server.world.streams.get(stream.key)!;
      const { rows, lost, last } = checkRows(log, made, 3);
      expect(stream.stats).toMatchObject({ unaccounted: 0 });
      // The server keeps its past: only a hole whose answer does not come in time is given up, and said.
      const givenUp = log.gaps.filter(({ reason }) => /the hole (was|could not be) filled/i.test(reason));
      expect(lost, JSON.stringify(log.gaps.map(({ reason }) => reason))).toBe(
        givenUp.reduce((sum, gap) => sum + gap.lost, 0),
      );
      expect(rows).toBeGreaterThan(last / 3 - 10);
    }
    expect(client.traffic).toMatchObject({ unaccounted: 0, malformed: 0 });
  },
);
