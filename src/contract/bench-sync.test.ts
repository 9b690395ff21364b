import { expect, test } from 'vitest';
import { LabError } from '../core/errors.ts';
import { seededRandom } from '../core/seeded-random.ts';
import type { BenchState } from './bench-schema.ts';
import { syncBench } from './bench-sync.ts';
import type { CallName, CallOutput } from './calls.ts';
import type { Client } from './client.ts';
import type { StateEvent } from './events.ts';

const START = { revision: 5, bench: { name: 'A', path: null, savedNs: null, error: null }, channels: [] };

/** A wire whose answers are given by hand. */
function openWire() {
  const answers: { resolve: (bench: BenchState) => void; reject: (error: LabError) => void }[] = [];
  let listener: ((change: StateEvent) => void) | undefined;
  const client: Pick<Client, 'call' | 'onState'> = {
    call: <N extends CallName>() =>
      new Promise<CallOutput<N>>((resolve, reject) => {
        answers.push({ resolve: resolve as never, reject });
      }),
    onState: (next) => {
      listener = next;
      return () => {
        listener = undefined;
      };
    },
  };
  return {
    client,
    answers,
    get isHeard() {
      return listener !== undefined;
    },
    rename: (revision: number, name: string) =>
      listener?.({ event: 'bench.changed', revision, data: { bench: { ...START.bench, name } } }),
    replace: (revision: number) => listener?.({ event: 'bench.replaced', revision, data: {} }),
  };
}

const benchAt = (revision: number, name: string): BenchState =>
  ({ ...START, revision, bench: { ...START.bench, name } }) as unknown as BenchState;
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
};

test('events that come before the answer are applied onto it, older ones are not', async () => {
  const wire = openWire();
  const seen: string[] = [];
  syncBench(
    wire.client,
    (bench) => seen.push(`${bench.revision} ${bench.bench.name}`),
    () => {},
  );
  wire.rename(5, 'old');
  wire.rename(6, 'new');
  wire.answers[0]?.resolve(benchAt(5, 'A'));
  await turns();
  expect(seen).toEqual(['5 A', '6 new']);
});

test('a hole is read again once; what came meanwhile is not lost', async () => {
  const wire = openWire();
  const seen: string[] = [];
  syncBench(
    wire.client,
    (bench) => seen.push(`${bench.revision} ${bench.bench.name}`),
    () => {},
  );
  wire.answers[0]?.resolve(benchAt(5, 'A'));
  await turns();
  wire.rename(7, 'C');
  wire.rename(8, 'D');
  expect(wire.answers).toHaveLength(2);
  wire.answers[1]?.resolve(benchAt(7, 'C'));
  await turns();
  expect(seen).toEqual(['5 A', '7 C', '8 D']);
  expect(wire.answers).toHaveLength(2);
});

test('another bench is read', async () => {
  const wire = openWire();
  const seen: string[] = [];
  syncBench(
    wire.client,
    (bench) => seen.push(bench.bench.name),
    () => {},
  );
  wire.answers[0]?.resolve(benchAt(5, 'A'));
  await turns();
  wire.replace(6);
  wire.answers[1]?.resolve(benchAt(6, 'B'));
  await turns();
  expect(seen).toEqual(['A', 'B']);
});

test('a failed read is told, a stopped sync tells nothing and listens to nothing', async () => {
  const wire = openWire();
  const codes: string[] = [];
  const stop = syncBench(
    wire.client,
    () => codes.push('bench'),
    (error) => codes.push(error.code),
  );
  wire.answers[0]?.reject(new LabError('link.closed', 'gone'));
  await turns();
  expect(codes).toEqual(['link.closed']);
  stop();
  expect(wire.isHeard).toBe(false);
});

test('any order of events and answers ends at the newest state', async () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = seededRandom(seed);
    const wire = openWire();
    let shown: BenchState | undefined;
    syncBench(
      wire.client,
      (bench) => {
        shown = bench;
      },
      () => {},
    );
    let revision = 5;
    let answered = 0;
    for (let step = 0; step < 60; step++) {
      const roll = random.below(10);
      if (roll < 5) wire.rename(++revision, `r${revision}`);
      else if (roll === 5) revision++;
      else if (roll === 6) wire.replace(++revision);
      else if (answered < wire.answers.length) wire.answers[answered++]?.resolve(benchAt(revision, `r${revision}`));
      await turns();
    }
    wire.rename(++revision, `r${revision}`);
    while (answered < wire.answers.length) {
      wire.answers[answered++]?.resolve(benchAt(revision, `r${revision}`));
      await turns();
    }
    expect(shown?.revision, `seed ${seed}`).toBe(revision);
    expect(shown?.bench.name).toBe(`r${revision}`);
  }
});
