import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { seededRandom } from '../core/seeded-random.ts';
import { EngineProcess } from './engine-process.ts';

class Child extends EventEmitter {
  static all: Child[] = [];
  sent: { kind: string }[] = [];
  isRunning = true;
  pid = Child.all.push(this);

  postMessage(message: { kind: string }): void {
    this.sent.push(message);
  }

  kill(): boolean {
    this.end(1);
    return true;
  }

  end(code: number): void {
    if (!this.isRunning) return;
    this.isRunning = false;
    this.emit('exit', code);
  }
}

// Outside Electron the package named electron downloads its binary when it is loaded.
vi.mock('electron', () => ({
  utilityProcess: { fork: () => new Child() },
  MessageChannelMain: class {
    port1 = {};
    port2 = {};
  },
}));

class Page extends EventEmitter {
  told: unknown[] = [];
  ports = 0;
  isDestroyed = (): boolean => false;

  send(_channel: string, value: unknown): void {
    this.told.push(value);
  }

  postMessage(): void {
    this.ports++;
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  Child.all = [];
});
afterEach(() => {
  vi.useRealTimers();
});

const running = (): Child[] => Child.all.filter((child) => child.isRunning);
const newest = (): Child => Child.all.at(-1)!;

function create(): { engine: EngineProcess; deaths: (number | null)[]; page: Page; connect(): void } {
  const deaths: (number | null)[] = [];
  const listener = { message: () => undefined, died: (_code: number, retryMs: number | null) => deaths.push(retryMs) };
  const engine = new EngineProcess({ entry: 'engine-entry.js', args: [], listener });
  const page = new Page();
  return { engine, deaths, page, connect: () => engine.connect(page as never) };
}

test('a page that asks while there is no engine gets its port when there is one', () => {
  const { engine, page, connect } = create();
  connect();
  connect();
  expect(page.ports).toBe(0);
  engine.start();
  expect(page.ports).toBe(1);
  expect(newest().sent).toEqual([{ kind: 'connect' }]);
});

test('an engine that dies is started again, its pages are told; the sixth death in a minute is the last', () => {
  const { engine, deaths, page, connect } = create();
  engine.start();
  connect();
  for (let death = 0; death < 6; death++) {
    newest().end(1);
    vi.advanceTimersByTime(5000);
  }
  expect(deaths).toEqual([0, 250, 500, 1000, 2000, null]);
  expect(page.told.at(-1)).toEqual({ retryMs: null });
  expect(engine.state).toBe('failed');
  expect(running()).toEqual([]);
  engine.start();
  expect(running()).toHaveLength(1);
});

test('an engine that says it cannot open is not started again', () => {
  const { engine, deaths } = create();
  engine.start();
  newest().emit('message', { kind: 'failed', error: { code: 'engine.folder-in-use', message: '' } });
  newest().end(1);
  vi.advanceTimersByTime(60_000);
  expect(Child.all).toHaveLength(1);
  expect(deaths).toEqual([]);
});

test('an engine that V8 gives up on is an engine that dies: the error of Electron does not end the shell', () => {
  const said = vi.spyOn(console, 'error').mockImplementation(() => {});
  const { engine, deaths } = create();
  engine.start();
  newest().emit('error', 'FatalError', 'Builtin', '{"environmentVariables":{"SECRET":"x"}}');
  newest().end(133);
  expect(deaths).toEqual([0]);
  expect(said.mock.calls.join()).toContain('Labwire engine cannot go on');
  expect(said.mock.calls.join()).not.toContain('SECRET');
  said.mockRestore();
  vi.advanceTimersByTime(0);
  expect(running()).toHaveLength(1);
});

test('closing waits for the engine, and ends it when it takes too long', async () => {
  const { engine } = create();
  engine.start();
  const closed = engine.close(8000);
  expect(newest().sent).toEqual([{ kind: 'close' }]);
  vi.advanceTimersByTime(7999);
  expect(running()).toHaveLength(1);
  vi.advanceTimersByTime(1);
  await closed;
  expect(running()).toEqual([]);
  expect(engine.state).toBe('closed');
});

test('in any order of events there is one engine at most, and none after the end', async () => {
  for (let seed = 1; seed <= 200; seed++) {
    Child.all = [];
    const random = seededRandom(seed);
    const { engine, connect } = create();
    const acts = [
      () => engine.start(),
      connect,
      () => running()[0]?.end(1),
      () => running()[0]?.emit('message', { kind: 'ready' }),
      () => vi.advanceTimersByTime(random.next() * 3000),
    ];
    for (let step = 0; step < 60; step++) {
      acts[random.below(acts.length)]?.();
      expect(running().length, `seed ${seed}, step ${step}`).toBeLessThanOrEqual(1);
    }
    const closed = engine.close(1000);
    vi.advanceTimersByTime(1000);
    await closed;
    const count = Child.all.length;
    vi.advanceTimersByTime(120_000);
    expect(Child.all.length, `seed ${seed}`).toBe(count);
    expect(running(), `seed ${seed}`).toEqual([]);
  }
});
