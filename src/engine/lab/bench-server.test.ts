import { describe, expect, test } from 'vitest';
import { serverState } from '../../contract/server-schema.ts';
import { ManualClock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { canonicalResource } from '../../core/resource.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import type { LabServerEvent } from '../../lab/lab-server.ts';
import { BenchServer } from './bench-server.ts';

const TOKEN = 'eyJhbGciOi.JIUzI1NiJ9.abcdefgh';

function benchServer(limits?: { lines: number; alarms: number }): BenchServer {
  const saved = {
    id: 'one',
    url: 'http://lab:8000',
    label: 'lab:8000',
    dialect: null,
    user: '',
    webSocket: true,
  };
  return new BenchServer(
    saved,
    {
      clock: new ManualClock(),
      kept: 'memory',
      attachedAt: () => null,
      resourceOf: (equipment) => canonicalResource(`LAB::lab:8000::${encodeURIComponent(equipment)}::INSTR`),
    },
    limits,
  );
}

function note(text: string): LabServerEvent {
  return { kind: 'note', topic: 'health', severity: 'warning', text, data: {} };
}

type Alarm = Extract<LabServerEvent, { kind: 'alarm' }>;

function alarm(id: string, state: Alarm['state'] = 'active', text = `Alarm ${id}`): Alarm {
  return { kind: 'alarm', id, state, severity: 'error', equipment: 'psu', text, atNs: 1n };
}

describe('what a server said', () => {
  test('only so many lines are kept, the newest last', () => {
    const server = benchServer({ lines: 3, alarms: 3 });
    for (let index = 0; index < 10_000; index++) server.take(note(`line ${index}`));
    expect(server.state.log.map(({ text }) => text)).toEqual(['line 9997', 'line 9998', 'line 9999']);
  });

  test('the same again counts up, also when two things alternate', () => {
    const server = benchServer();
    for (let index = 0; index < 50; index++) {
      server.take({ kind: 'error', error: new LabError('server.timeout', 'No answer.') });
      server.take(note('Temperature is high.'));
    }
    expect(server.state.log.map(({ text, count }) => ({ text, count }))).toEqual([
      { text: 'No answer.', count: 50 },
      { text: 'Temperature is high.', count: 50 },
    ]);
  });

  test('what was said long before stands there again as a line of its own', () => {
    const server = benchServer();
    server.take(note('Gone.'));
    for (let index = 0; index < 20; index++) server.take(note(`other ${index}`));
    server.take(note('Gone.'));
    expect(server.state.log.filter(({ text }) => text === 'Gone.').map(({ count }) => count)).toEqual([1, 1]);
  });

  test('it is one bounded line, whatever is in it', () => {
    const server = benchServer();
    server.take(note(`first\r\nsecond\u0000\u001b[31m\u202e third ${'x'.repeat(1_000_000)}`));
    const [line] = server.state.log;
    expect(line?.text).toMatch(/^first second \[31m third x+…$/);
    expect(line?.text.length).toBe(500);
  });
});

describe('secrets', () => {
  test.each([
    ['an address', `GET http://lab:8000/ws?token=${TOKEN}&a=1 failed`],
    ['JSON', `{"access_token":"${TOKEN}","user":"ana"}`],
    ['a header', `Authorization: Bearer ${TOKEN}`],
    ['a password', `login password=${TOKEN} refused`],
  ])('%s is masked', (_where, text) => {
    const server = benchServer();
    server.take(note(text));
    server.take(alarm('a', 'active', text));
    server.take({ kind: 'error', error: new LabError('server.rejected', text) });
    expect(JSON.stringify(server.state)).not.toContain(TOKEN);
  });

  test('its own token is nowhere, however it is wrapped', () => {
    const server = benchServer();
    server.secret = TOKEN;
    server.take(note(`I got ${TOKEN} from you`));
    expect(JSON.stringify(server.state)).not.toContain(TOKEN);
  });

  test('words about passwords stay readable', () => {
    const server = benchServer();
    server.take(note('Invalid username or password. 4 attempts remaining.'));
    expect(server.state.log[0]?.text).toBe('Invalid username or password. 4 attempts remaining.');
  });
});

describe('alarms', () => {
  test('news is what was not known, or is in another state', () => {
    const server = benchServer();
    expect(server.take(alarm('a'))).toBe(true);
    expect(server.take(alarm('a'))).toBe(false);
    expect(server.take(alarm('a', 'acknowledged'))).toBe(true);
    expect(server.state.alarms).toHaveLength(1);
  });

  test('500 of them are 200, and what is over goes first', () => {
    const server = benchServer();
    server.take(alarm('kept'));
    for (let index = 0; index < 499; index++) server.take(alarm(`a${index}`, 'cleared'));
    const { alarms } = server.state;
    expect(alarms).toHaveLength(200);
    expect(alarms.some(({ id }) => id === 'kept')).toBe(true);
    expect(alarms.at(-1)?.id).toBe('a498');
  });
});

test('a login lost or a code missing is seen', () => {
  const server = benchServer();
  server.take({ kind: 'error', error: new LabError('server.unauthorized', 'Log in.') });
  expect(server.state.login.state).toBe('needed');
  server.take({ kind: 'error', error: new LabError('server.mfa-required', 'Code.') });
  expect(server.state.login.state).toBe('mfa');
});

test('one that could not be opened says why to whoever wants something of it', () => {
  const server = benchServer();
  expect(() => server.open).toThrow('is not connected yet');
  server.failed(new LabError('server.unreachable', 'Nothing there.'));
  expect(() => server.open).toThrow('Nothing there.');
  expect(server.state.link).toMatchObject({ word: 'failed', reason: 'Nothing there.' });
});

test('whatever events come, what screens get is of the contract', () => {
  const random = seededRandom(7);
  const pick = <T>(of: readonly T[]): T => of[random.below(of.length)] as T;
  const texts = ['', ' ', '\u0000', '\ud800', 'x'.repeat(5000), 'token=abc', '{"password":1}', 'ok'];
  const server = benchServer();
  for (let round = 0; round < 2000; round++) {
    const text = pick(texts);
    const kind = pick(['alarm', 'note', 'loss', 'error', 'lock'] as const);
    if (kind === 'alarm') server.take(alarm(text, pick(['active', 'acknowledged', 'cleared'] as const), pick(texts)));
    else if (kind === 'note') server.take(note(text));
    else if (kind === 'loss') server.take({ kind, stream: text, lost: 3, reason: text, isUnaccounted: true });
    else if (kind === 'error') server.take({ kind, error: new LabError('server.malformed', text) });
    else server.take({ kind, lock: { equipment: text, owner: text, isOurs: false, expiresInS: Number.NaN } });
  }
  serverState.parse(JSON.parse(JSON.stringify(server.state)));
});
