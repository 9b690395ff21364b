import { describe, expect, it } from 'vitest';
import { ManualClock } from '../core/clock.ts';
import { createDeferred } from '../core/deferred.ts';
import { LabError } from '../core/errors.ts';
import { openScopes } from '../core/scope.ts';
import type { AnswerTableOptions } from './answer-table.ts';
import { AnswerTable } from './answer-table.ts';
import { CALLS, CONTRACT_VERSION, type Right } from './calls.ts';
import { type CallOptions, connect, greet } from './client.ts';
import { createMemoryLinks } from './memory-link.ts';
import type { CallContext, Handlers, ServeOptions } from './serve.ts';
import { serve } from './serve.ts';

const HELLO = {
  contract: CONTRACT_VERSION,
  version: '0',
  engine: 'e',
  startedNs: '1',
  nowNs: '2',
  dataFolder: '/',
  host: 'node',
  rights: ['view'],
} as const;

const ANNA = { user: 'anna', client: '7f', role: 'developer', rights: ['view', 'control'] } as const;
const BOB = { user: 'bob', client: '80', role: 'viewer', rights: ['view'] } as const;

interface Bench {
  clock: ManualClock;
  call: (options?: AsOptions) => Promise<string>;
  seen: CallContext[];
  /** How often it was carried out. */
  runs: () => number;
  answers: AnswerTable;
  close: () => Promise<void>;
}

type AsOptions = Omit<CallOptions, 'as'> & { as?: typeof ANNA | typeof BOB | { rights: Right[] }; control?: string };

/** `instrument.set` as the test wants it, over a memory link; answers `value N` or the code of the error. */
async function openBench(
  set: (context: CallContext, run: number) => Promise<number> | number,
  options: Partial<ServeOptions> = {},
  kept: AnswerTableOptions = {},
): Promise<Bench> {
  const clock = new ManualClock();
  const answers = new AnswerTable(clock, kept);
  const seen: CallContext[] = [];
  let runs = 0;
  const other = Object.fromEntries(Object.keys(CALLS).map((name) => [name, () => ({})]));
  const handlers = {
    ...other,
    'engine.hello': () => HELLO,
    'instrument.set': (_input: unknown, context: CallContext) => {
      seen.push(context);
      const value = set(context, ++runs);
      if (!(value instanceof Promise)) return { readBack: { value } };
      return value.then((later) => ({ readBack: { value: later } }));
    },
  } as unknown as Handlers;
  const [screenEnd, engineEnd] = createMemoryLinks();
  const served = serve(engineEnd, handlers, {
    id: 1,
    rights: ['view', 'control'],
    onFault: (error) => {
      throw error;
    },
    trusted: true,
    orders: { clock, answers },
    ...options,
  });
  const client = connect(screenEnd);
  await greet(client, 'hub');
  return {
    clock,
    seen,
    answers,
    runs: () => runs,
    call: async ({ as, control = 'a', ...rest } = {}) => {
      try {
        const asker = as && { ...ANNA, ...as, rights: [...as.rights] };
        const input = { instrument: 'i', control, value: 1 };
        const { readBack } = await client.call('instrument.set', input, { ...rest, ...(asker ? { as: asker } : {}) });
        return `value ${readBack.value}`;
      } catch (error) {
        return LabError.from(error).code;
      }
    },
    close: async () => {
      client[Symbol.dispose]();
      await served.closed;
      expect(openScopes()).toEqual([]);
    },
  };
}

describe('calls in the name of others', () => {
  it('say who it is, and one caller over several calls', async () => {
    const bench = await openBench(() => 5);
    expect(await bench.call({ as: ANNA })).toBe('value 5');
    expect(await bench.call()).toBe('value 5');
    const [anna, hub] = bench.seen;
    expect(anna).toMatchObject({ who: 'anna (client 7f)', caller: 'client 7f', as: ANNA, rights: ['view', 'control'] });
    expect(hub).toMatchObject({ who: 'hub', caller: 'screen 1', rights: ['view', 'control'] });
    expect(hub?.as).toBeUndefined();
    await bench.close();
  });

  it('are refused over a link that is not trusted, whatever they ask', async () => {
    const bench = await openBench(() => 5, { trusted: false });
    expect(await bench.call({ as: ANNA })).toBe('call.denied');
    expect(bench.runs()).toBe(0);
    expect(await bench.call()).toBe('value 5');
    await bench.close();
  });

  it('have the rights that came with them, never more than the link', async () => {
    const bench = await openBench(() => 5);
    expect(await bench.call({ as: BOB })).toBe('call.denied');
    await bench.close();
    const viewing = await openBench(() => 5, { rights: ['view'] });
    expect(await viewing.call({ as: { rights: ['view', 'control', 'manage'] } })).toBe('call.denied');
    expect(viewing.runs()).toBe(0);
    await viewing.close();
  });
});

describe('deadlines', () => {
  it('end what waits: it is never begun', async () => {
    const bench = await openBench(({ deadline }) => {
      deadline?.hold();
      return new Promise((_resolve, reject) => {
        deadline?.signal.addEventListener('abort', () => reject(deadline.signal.reason), { once: true });
      });
    });
    const call = bench.call({ deadlineMs: 100 });
    await bench.clock.advance(99);
    expect(bench.seen[0]?.deadline?.signal.aborted).toBe(false);
    await bench.clock.advance(1);
    expect(await call).toBe('call.expired');
    expect(bench.seen[0]?.deadline?.signal.aborted).toBe(true);
    await bench.close();
  });

  it('answer what has begun with call.unknown, and let it go on', async () => {
    const value = createDeferred<number>();
    const bench = await openBench(({ deadline }) => {
      deadline?.hold();
      deadline?.begin();
      return value.promise;
    });
    const call = bench.call({ deadlineMs: 100, idem: 'k' });
    await bench.clock.advance(100);
    expect(await call).toBe('call.unknown');
    expect(bench.seen[0]?.deadline?.signal.aborted).toBe(false);
    expect(bench.seen[0]?.signal.aborted).toBe(false);
    value.resolve(7);
    // Who asks again with the same key hears what came of it.
    expect(await bench.call({ deadlineMs: 100, idem: 'k' })).toBe('value 7');
    expect(bench.runs()).toBe(1);
    await bench.close();
  });

  it('count a handler that says nothing as begun', async () => {
    const bench = await openBench(() => new Promise(() => {}));
    const call = bench.call({ deadlineMs: 10 });
    await bench.clock.advance(10);
    expect(await call).toBe('call.unknown');
    await bench.close();
    // It ended with its link.
    expect(bench.seen[0]?.signal.aborted).toBe(true);
  });

  it('hold for what waits when its caller has gone', async () => {
    const bench = await openBench(({ deadline }) => {
      deadline?.hold();
      return new Promise((_resolve, reject) => {
        deadline?.signal.addEventListener('abort', () => reject(deadline.signal.reason), { once: true });
      });
    });
    const call = bench.call({ deadlineMs: 100 });
    await bench.clock.advance(50);
    await bench.close();
    expect(await call).toBe('link.closed');
    await bench.clock.advance(50);
    expect(bench.seen[0]?.deadline?.signal.aborted).toBe(true);
    expect(bench.clock.pending).toBe(0);
  });

  it('count with calls that run on behind their deadline to the limit', async () => {
    const bench = await openBench(() => new Promise(() => {}), { maxCalls: 1 });
    const call = bench.call({ deadlineMs: 10 });
    await bench.clock.advance(10);
    expect(await call).toBe('call.unknown');
    expect(await bench.call()).toBe('call.limit');
    await bench.close();
  });

  it('leave no timer behind what is answered in time', async () => {
    const bench = await openBench((_context, run) => (run === 1 ? 1 : Promise.resolve(2)));
    expect(await bench.call({ deadlineMs: 10 })).toBe('value 1');
    expect(await bench.call({ deadlineMs: 10 })).toBe('value 2');
    expect(bench.clock.pending).toBe(0);
    await bench.close();
  });

  it('and idem are refused where none are kept', async () => {
    const bench = await openBench(() => 5, { orders: undefined });
    expect(await bench.call({ deadlineMs: 10 })).toBe('call.invalid');
    expect(await bench.call({ idem: 'k' })).toBe('call.invalid');
    expect(bench.runs()).toBe(0);
    await bench.close();
  });
});

describe('idem', () => {
  it('carries out once and answers the same, errors too', async () => {
    const bench = await openBench((_context, run) => {
      if (run === 2) throw new LabError('instrument.rejected', 'no');
      return run;
    });
    expect([await bench.call({ idem: 'a' }), await bench.call({ idem: 'a' })]).toEqual(['value 1', 'value 1']);
    expect([await bench.call({ idem: 'b' }), await bench.call({ idem: 'b' })]).toEqual([
      'instrument.rejected',
      'instrument.rejected',
    ]);
    expect(bench.runs()).toBe(2);
    expect(await bench.call()).toBe('value 3');
    await bench.close();
  });

  it('belongs to its caller', async () => {
    const bench = await openBench((_context, run) => run);
    const other = { ...ANNA, client: '99' };
    expect(await bench.call({ idem: 'a', as: ANNA })).toBe('value 1');
    expect(await bench.call({ idem: 'a', as: other as unknown as typeof ANNA })).toBe('value 2');
    expect(await bench.call({ idem: 'a' })).toBe('value 3');
    expect(await bench.call({ idem: 'a', as: ANNA })).toBe('value 1');
    await bench.close();
  });

  it('waits for the first while it runs; giving up the second ends neither', async () => {
    const value = createDeferred<number>();
    const bench = await openBench(() => value.promise);
    const abort = new AbortController();
    const first = bench.call({ idem: 'a' });
    const second = bench.call({ idem: 'a' });
    const third = bench.call({ idem: 'a', signal: abort.signal });
    abort.abort();
    expect(await third).toBe('call.cancelled');
    value.resolve(4);
    expect([await first, await second]).toEqual(['value 4', 'value 4']);
    expect(bench.runs()).toBe(1);
    await bench.close();
  });

  it('is no key for another call', async () => {
    const bench = await openBench(() => 1);
    expect(await bench.call({ idem: 'a' })).toBe('value 1');
    expect(await bench.call({ idem: 'a', control: 'b' })).toBe('call.invalid');
    expect(bench.runs()).toBe(1);
    await bench.close();
  });

  it('is forgotten after 10 min, and where nothing had begun', async () => {
    const bench = await openBench((_context, run) => {
      if (run === 1) throw new LabError('instrument.locked', 'held');
      return run;
    });
    expect(await bench.call({ idem: 'a' })).toBe('instrument.locked');
    expect(await bench.call({ idem: 'a' })).toBe('value 2');
    await bench.clock.advance(599_999);
    expect(await bench.call({ idem: 'a' })).toBe('value 2');
    await bench.clock.advance(1);
    expect(await bench.call({ idem: 'a' })).toBe('value 3');
    await bench.close();
  });

  it('is bounded in number and size: the oldest that are done go first, and calls under way never', async () => {
    const bench = await openBench((_context, run) => (run > 3 ? new Promise(() => {}) : run), {}, { most: 2 });
    for (const idem of ['a', 'b', 'c']) await bench.call({ idem });
    expect(bench.answers.size).toBe(2);
    void bench.call({ idem: 'd' });
    void bench.call({ idem: 'e' });
    expect(await bench.call({ idem: 'f' })).toBe('call.limit');
    expect(bench.answers.size).toBe(2);
    await bench.close();
    const small = await openBench((_context, run) => run, {}, { mostChars: 45 });
    for (const idem of ['a', 'b', 'c']) await small.call({ idem });
    // An answer is {"readBack":{"value":1}}, 24 characters.
    expect(small.answers.size).toBe(1);
    await small.close();
  });
});
