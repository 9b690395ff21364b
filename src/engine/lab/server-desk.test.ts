import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { delay, ManualClock } from '../../core/clock.ts';
import { LabError } from '../../core/errors.ts';
import { seededRandom } from '../../core/seeded-random.ts';
import type { LabServer, LabServerOptions } from '../../lab/lab-server.ts';
import type { LinkSnapshot } from '../../lab/link-state.ts';
import { createMemorySecrets } from '../secret-store.ts';
import { emptyState } from '../state/empty-state.ts';
import { EventLog } from '../state/event-log.ts';
import { StateBoard } from '../state/state-board.ts';
import { ServerDesk } from './server-desk.ts';

/** The lab servers of the bench over any order of what people and servers do; clients are counted, time is moved by hand. */
const URL = 'http://lab:8000';
const AGAIN_MS = 10_000;

class Client implements LabServer {
  readonly url: string;
  readonly dialect = 'vital';
  readonly about = { name: 'lab', version: '1', instance: '', findings: [] };
  /** A missing key is off. */
  readonly features = {} as LabServer['features'];
  readonly clock = { offsetS: 0, uncertaintyS: 0, base: 'none', method: 'none' } as const;
  readonly traffic = {
    messages: 0,
    bytesPerS: 0,
    wireBytes: 0,
    bytes: 0,
    roundTripMs: 0,
    malformed: 0,
    unaccounted: 0,
    dropped: 0,
  };
  readonly equipment = [];
  readonly options: LabServerOptions;
  readonly logout?: () => Promise<void>;
  word: LinkSnapshot['word'] = 'connected';
  readonly #dispose: () => Promise<void>;

  constructor(options: LabServerOptions, canLogout: boolean, dispose: () => Promise<void>) {
    this.url = options.url;
    this.options = options;
    this.#dispose = dispose;
    if (canLogout) this.logout = async () => options.onSession?.(undefined);
  }

  get link(): LinkSnapshot {
    const none = { attempt: 0, maxAttempts: 10, nextTryMs: undefined, streams: 0, polled: 0, pollS: 0 };
    return { ...none, word: this.word, reason: '', error: undefined, sinceMs: 0 };
  }

  onEvent = (): Disposable => ({ [Symbol.dispose]: () => undefined });
  reconnect = (): void => {
    this.word = 'connected';
  };
  disconnect = (): void => {
    this.word = 'disconnected';
  };
  setSocket = (): void => undefined;
  refreshEquipment = async (): Promise<void> => undefined;
  openStream = (): never => lacks();
  readControls = (): never => lacks();
  setControl = (): never => lacks();
  command = (): never => lacks();
  outputsOff = async (): Promise<[]> => [];
  [Symbol.asyncDispose] = (): Promise<void> => this.#dispose();
}

function lacks(): never {
  throw new LabError('server.unsupported', 'Not here.');
}

/** What stands at the address: how it answers, and the clients it has. */
class Place {
  isUp = true;
  canLogout = true;
  looks = 0;
  lookMs = () => 100;
  closeMs = () => 0;
  /** Looks that do not end when they are told to. */
  isDeaf = () => false;
  readonly alive = new Set<Client>();
  most = 0;

  async open(clock: ManualClock, options: LabServerOptions, signal: AbortSignal): Promise<LabServer> {
    this.looks++;
    await delay(clock, this.lookMs(), this.isDeaf() ? undefined : signal);
    if (!this.isUp) throw new LabError('server.unreachable', 'Nobody there.');
    const client = new Client(options, this.canLogout, async () => {
      const ms = this.closeMs();
      if (ms > 0) await delay(clock, ms);
      this.alive.delete(client);
    });
    this.alive.add(client);
    this.most = Math.max(this.most, this.alive.size);
    return client;
  }
}

let folder: string;
let clock: ManualClock;
let place: Place;
let desk: ServerDesk;
let kept: Map<string, string>;
let board: StateBoard;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'labwire-servers-'));
  openDesk();
});

afterEach(async () => {
  await through(desk[Symbol.asyncDispose]());
  expect(place.alive.size, 'clients after the end').toBe(0);
  expect(clock.pending, 'timers after the end').toBe(0);
  await rm(folder, { recursive: true, force: true });
});

function openDesk(): void {
  clock = new ManualClock();
  place = new Place();
  kept = new Map();
  board = new StateBoard(emptyState(folder));
  const secrets = createMemorySecrets();
  desk = new ServerDesk({
    clock,
    board,
    events: new EventLog(clock, board),
    host: { notify: () => undefined },
    secrets: {
      ...secrets,
      read: async (name) => kept.get(name),
      write: async (name, value) => void (value === undefined ? kept.delete(name) : kept.set(name, value)),
    },
    ports: {} as never,
    path: join(folder, 'servers.json'),
    timeoutMs: () => 1000,
    open: (_, options, signal) => place.open(clock, options, signal),
    attached: () => [],
    detach: async () => undefined,
    listed: () => undefined,
    limits: { againMs: AGAIN_MS },
  });
}

/** Time goes on until it is through. */
async function through<T>(promise: Promise<T>): Promise<T> {
  let isOver = false;
  const over = (): void => {
    isOver = true;
  };
  promise.then(over, over);
  while (!isOver) {
    await clock.advance(50);
    await setImmediate();
  }
  return promise;
}

async function added(token?: string): Promise<string> {
  return (await through(desk.add({ url: URL, ...(token === undefined ? {} : { token }) }))).id;
}

const token = (): string | undefined => [...place.alive][0]?.options.token;

describe('tries', () => {
  /** On the bench, and nobody there. */
  async function away(): Promise<string> {
    const id = await added('one');
    place.isUp = false;
    await expect(through(desk.add({ url: URL, token: 'two' }))).rejects.toMatchObject({ code: 'server.unreachable' });
    return id;
  }

  test('two looks at once are one', async () => {
    const id = await away();
    place.isUp = true;
    const before = place.looks;
    desk.reconnect(id);
    desk.reconnect(id);
    await clock.advance(50);
    desk.reconnect(id);
    await clock.advance(AGAIN_MS * 3);
    expect(place.looks - before).toBe(1);
    expect([place.alive.size, token()]).toEqual([1, 'two']);
  });

  test('the retry that falls into a try made by hand makes no second one', async () => {
    const id = await away();
    await clock.advance(AGAIN_MS - 60);
    place.isUp = true;
    desk.reconnect(id);
    await clock.advance(AGAIN_MS * 3);
    expect([place.most, place.alive.size]).toEqual([1, 1]);
  });

  test('disconnected: no try goes on, whatever it still brings; reconnect tries', async () => {
    const id = await away();
    place.isUp = true;
    place.isDeaf = () => true;
    desk.reconnect(id);
    await clock.advance(50);
    desk.disconnect(id);
    const before = place.looks;
    await clock.advance(AGAIN_MS * 10);
    expect([place.looks - before, place.alive.size]).toEqual([0, 0]);
    expect(board.state.servers[0]?.link).toMatchObject({ word: 'disconnected', reason: 'Disconnected by hand.' });
    expect(() => desk.find(id).open).toThrow(/disconnected by hand/);
    desk.reconnect(id);
    await clock.advance(200);
    expect(board.state.servers[0]?.link.word).toBe('connected');
  });

  test('disconnected while it waits for the next try: there is none', async () => {
    const id = await away();
    desk.disconnect(id);
    const before = place.looks;
    await clock.advance(AGAIN_MS * 10);
    expect(place.looks).toBe(before);
    expect(clock.pending).toBe(0);
  });
});

describe('logout', () => {
  test('the token is forgotten while nobody is there, and the next try goes without', async () => {
    const id = await added('one');
    place.isUp = false;
    await expect(through(desk.add({ url: URL, token: 'two' }))).rejects.toThrow();
    expect(kept.size).toBe(1);
    expect(await through(desk.logout(id))).toMatchObject({ login: { state: 'none' } });
    expect(kept.size).toBe(0);
    place.isUp = true;
    await clock.advance(AGAIN_MS * 2);
    expect([place.alive.size, token()]).toEqual([1, undefined]);
  });

  test('a look under way with the token, and a client that knows no logout, are given up for one without', async () => {
    place.canLogout = false;
    const id = await added('one');
    await through(desk.logout(id));
    await clock.advance(500);
    expect([place.alive.size, token(), place.most]).toEqual([1, undefined, 1]);
    const renewed = desk.add({ url: URL, token: 'two' }).catch((error: unknown) => LabError.from(error).code);
    await clock.advance(50);
    await through(desk.logout(id));
    expect(await through(renewed)).toBe('server.closed');
    await clock.advance(500);
    expect([place.alive.size, token(), kept.size]).toEqual([1, undefined, 0]);
  });
});

test('two other tokens at once: one client, with the token that is kept', async () => {
  const id = await added('one');
  const both = ['two', 'three'].map((other) => desk.add({ url: URL, token: other }));
  const results = await through(Promise.allSettled(both));
  expect(results.map(({ status }) => status)).toContain('fulfilled');
  expect([place.most, place.alive.size, token()]).toEqual([1, 1, kept.get(`server:${id}`)]);
});

test('whoever adds it while it is being added waits for the same', async () => {
  const first = desk.add({ url: URL });
  const second = desk.add({ url: URL });
  const other = desk.add({ url: URL, token: 'two' });
  const servers = await through(Promise.all([first, second, other]));
  expect(new Set(servers).size).toBe(1);
  expect([desk.all.length, place.alive.size, token(), place.most]).toEqual([1, 1, 'two', 1]);
});

test.each(Array.from({ length: 24 }, (_, seed) => seed))(
  'in any order: one client at most, none after it is off the bench, the token that holds, no timer left (seed %i)',
  async (seed) => {
    const random = seededRandom(seed);
    place.lookMs = () => random.below(400);
    place.closeMs = () => random.below(200);
    place.isDeaf = () => random.below(2) === 0;
    place.canLogout = random.below(2) === 0;
    const under = new Set<Promise<unknown>>();
    let given = 0;
    const begin = (act: () => unknown): void => {
      const doing = (async () => act())()
        .catch(() => undefined)
        .finally(() => under.delete(doing));
      under.add(doing);
    };
    const acts: (() => void)[] = [
      () => begin(() => desk.add({ url: URL })),
      () => begin(() => desk.add({ url: URL, token: `token-${++given}` })),
      () => begin(() => desk.reconnect(desk.all[0]?.id ?? '')),
      () => begin(() => desk.disconnect(desk.all[0]?.id ?? '')),
      () => begin(() => desk.logout(desk.all[0]?.id ?? '')),
      () => begin(() => desk.set(desk.all[0]?.id ?? '', { webSocket: random.below(2) === 0 })),
      () => {
        place.isUp = !place.isUp;
      },
      () => begin(() => random.below(3) === 0 && desk.remove(desk.all[0]?.id ?? '')),
    ];
    for (let step = 0; step < 60; step++) {
      acts[random.below(acts.length)]?.();
      if (random.below(3) > 0) await clock.advance(random.below(random.below(8) === 0 ? 12_000 : 300));
      if (random.below(4) === 0) await setImmediate();
      expect(place.most, `clients at once, step ${step}`).toBeLessThanOrEqual(1);
      expect(desk.all.length).toBeLessThanOrEqual(1);
    }
    await through(Promise.all(under));
    place.isUp = true;
    const [server] = desk.all;
    if (server) {
      desk.reconnect(server.id);
      await through(delay(clock, 2 * AGAIN_MS));
      expect([place.alive.size, server.lab], 'reconnect leads to a client').toEqual([1, [...place.alive][0]]);
      if (!server.lab?.logout) expect(token(), 'the token that is kept').toBe(kept.get(`server:${server.id}`));
      await through(desk.remove(server.id));
    }
    expect([place.alive.size, clock.pending, kept.size], 'off the bench').toEqual([0, 0, 0]);
    expect(board.state.servers).toEqual([]);
    expect(place.most).toBeLessThanOrEqual(1);
  },
);
