import { expect, test } from 'vitest';
import { ManualClock } from '../../core/clock.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import type { SocketKind } from './socket-protocol.ts';
import { SocketTrust } from './socket-trust.ts';
import { StreamStarter } from './stream-starter.ts';

interface Sent {
  type: 'start' | 'stop';
  key: string;
  intervalMs: number;
}

/** As `expect`, a hundred times as fast. */
function must(is: boolean, what: string): void {
  if (!is) throw new Error(what);
}

/** A starter whose messages are kept, and what runs at the server by them. */
function createModel(isSuspect: boolean) {
  const clock = new ManualClock();
  const trusts = { basic: new SocketTrust(), enhanced: new SocketTrust() };
  const sent: Sent[] = [];
  /** Tasks at the server: how many by key. */
  const running = new Map<string, number>();
  const state = { kind: undefined as SocketKind | undefined, renewals: 0, trials: 0 };
  const starter = new StreamStarter({
    clock,
    send(text) {
      if (state.kind === undefined) return false;
      const message = JSON.parse(text) as Sent;
      sent.push(message);
      const count = running.get(message.key) ?? 0;
      // The basic socket replaces a task, the enhanced one adds another.
      if (message.type === 'stop') running.set(message.key, Math.max(0, count - 1));
      else running.set(message.key, state.kind === 'basic' ? 1 : count + 1);
      return true;
    },
    renew: () => void state.renewals++,
    trust: () => trusts[state.kind ?? 'basic'],
    isSuspect: () => isSuspect && state.kind === 'basic',
    wantTrial: () => void state.trials++,
    trustChanged: () => undefined,
    answers: () => true,
  });
  const describe = (key: string, isDated: boolean) =>
    starter.describe(key, {
      isDated,
      isProof: isDated,
      start: (intervalMs) => JSON.stringify({ type: 'start', key, intervalMs }),
      stop: () => JSON.stringify({ type: 'stop', key, intervalMs: 0 }),
    });
  const connect = (kind: SocketKind) => {
    state.kind = kind;
    running.clear();
    starter.connected(kind, kind === 'enhanced' ? 100 : undefined, {});
  };
  const end = () => {
    state.kind = undefined;
    starter.ended();
  };
  return { clock, trusts, sent, running, state, starter, describe, connect, end };
}

test('on a suspect server nothing with dates is started until a date was seen, and then all that waits', () => {
  const { starter, sent, describe, connect, state } = createModel(true);
  describe('a', true);
  describe('m', false);
  connect('basic');
  starter.want('a', 100);
  starter.want('m', 100);
  expect(sent.map(({ key }) => key)).toEqual(['m']);
  expect(state.trials).toBe(1);
  starter.delivered('somebody else', true);
  expect(sent.map(({ key }) => key)).toEqual(['m', 'a']);
});

test('a stream that never delivered is stopped, never started again, and the connection made anew', () => {
  const { starter, sent, describe, connect, state, end } = createModel(false);
  describe('a', true);
  connect('basic');
  starter.want('a', 100);
  starter.silent('a', 'why');
  expect(sent.map(({ type }) => type)).toEqual(['start', 'stop']);
  expect(state.renewals).toBe(1);
  end();
  describe('a', true);
  connect('basic');
  starter.want('a', 100);
  expect(sent).toHaveLength(2);
  expect(starter.mayStart('a')).toBe(false);
});

test('a stream that delivered and went silent is asked for once, then the connection is made anew', async () => {
  const { starter, sent, describe, connect, state, clock } = createModel(false);
  describe('m', false);
  connect('basic');
  starter.want('m', 100);
  starter.delivered('m', false);
  await clock.advance(3000);
  starter.silent('m', 'why');
  starter.silent('m', 'why');
  expect(sent.map(({ type }) => type)).toEqual(['start', 'start']);
  await clock.advance(1999);
  expect(state.renewals).toBe(0);
  await clock.advance(1);
  expect(state.renewals).toBe(1);
});

test('a stream that went silent alone costs nobody else the connection', async () => {
  const { starter, describe, connect, state, clock } = createModel(false);
  for (const key of ['m', 'n']) describe(key, false);
  connect('basic');
  for (const key of ['m', 'n']) starter.want(key, 100);
  for (const key of ['m', 'n']) starter.delivered(key, false);
  await clock.advance(3000);
  starter.silent('m', 'why');
  await clock.advance(1000);
  starter.delivered('n', false);
  await clock.advance(10_000);
  expect(state.renewals).toBe(0);
});

test('what comes just after our own stop is not taken for the stream of somebody else', () => {
  const { starter, sent, describe, connect } = createModel(false);
  connect('basic');
  describe('m', false);
  starter.want('m', 100);
  starter.unwant('m');
  starter.delivered('m', false);
  describe('m', false);
  starter.want('m', 100);
  starter.unwant('m');
  expect(sent.map(({ type }) => type)).toEqual(['start', 'stop', 'start', 'stop']);
});

test.each([1, 2, 3, 4])('a hundred thousand events, seed %i: no rule is ever broken', async (seed) => {
  const random = seededRandom(seed);
  const isSuspect = seed % 2 === 0;
  const model = createModel(isSuspect);
  const { starter, clock, sent, running, state, trusts } = model;
  const keys = Array.from({ length: 12 }, (_, index) => `s${index}`);
  const isDated = (key: string) => Number(key.slice(1)) % 3 !== 0;
  const wanted = new Map<string, number>();
  let trial = '';
  for (let event = 0; event < 25_000; event++) {
    const key = keys[random.below(keys.length)] ?? 's0';
    const before = sent.length;
    const trust = trusts[state.kind ?? 'basic'].state;
    switch (random.below(10)) {
      case 0:
        if (state.kind === undefined) {
          model.connect(random.next() < 0.5 ? 'basic' : 'enhanced');
          for (const [name, ms] of wanted) starter.want(name, ms);
        } else if (random.next() < 0.2) model.end();
        break;
      case 1:
      case 2:
      case 3: {
        const ms = [0, 5, 10, 50, 100, 5000, 1e9][random.below(7)] ?? 100;
        if (!wanted.has(key)) model.describe(key, isDated(key));
        wanted.set(key, ms);
        if (state.kind !== undefined) starter.want(key, ms);
        break;
      }
      case 4:
        if (wanted.delete(key)) starter.unwant(key);
        break;
      case 5:
        starter.delivered(key, isDated(key) && random.next() < 0.3);
        break;
      case 6:
        if (starter.started.includes(key)) starter.silent(key, 'silent');
        break;
      case 7:
        trial = state.kind === 'basic' && isSuspect && trust === 'unknown' ? (starter.waiting ?? '') : '';
        if (trial !== '') starter.trial(trial);
        break;
      case 8:
        starter.retrySilent();
        starter.resume();
        break;
      default:
        await clock.advance(random.below(20_000));
    }
    if (random.below(2000) === 0) for (const each of Object.values(trusts)) each.reset();
    check(before, trust, event);
    trial = '';
  }
  expect(sent.length).toBeGreaterThan(1000);
  model.end();
  await clock.advance(100_000);
  expect(clock.pending).toBe(0);

  function check(before: number, trust: string, event: number): void {
    const fresh = sent.slice(before);
    for (const { type, key, intervalMs } of fresh) {
      if (type === 'stop') continue;
      must(intervalMs >= 10 && intervalMs <= 10_000, `interval ${intervalMs} at ${event}`);
      const known = trusts[state.kind ?? 'basic'].state;
      const isAllowed = !isDated(key) || key === trial || known === 'works' || trust !== 'kills';
      must(isAllowed, `${key} started at ${event} though it kills`);
      const isTried = !isSuspect || state.kind !== 'basic' || known === 'works' || trust === 'works' || key === trial;
      must(!isDated(key) || isTried, `${key} started untried at ${event}`);
    }
    for (const [key, count] of running) {
      must(count <= 1, `${key} runs ${count} times at ${event}`);
      if (state.kind === 'enhanced' && !starter.started.includes(key)) must(count === 0, `${key} runs on at ${event}`);
    }
  }
});
