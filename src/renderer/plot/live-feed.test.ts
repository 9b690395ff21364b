import { afterEach, describe, expect, test } from 'vitest';
import { CALLS, type CallParsed, CONTRACT_VERSION } from '../../contract/calls.ts';
import { type Client, connect, greet } from '../../contract/client.ts';
import { encodeFrame } from '../../contract/frame-write.ts';
import type { ColumnsFrameBlock } from '../../contract/frames.ts';
import { createMemoryLinks } from '../../contract/memory-link.ts';
import { type Handlers, type ServedScreen, serve } from '../../contract/serve.ts';
import { LabError } from '../../core/errors.ts';
import { openScopes } from '../../core/scope.ts';
import type { StreamInfo } from '../../core/stream-info.ts';
import { HistoryFeed } from './history-feed.ts';
import { LiveFeed } from './live-feed.ts';

const ORIGIN = 1_700_000_000_000_000_000n;
const STREAM: StreamInfo = {
  id: 7,
  key: 'daq/main',
  instrument: 'daq',
  epoch: 1,
  kind: 'regular',
  columns: [{ channel: 'a', unit: 'V' }],
  rateHz: 1000,
};

interface Engine {
  client: Client;
  served: ServedScreen;
  calls: { name: string; input: unknown }[];
  /** Resolves with the input when the call comes next (or has come unseen). */
  next(name: string): Promise<unknown>;
  end(): Promise<void>;
}

/** The engine's side of the contract over a memory link; frames are sent by the test. */
async function openEngine(overrides: Partial<Handlers> = {}): Promise<Engine> {
  const [screenEnd, engineEnd] = createMemoryLinks();
  const calls: { name: string; input: unknown }[] = [];
  const waiting: { name: string; resolve: (input: unknown) => void }[] = [];
  let taken = 0;
  const note = (name: string, input: unknown): void => {
    calls.push({ name, input });
    const at = waiting.findIndex((item) => item.name === name);
    if (at >= 0) {
      taken = calls.length;
      waiting.splice(at, 1)[0]?.resolve(input);
    }
  };
  const base = {
    'engine.hello': () => ({
      contract: CONTRACT_VERSION,
      version: '1',
      engine: 'test',
      startedNs: '0',
      nowNs: '0',
      dataFolder: '',
      host: 'node' as const,
      rights: [],
    }),
    'stream.watch': () => ({ watch: 3, streams: [STREAM] }),
    'watch.set': () => ({ streams: [STREAM] }),
    'watch.close': () => ({}),
    'watch.seen': () => ({}),
    ...overrides,
  };
  const handlers = Object.fromEntries(
    Object.keys(CALLS).map((name) => [
      name,
      (input: unknown, context: unknown) => {
        note(name, input);
        const handler = (base as Record<string, ((input: unknown, context: unknown) => unknown) | undefined>)[name];
        if (!handler) throw new LabError('call.invalid', `${name} is not for this test`);
        return handler(input, context);
      },
    ]),
  ) as unknown as Handlers;
  const served = serve(engineEnd, handlers, { id: 1, rights: ['view', 'control'], onFault: () => {} });
  const client = connect(screenEnd);
  await greet(client, 'test');
  const next = (name: string): Promise<unknown> => {
    const at = calls.findIndex((item, index) => index >= taken && item.name === name);
    if (at >= 0) {
      taken = at + 1;
      return Promise.resolve(calls[at]?.input);
    }
    return new Promise((resolve) => waiting.push({ name, resolve }));
  };
  const end = async (): Promise<void> => {
    client[Symbol.dispose]();
    await served.closed;
  };
  return { client, served, calls, next, end };
}

function frameOf(id: number, firstRow: number, rows: number, number: number, isReply = false, n = 1): ArrayBuffer {
  const values = Float32Array.from({ length: rows / n }, (_, index) => firstRow + index * n);
  const block: ColumnsFrameBlock = {
    kind: 'columns',
    id,
    isReply,
    stream: STREAM.id,
    isRestart: false,
    channels: [0],
    columns: {
      n,
      firstRow,
      rows,
      length: rows / n,
      t0Ns: ORIGIN + BigInt(firstRow) * 1_000_000n,
      dtS: 0.001,
      timeS: undefined,
      min: [values],
      max: [values],
      flags: undefined,
      isAfterGap: false,
      isPartial: false,
    },
  };
  return encodeFrame({ number, arrivedNs: ORIGIN, blocks: [block] });
}

const WISH = { channels: ['daq/a'], windowS: 10, width: 1024 };

afterEach(() => expect(openScopes()).toEqual([]));

describe('live feed', () => {
  test('watches, stores, acknowledges; changes become one call', async () => {
    const engine = await openEngine();
    let newest = 0;
    using feed = new LiveFeed(ORIGIN, 1000, {
      findStream: () => undefined,
      onSamples: (newestS) => {
        newest = newestS;
      },
      onFault: () => {},
      debounceMs: 1,
    });
    feed.setWish(WISH);
    feed.setClient(engine.client);
    expect(await engine.next('stream.watch')).toMatchObject({
      channels: ['daq/a'],
      mode: { kind: 'columns', windowS: 10, width: 1024 },
    });
    engine.served.screen.sendFrame(frameOf(3, 0, 100, 1));
    expect(await engine.next('watch.seen')).toEqual({ frame: 1 });
    expect(newest).toBeCloseTo(0.099);
    expect(feed.pieces('daq/a', 0, 1)[0]?.end).toBe(100);
    for (const windowS of [20, 30, 60]) feed.setWish({ ...WISH, windowS });
    expect(await engine.next('watch.set')).toMatchObject({ watch: 3, mode: { windowS: 60 } });
    expect(engine.calls.filter((call) => call.name === 'watch.set')).toHaveLength(1);
    await engine.end();
  });

  test('after a break of the link it names the last rows and fills on', async () => {
    const first = await openEngine();
    using feed = new LiveFeed(ORIGIN, 1000, {
      findStream: () => undefined,
      onSamples: () => {},
      onFault: () => {},
      debounceMs: 1,
    });
    feed.setWish(WISH);
    feed.setClient(first.client);
    await first.next('stream.watch');
    first.served.screen.sendFrame(frameOf(3, 0, 50, 1));
    await first.next('watch.seen');
    await first.end();
    feed.setClient(undefined);
    const second = await openEngine();
    feed.setClient(second.client);
    const again = (await second.next('stream.watch')) as CallParsed<'stream.watch'>;
    expect(again.after).toEqual([{ key: 'daq/main', epoch: 1, row: 49 }]);
    second.served.screen.sendFrame(frameOf(3, 50, 50, 1));
    await second.next('watch.seen');
    const [piece] = feed.pieces('daq/a', 0, 1);
    expect([...(piece?.lows.subarray(piece.start, piece.end) ?? [])]).toEqual(
      Array.from({ length: 100 }, (_, row) => row),
    );
    await second.end();
  });

  test('a refusal is told and tried again', async () => {
    let refusals = 0;
    const engine = await openEngine({
      'stream.watch': () => {
        if (refusals++ === 0) throw new LabError('call.limit', 'too many');
        return { watch: 3, streams: [STREAM] };
      },
    });
    const faults: (string | undefined)[] = [];
    using feed = new LiveFeed(ORIGIN, 1000, {
      findStream: () => undefined,
      onSamples: () => {},
      onFault: (error) => faults.push(error?.code),
      debounceMs: 1,
    });
    feed.setWish(WISH);
    feed.setClient(engine.client);
    await engine.next('stream.watch');
    await engine.next('stream.watch');
    expect(faults[0]).toBe('call.limit');
    await engine.end();
  });
});

describe('history feed', () => {
  test('asks once for a view, with a margin inside the limits; the answer covers it', async () => {
    let answered: () => void = () => {};
    const done = new Promise<void>((resolve) => {
      answered = resolve;
    });
    const engine = await openEngine({
      'history.read': ({ request }, { screen }) => {
        screen.sendFrame(frameOf(request, 0, 500, 0, true));
        return { streams: [STREAM], exact: true, nextNs: null };
      },
    });
    using feed = new HistoryFeed({
      origin: 'live',
      originNs: ORIGIN,
      findStream: () => STREAM,
      onAnswer: () => answered(),
      onFault: () => {},
    });
    feed.setClient(engine.client);
    const wish = { channels: ['daq/a'], range: { fromS: 0.1, toS: 0.4 }, width: 300, limits: { fromS: 0, toS: 0.45 } };
    feed.want(wish, 0);
    feed.want(wish, 16);
    const asked = (await engine.next('history.read')) as CallParsed<'history.read'>;
    expect(BigInt(asked.fromNs) - ORIGIN).toBe(0n);
    expect(BigInt(asked.toNs) - ORIGIN).toBe(450_000_000n);
    await done;
    feed.want(wish, 32);
    expect(engine.calls.filter((call) => call.name === 'history.read')).toHaveLength(1);
    expect(feed.covers).toHaveLength(1);
    expect(feed.covers[0]?.pieces('daq/a', 0.1, 0.4)[0]?.lows[0]).toBe(0);
    await engine.end();
  });

  test('goes on where an answer was cut', async () => {
    let answered: () => void = () => {};
    const done = new Promise<void>((resolve) => {
      answered = resolve;
    });
    const engine = await openEngine({
      'history.read': ({ request, fromNs }, { screen }) => {
        const first = Number(BigInt(fromNs) - ORIGIN) / 1e6;
        screen.sendFrame(frameOf(request, first, 100, 0, true));
        return { streams: [STREAM], exact: true, nextNs: first < 200 ? String(BigInt(fromNs) + 100_000_000n) : null };
      },
    });
    using feed = new HistoryFeed({
      origin: 'rec',
      originNs: ORIGIN,
      findStream: () => undefined,
      onAnswer: () => answered(),
      onFault: () => {},
    });
    feed.setClient(engine.client);
    feed.want({ channels: ['daq/a'], range: { fromS: 0, toS: 0.3 }, width: 300, limits: { fromS: 0, toS: 0.3 } }, 0);
    await done;
    const [piece] = feed.covers[0]?.pieces('daq/a', 0, 0.3) ?? [];
    expect(piece && piece.end - piece.start).toBe(300);
    await engine.end();
  });

  test('the rest of an answer in columns of another size takes nothing away', async () => {
    let answered: () => void = () => {};
    const done = new Promise<void>((resolve) => {
      answered = resolve;
    });
    const engine = await openEngine({
      'history.read': ({ request, fromNs }, { screen }) => {
        const first = Number(BigInt(fromNs) - ORIGIN) / 1e6;
        screen.sendFrame(frameOf(request, first, 100, 0, true, first < 200 ? 4 : 1));
        return { streams: [STREAM], exact: true, nextNs: first < 200 ? String(BigInt(fromNs) + 100_000_000n) : null };
      },
    });
    using feed = new HistoryFeed({
      origin: 'rec',
      originNs: ORIGIN,
      findStream: () => undefined,
      onAnswer: () => answered(),
      onFault: () => {},
    });
    feed.setClient(engine.client);
    feed.want({ channels: ['daq/a'], range: { fromS: 0, toS: 0.3 }, width: 300, limits: { fromS: 0, toS: 0.3 } }, 0);
    await done;
    const pieces = feed.covers[0]?.pieces('daq/a', 0, 0.3) ?? [];
    expect(pieces.map((piece) => [piece.rows, piece.end - piece.start])).toEqual([
      [4, 50],
      [1, 100],
    ]);
    expect(feed.covers[0]?.pieces('daq/a', 0, 0.1)[0]?.lows[0]).toBe(0);
    await engine.end();
  });
});
