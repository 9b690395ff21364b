import { describe, expect, test } from 'vitest';
import { LabError } from '../../core/errors.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import type { AfterEnd } from '../link-protocol.ts';
import type { LinkEvent, LinkMachine } from './link-machine.ts';
import { hasSocket, IDLE_LINK } from './link-machine.ts';
import { backOffMs, LINK_RULES } from './link-rules.ts';
import { linkHealth, linkSnapshot, linkWord } from './link-view.ts';
import { stepLink } from './step-link.ts';

const RULES = { ...LINK_RULES };

/** A machine with a time of its own. */
class Machine {
  state: LinkMachine = IDLE_LINK;
  nowMs = 0;
  random = 0.5;
  rules = RULES;

  step(event: DistributiveLoose<LinkEvent>): this {
    const isOfSocket = ['opened', 'ready', 'data', 'announced', 'ended', 'lost', 'fatal', 'superseded'].includes(
      event.kind,
    );
    const whole = (isOfSocket ? { connection: this.state.connection, ...event } : event) as LinkEvent;
    this.state = stepLink(this.state, whole, this.rules, { nowMs: this.nowMs, random: this.random });
    return this;
  }

  /** Waits for the timer and lets it fire. */
  due(timer: 'exit' | 'steady' | 'renew' = 'exit'): this {
    this.nowMs = this.state.dueMs[timer] ?? this.nowMs;
    return this.step({ kind: 'due', timer });
  }

  ready(): this {
    return this.step({ kind: 'opened' }).step({ kind: 'ready' });
  }

  get word(): string {
    return linkWord(this.state, this.rules);
  }
}

type DistributiveLoose<E> = E extends { connection: number } ? Omit<E, 'connection'> & { connection?: number } : E;

/** Phases nobody has to end: time does. */
const TRANSIENT = ['connecting', 'handshaking', 'waiting', 'refreshing'];
const RETRY: AfterEnd = { kind: 'retry', reason: 'gone' };
const started = (): Machine => new Machine().step({ kind: 'reconnect' });

describe('waits', () => {
  test('109 the wait grows 1, 2, 4, 8, 16, 30, 30 s, each ± 20 %', () => {
    const middle = [1, 2, 3, 4, 5, 6, 7].map((attempt) => backOffMs(attempt, undefined, 0.5, RULES) / 1000);
    expect(middle).toEqual([1, 2, 4, 8, 16, 30, 30]);
    expect(backOffMs(3, undefined, 0, RULES)).toBeCloseTo(3200);
    expect(backOffMs(3, undefined, 1, RULES)).toBeCloseTo(4800);
    const machine = started();
    const waits: number[] = [];
    for (let n = 0; n < 7; n++) {
      const before = machine.nowMs;
      machine.step({ kind: 'ended', after: RETRY });
      waits.push((machine.state.dueMs.exit ?? 0) - before);
      machine.due();
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16000, 30000, 30000]);
  });

  test('117 what the server asks for is kept: at least retry_after, at most a fifth more', () => {
    expect(backOffMs(1, 5, 0, RULES)).toBe(5000);
    expect(backOffMs(1, 5, 1, RULES)).toBe(6000);
    // The back-off is longer: it holds.
    expect(backOffMs(5, 5, 0, RULES)).toBe(16000);
    const machine = started().ready().step({ kind: 'announced', retryAfterS: 5, reason: 'Maintenance' });
    machine.random = 0;
    // 001 then drops without a close frame.
    machine.step({ kind: 'ended', after: { kind: 'retry' } });
    expect(machine.state.dueMs.exit).toBe(5000);
    expect(machine.state.reason).toBe('Maintenance');
    machine.nowMs = 4999;
    expect(machine.step({ kind: 'listening' }).state.phase).toBe('waiting');
    machine.nowMs = 5000;
    expect(machine.step({ kind: 'listening' }).state.phase).toBe('connecting');
  });

  test('110 after ten tries it is suspended, goes on each 30 s, and still recovers', () => {
    const machine = started();
    for (let n = 1; n <= 10; n++) {
      machine.step({ kind: 'ended', after: RETRY });
      expect(machine.word).toBe('reconnecting');
      expect(linkSnapshot(machine.state, machine.rules, 0)).toMatchObject({ attempt: n, maxAttempts: 10 });
      machine.due();
      expect(machine.word).toBe('reconnecting');
    }
    machine.step({ kind: 'ended', after: RETRY });
    expect(machine.word).toBe('suspended');
    for (let n = 0; n < 50; n++) {
      const before = machine.nowMs;
      expect((machine.state.dueMs.exit ?? 0) - before).toBe(30_000);
      machine.due().step({ kind: 'ended', after: RETRY });
      expect(machine.word).toBe('suspended');
    }
    machine.due().ready();
    expect(machine.word).toBe('connected');
  });

  test('the tries are forgotten after ten steady seconds with rows, not before', () => {
    const failedTwice = (): Machine => {
      const machine = started().step({ kind: 'ended', after: RETRY }).due().step({ kind: 'ended', after: RETRY }).due();
      return machine.step({ kind: 'streams', summary: { streams: 1, polled: 0, silent: 0, pollS: 0 } }).ready();
    };
    expect(failedTwice().step({ kind: 'data' }).step({ kind: 'ended', after: RETRY }).state.attempt).toBe(3);
    expect(failedTwice().due('steady').step({ kind: 'ended', after: RETRY }).state.attempt).toBe(3);
    expect(failedTwice().step({ kind: 'data' }).due('steady').step({ kind: 'ended', after: RETRY }).state.attempt).toBe(
      1,
    );
    expect(failedTwice().due('steady').step({ kind: 'data' }).step({ kind: 'ended', after: RETRY }).state.attempt).toBe(
      1,
    );
    // Nothing is wanted, so no row can come.
    const idle = failedTwice().step({ kind: 'streams', summary: { streams: 0, polled: 0, silent: 0, pollS: 0 } });
    expect(idle.due('steady').step({ kind: 'ended', after: RETRY }).state.attempt).toBe(1);
  });

  test('a wake ends any wait at once; a listening port does, too', () => {
    const waiting = (): Machine => started().step({ kind: 'ended', after: RETRY });
    expect(waiting().step({ kind: 'wake' }).state.phase).toBe('connecting');
    expect(waiting().step({ kind: 'listening' }).state).toMatchObject({ phase: 'connecting', attempt: 1 });
    const suspended = started();
    for (let n = 0; n < 12; n++) suspended.step({ kind: 'ended', after: RETRY }).due();
    suspended.step({ kind: 'ended', after: RETRY });
    expect(suspended.step({ kind: 'wake' }).state.phase).toBe('connecting');
    for (const quiet of [started().ready(), started().step({ kind: 'disconnect', reason: '' })])
      expect(quiet.step({ kind: 'wake' }).state).toBe(quiet.state);
  });
});

describe('ends', () => {
  test('a refusal of the login asks for a new token once, then it has failed', () => {
    const machine = started().step({ kind: 'ended', after: { kind: 'refresh', reason: 'HTTP 403' } });
    expect(machine.state.phase).toBe('refreshing');
    machine.step({ kind: 'refreshed' });
    expect(machine.state.phase).toBe('connecting');
    machine.step({ kind: 'ended', after: { kind: 'refresh', reason: 'HTTP 403' } });
    expect(machine.state.phase).toBe('failed');
    expect(machine.state.error?.code).toBe('server.unauthorized');
    expect(machine.step({ kind: 'reconnect' }).state).toMatchObject({ phase: 'connecting', error: undefined });
  });

  test('a server that takes each new token and ends the connection at once is not asked for ever', () => {
    const machine = started()
      .ready()
      .step({ kind: 'ended', after: { kind: 'refresh' } })
      .step({ kind: 'refreshed' });
    machine.ready().step({ kind: 'ended', after: { kind: 'refresh' } });
    expect(machine.state.phase).toBe('failed');
    // A token that held ten seconds was good: an hour later it may be renewed.
    const later = started()
      .ready()
      .step({ kind: 'ended', after: { kind: 'refresh' } })
      .step({ kind: 'refreshed' });
    later
      .ready()
      .due('steady')
      .step({ kind: 'ended', after: { kind: 'refresh' } });
    expect(later.state.phase).toBe('refreshing');
  });

  test('a login that ended is final, a server that cannot be asked is tried again', () => {
    const refreshing = (): Machine => started().step({ kind: 'ended', after: { kind: 'refresh' } });
    const over = new LabError('server.unauthorized', 'The login ended.');
    expect(refreshing().step({ kind: 'refresh-failed', error: over }).state).toMatchObject({
      phase: 'failed',
      error: over,
    });
    const away = new LabError('server.unreachable', 'Away.');
    expect(refreshing().step({ kind: 'refresh-failed', error: away }).state.phase).toBe('waiting');
    expect(refreshing().due().state).toMatchObject({ phase: 'waiting', attempt: 1 });
  });

  test('the next path is tried at once and is no try; a ring of paths is', () => {
    const machine = started().step({ kind: 'ended', after: { kind: 'next-path' } });
    expect(machine.state).toMatchObject({ phase: 'connecting', attempt: 0, connection: 2 });
    for (let n = 0; n < RULES.maxPaths; n++) machine.step({ kind: 'ended', after: { kind: 'next-path' } });
    expect(machine.state).toMatchObject({ phase: 'waiting', attempt: 1 });
  });

  test('put out by another window it stays out until the person acts', () => {
    const machine = started().ready().step({ kind: 'superseded', reason: 'Another window took over.' });
    expect(machine.state).toMatchObject({ phase: 'disconnected', dueMs: {} });
    expect(machine.step({ kind: 'reconnect' }).state.phase).toBe('connecting');
  });

  test('a socket that does not open, or opens and says nothing, is a failed try', () => {
    expect(started().due().state).toMatchObject({ phase: 'waiting', attempt: 1, parting: { how: 'cut' } });
    const mute = started().step({ kind: 'opened' });
    expect(mute.state.phase).toBe('handshaking');
    expect(mute.due().state).toMatchObject({ phase: 'waiting', parting: { how: 'close', code: 4408 } });
  });

  test('without a greeting in the protocol, open is ready', () => {
    const machine = new Machine();
    machine.rules = { ...RULES, handshakeMs: 0 };
    expect(machine.step({ kind: 'reconnect' }).step({ kind: 'opened' }).state.phase).toBe('ready');
  });

  test('121 without autoReconnect an end is an end', () => {
    const machine = new Machine();
    machine.rules = { ...RULES, autoReconnect: false };
    machine.step({ kind: 'reconnect' }).ready().step({ kind: 'ended', after: RETRY });
    expect(machine.state).toMatchObject({ phase: 'disconnected', reason: 'gone', dueMs: {} });
  });

  test('wishes for a new connection are one, and not within five seconds of its beginning', () => {
    const young = started().ready().step({ kind: 'renew', reason: 'silent' });
    expect(young.state.phase).toBe('ready');
    const wish = young.state;
    expect(young.step({ kind: 'renew', reason: 'silent, too' }).state).toBe(wish);
    expect(young.due('renew').state).toMatchObject({ phase: 'connecting', connection: 2 });
    const old = started().ready();
    old.nowMs = RULES.renewAfterMs;
    expect(old.step({ kind: 'renew', reason: 'silent' }).state.phase).toBe('connecting');
  });
});

describe('by the person', () => {
  const states: [string, () => Machine][] = [
    ['idle', () => new Machine()],
    ['connecting', started],
    ['handshaking', () => started().step({ kind: 'opened' })],
    ['ready', () => started().ready()],
    ['waiting', () => started().step({ kind: 'ended', after: RETRY })],
    ['refreshing', () => started().step({ kind: 'ended', after: { kind: 'refresh' } })],
    ['off', () => started().step({ kind: 'socket', on: false })],
    ['disconnected', () => started().step({ kind: 'disconnect', reason: '' })],
    ['failed', () => started().step({ kind: 'fatal', error: new LabError('server.unsupported', 'No.') })],
  ];

  test.each(states)('112 from %s: disconnect, reconnect, socket off and on', (phase, make) => {
    expect(make().state.phase).toBe(phase);
    const disconnected = make().step({ kind: 'disconnect', reason: 'by hand' });
    expect(disconnected.state).toMatchObject({ phase: 'disconnected', dueMs: {} });
    expect(disconnected.step({ kind: 'wake' }).step({ kind: 'listening' }).state.phase).toBe('disconnected');
    expect(disconnected.step({ kind: 'reconnect' }).state.phase).toBe(phase === 'off' ? 'off' : 'connecting');
    const again = make().step({ kind: 'reconnect' });
    expect(again.state).toMatchObject(phase === 'off' ? { phase: 'off' } : { phase: 'connecting', attempt: 0 });
    const off = make().step({ kind: 'socket', on: false });
    expect(off.state.phase).toBe(phase === 'idle' || phase === 'disconnected' ? phase : 'off');
    expect(off.step({ kind: 'reconnect' }).state.phase).toBe('off');
    expect(off.step({ kind: 'socket', on: true }).state.phase).toBe('connecting');
  });

  test('events of a socket that was left change nothing', () => {
    const machine = started().ready().step({ kind: 'reconnect' });
    const { state } = machine;
    for (const kind of ['opened', 'ready', 'data'] as const) machine.step({ kind, connection: 1 });
    machine.step({ kind: 'ended', connection: 1, after: RETRY }).step({ kind: 'lost', connection: 1, reason: '' });
    expect(machine.state).toBe(state);
  });
});

test('degraded says so while rows are polled, whatever the socket does; silent streams are not connected', () => {
  const polled = { kind: 'streams', summary: { streams: 4, polled: 1, silent: 0, pollS: 1 } } as const;
  expect(started().ready().step(polled).word).toBe('degraded');
  expect(started().step({ kind: 'ended', after: RETRY }).step(polled).word).toBe('degraded');
  expect(
    started()
      .ready()
      .step({ ...polled, summary: { ...polled.summary, polled: 0, silent: 1 } }).word,
  ).toBe('degraded');
  expect(
    started()
      .ready()
      .step({ ...polled, summary: { ...polled.summary, polled: 0 } }).word,
  ).toBe('connected');
  const view = linkSnapshot(started().ready().step(polled).state, RULES, 0);
  expect(view).toMatchObject({
    streams: 4,
    polled: 1,
    pollS: 1,
    reason: '1 of 4 streams give nothing live; they are polled.',
  });
});

test('two failed tries are down, one is not', () => {
  const machine = started().ready().step({ kind: 'ended', after: RETRY });
  expect(linkHealth(machine.state)).toBe('trying');
  machine.due().step({ kind: 'ended', after: RETRY });
  expect(linkHealth(machine.state)).toBe('trying');
  machine.due().step({ kind: 'ended', after: RETRY });
  expect(linkHealth(machine.state)).toBe('down');
  expect(linkHealth(machine.due().state)).toBe('down');
  expect(linkHealth(machine.ready().state)).toBe('live');
});

test('112 a hundred thousand random events: every state has an exit, timers and words fit, counts are bounded', () => {
  const random = seededRandom(112);
  const machine = started();
  const faults: string[] = [];
  const error = (): LabError => new LabError(random.below(2) ? 'server.unauthorized' : 'server.unreachable', 'x');
  const after = (): AfterEnd =>
    (
      [
        { kind: 'retry' },
        { kind: 'retry', retryAfterS: random.below(40) },
        { kind: 'refresh' },
        { kind: 'next-path' },
        { kind: 'superseded', reason: 'x' },
        { kind: 'fatal', error: error() },
      ] as const
    )[random.below(random.below(4) ? 2 : 6)] ?? { kind: 'retry' };
  const stale = (): number => machine.state.connection - (random.below(10) ? 0 : 1);
  const seen = new Map<string, number>();
  for (let n = 0; n < 100_000; n++) {
    machine.random = random.next();
    const events: (() => DistributiveLoose<LinkEvent>)[] = [
      () => ({ kind: 'opened', connection: stale() }),
      () => ({ kind: 'ready', connection: stale() }),
      () => ({ kind: 'data', connection: stale() }),
      () => ({ kind: 'announced', connection: stale(), retryAfterS: random.below(10), reason: 'r' }),
      () => ({ kind: 'ended', connection: stale(), after: after() }),
      () => ({ kind: 'lost', connection: stale(), reason: 'l' }),
      () => ({ kind: 'due', timer: (['exit', 'steady', 'renew'] as const)[random.below(3)] ?? 'exit' }),
      () => ({ kind: 'listening' }),
      () => ({ kind: 'wake' }),
      () => ({ kind: 'refreshed' }),
      () => ({ kind: 'refresh-failed', error: error() }),
      () => ({ kind: 'renew', reason: 'r' }),
      () => ({ kind: 'streams', summary: { streams: 3, polled: random.below(3), silent: random.below(2), pollS: 1 } }),
      () => ({ kind: 'fatal', connection: stale(), error: error() }),
      () => ({ kind: 'superseded', connection: stale(), reason: 's' }),
      () => ({ kind: 'reconnect' }),
      () => ({ kind: 'disconnect', reason: 'd' }),
      () => ({ kind: 'socket', on: random.below(3) > 0 }),
    ];
    const before = machine.state;
    // What people do is rarer than what the world does.
    const event = events[random.below(random.below(8) ? 13 : events.length)];
    if (!event) continue;
    machine.nowMs += random.below(3) ? random.below(3000) : 0;
    machine.step(event());
    const { state } = machine;
    seen.set(state.phase, (seen.get(state.phase) ?? 0) + 1);
    const timers = Object.keys(state.dueMs).filter((key) => state.dueMs[key as 'exit'] !== undefined);
    const fits: Record<string, string[]> = {
      connecting: ['exit'],
      handshaking: ['exit'],
      waiting: ['exit'],
      refreshing: ['exit'],
      ready: ['steady', 'renew'],
    };
    const check = (fault: string, isRight: boolean): void => {
      if (!isRight) faults.push(`${n} ${fault}: ${JSON.stringify(state)}`);
    };
    check(
      'timers of another phase',
      timers.every((timer) => fits[state.phase]?.includes(timer)),
    );
    // A phase that is not ended by a person or by its socket has a timer out of it.
    check('no exit', !TRANSIENT.includes(state.phase) || timers.join() === 'exit');
    check('failed without an error', state.phase !== 'failed' || state.error !== undefined);
    check('a socket from nowhere', state.connection === before.connection || state.phase === 'connecting');
    check('a socket nobody wants', !hasSocket(state) || state.wantsSocket);
    check('paths without end', state.paths <= RULES.maxPaths);
    check('too long a wait', (state.dueMs.exit ?? 0) - machine.nowMs <= 48_000);
    // From anywhere, letting time pass alone leads to rest or to another try within 48 s.
    if (n % 100 === 0 && TRANSIENT.includes(state.phase)) {
      const ahead = new Machine();
      ahead.state = state;
      ahead.nowMs = machine.nowMs;
      ahead.due();
      check('time alone does not lead on', ahead.state.phase !== state.phase);
    }
  }
  expect(faults).toEqual([]);
  expect([...seen.keys()].sort()).toEqual(
    ['connecting', 'disconnected', 'failed', 'handshaking', 'off', 'ready', 'refreshing', 'waiting'].sort(),
  );
  for (const count of seen.values()) expect(count).toBeGreaterThan(100);
});
